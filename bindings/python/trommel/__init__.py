"""Scans many small pieces of bytes for many patterns at once.

>>> import trommel
>>> rules = trommel.Rules([trommel.Pattern("fox", id=7, flags=trommel.CASELESS)])
>>> rules.scan(b"a fox met another FOX")
[Match(start=2, end=5, rule_id=7), Match(start=18, end=21, rule_id=7)]

Whatever has a contiguous buffer is scanned without a copy: bytes, bytearray, memoryview, mmap, array, NumPy arrays. The
interpreter lock is released during every call into the library.
"""

from ._engine import Completion, Engine
from ._errors import CompileError, Error, Status
from ._flags import (
    ALL_ENDS,
    CASELESS,
    DOTALL,
    LEFTMOST,
    LITERAL,
    MULTILINE,
    SINGLE,
    START,
    UNICODE,
)
from ._rules import Match, Pattern, RuleInfo, Rules
from ._native import ffi as _ffi, lib as _lib

if _lib.trm_abi_version() != _lib.TRM_ABI_VERSION:
    raise ImportError(
        f"libtrommel has ABI version {_lib.trm_abi_version()}, this package was built for {_lib.TRM_ABI_VERSION}: "
        "install the package again"
    )

#: The version of the library that is loaded.
library_version: str = _ffi.string(_lib.trm_version_string()).decode()

__all__ = [
    "ALL_ENDS",
    "CASELESS",
    "DOTALL",
    "LEFTMOST",
    "LITERAL",
    "MULTILINE",
    "SINGLE",
    "START",
    "UNICODE",
    "CompileError",
    "Completion",
    "Engine",
    "Error",
    "Match",
    "Pattern",
    "RuleInfo",
    "Rules",
    "Status",
    "library_version",
]
