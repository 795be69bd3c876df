# What cffi builds has no types of its own.
from typing import Any

ffi: Any
lib: Any
