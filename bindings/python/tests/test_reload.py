"""A program may open the library itself, close it and open it again; the module, once imported, stays."""

import _ctypes
import ctypes
import os


def test_open_close_and_open_again() -> None:
    path = os.environ["TROMMEL_LIBRARY"]
    for _ in range(3):
        library = ctypes.CDLL(path)
        library.trm_version_string.restype = ctypes.c_char_p
        assert library.trm_version_string().count(b".") == 2
        engine = ctypes.c_void_p()
        assert library.trm_engine_create(None, ctypes.byref(engine), None) == 0
        library.trm_engine_destroy.argtypes = [ctypes.c_void_p]
        library.trm_engine_destroy.restype = None
        library.trm_engine_destroy(engine)
        _ctypes.dlclose(library._handle)
