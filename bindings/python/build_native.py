"""Builds trommel._native from the installed trommel.h.

pkg-config says where the library is. With TROMMEL_STATIC=1 the library goes into the module itself, which then runs
where none is installed.
"""

import os
import re
import subprocess
from pathlib import Path

from cffi import FFI


def pkg_config(*arguments: str) -> "list[str]":
    command = [os.environ.get("PKG_CONFIG", "pkg-config"), *arguments, "trommel"]
    try:
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    except (OSError, subprocess.CalledProcessError) as error:
        detail = getattr(error, "stderr", "") or error
        raise SystemExit(f"libtrommel is not to be found through pkg-config: {detail}") from None


def declarations(header: str) -> str:
    """The header as cffi reads it: no comments, no conditionals, constants without their values."""
    text = re.sub(r"/\*.*?\*/|//[^\n]*", "", header, flags=re.S)
    constants = re.findall(r"^#define (TRM_[A-Z_]+) +\S", text, flags=re.M)
    # Line by line: whatever stands between #ifdef __cplusplus and #endif is not C.
    kept, inside = [], 0
    for line in text.splitlines():
        if line.startswith("#if"):
            inside += "__cplusplus" in line
        elif line.startswith("#endif"):
            inside = 0
        elif not inside and not line.startswith("#"):
            kept.append(line)
    body = "\n".join(kept)
    body = body[body.index("typedef") :]  # before that: what defines TRM_API
    body = re.sub(r"\bTRM_API\b", "", body)
    return "".join(f"#define {name} ...\n" for name in constants if name != "TRM_API") + body


include = Path(pkg_config("--variable=includedir")[0])
library = Path(pkg_config("--variable=libdir")[0])

ffibuilder = FFI()
ffibuilder.cdef(declarations((include / "trommel.h").read_text(encoding="utf-8")))
if os.environ.get("TROMMEL_STATIC") == "1":
    where = {
        "extra_objects": [str(library / "libtrommel.a")],
        "libraries": ["pthread", "m", "dl"],
        # Nothing of the library is to be seen from outside the module.
        "extra_link_args": ["-Wl,--exclude-libs,ALL"],
    }
else:
    where = {"libraries": ["trommel"], "library_dirs": [str(library)]}
ffibuilder.set_source("trommel._native", '#include "trommel.h"', include_dirs=[str(include)], **where)
