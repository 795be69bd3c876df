"""Statuses and exceptions."""

from __future__ import annotations

from enum import IntEnum
from typing import Any, Optional, Sequence

from ._native import ffi, lib


class Status(IntEnum):
    """What a call answers. Above 0 are answers, below 0 errors."""

    OK = lib.TRM_OK
    PENDING = lib.TRM_PENDING
    TIMEOUT = lib.TRM_TIMEOUT
    EMPTY = lib.TRM_EMPTY
    TAKEN = lib.TRM_TAKEN
    QUEUE_FULL = lib.TRM_QUEUE_FULL
    ARENA_FULL = lib.TRM_ARENA_FULL
    TRUNCATED = lib.TRM_TRUNCATED
    CANCELLED = lib.TRM_CANCELLED
    NULL = lib.TRM_ERR_NULL
    INVALID = lib.TRM_ERR_INVALID
    HANDLE = lib.TRM_ERR_HANDLE
    RANGE = lib.TRM_ERR_RANGE
    NO_RULES = lib.TRM_ERR_NO_RULES
    TICKET = lib.TRM_ERR_TICKET
    BUFFER = lib.TRM_ERR_BUFFER
    PATTERN = lib.TRM_ERR_PATTERN
    LIMIT = lib.TRM_ERR_LIMIT
    FORMAT = lib.TRM_ERR_FORMAT
    UNSUPPORTED = lib.TRM_ERR_UNSUPPORTED
    DEVICE = lib.TRM_ERR_DEVICE
    MEMORY = lib.TRM_ERR_MEMORY
    CLOSED = lib.TRM_ERR_CLOSED
    FORKED = lib.TRM_ERR_FORKED
    PANIC = lib.TRM_ERR_PANIC
    IO = lib.TRM_ERR_IO
    #: A status of a newer library.
    UNKNOWN = -(2**31)

    @classmethod
    def _missing_(cls, value: object) -> Status:
        return cls.UNKNOWN


class Error(Exception):
    """The library refused a call; str() is its own sentence."""

    def __init__(self, status: int, message: str = "") -> None:
        self.status = Status(status)
        super().__init__(message or ffi.string(lib.trm_status_string(status)).decode())


class CompileError(Error):
    """Something is wrong with patterns. ``problems`` has all of it, in their order."""

    class Problem:
        """One pattern's problem."""

        def __init__(self, index: Optional[int], id: Optional[int], offset: int, message: str) -> None:
            self.index, self.id, self.offset, self.message = index, id, offset, message

        def __repr__(self) -> str:
            return f"pattern {self.index}, offset {self.offset}: {self.message}"

    def __init__(self, status: int, problems: Sequence[Problem]) -> None:
        self.problems = list(problems)
        super().__init__(status, "; ".join(map(repr, self.problems)))


def new_detail() -> Any:
    """A trm_error, ready to be filled in."""
    return ffi.new("trm_error *", {"struct_size": ffi.sizeof("trm_error")})


def message_of(detail: Any) -> str:
    text: bytes = ffi.string(detail.message)
    return text.decode("utf-8", "replace")


def check(status: int, detail: Any = None) -> None:
    """Raises for whatever is not OK."""
    if status != lib.TRM_OK:
        raise Error(status, message_of(detail) if detail is not None else "")
