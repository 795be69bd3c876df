"""Patterns, compiled rules, matches."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Iterable, List, NamedTuple, Optional, Union

from ._errors import CompileError, Status, check, message_of, new_detail
from ._native import ffi, lib

if TYPE_CHECKING:
    from typing_extensions import Buffer
else:
    Buffer = Any

_MATCH = struct.Struct("=QQII")
_MOST_PROBLEMS = 64


@dataclass(frozen=True)
class Pattern:
    """A literal or a regular expression in the syntax of Rust's regex crate; a str is its UTF-8."""

    bytes: Union[bytes, str]
    id: int = 0
    flags: int = 0


class Match(NamedTuple):
    """Where a rule matched, in bytes."""

    start: int
    end: int
    rule_id: int


class RuleInfo(NamedTuple):
    """What became of one pattern. ``max_len`` is None where it has no bound."""

    id: int
    flags: int
    tier: str
    min_len: int
    max_len: Optional[int]
    why: str


_TIERS = {
    lib.TRM_TIER_LITERAL: "literal",
    lib.TRM_TIER_FACTOR: "factor",
    lib.TRM_TIER_RUN: "run",
    lib.TRM_TIER_CONFIRM: "confirm",
    lib.TRM_TIER_HOST: "host",
}


def matches_of(array: Any, first: int, count: int) -> List[Match]:
    """Matches that C wrote, as Python's."""
    raw = ffi.buffer(array + first, count * _MATCH.size) if count else b""
    return [Match(start, end, rule) for start, end, rule, _ in _MATCH.iter_unpack(raw)]


class Rules:
    """Compiled patterns: immutable, for any number of threads and engines."""

    def __init__(self, patterns: Iterable[Pattern], *, semantics: int = 0, threads: int = 0, max_memory: int = 0) -> None:
        given = list(patterns)
        # `kept` owns the bytes until compiling is over.
        kept = [p.bytes.encode() if isinstance(p.bytes, str) else p.bytes for p in given]
        array = ffi.new("trm_pattern[]", len(given))
        for entry, pattern, raw in zip(array, given, kept):
            entry.bytes, entry.len = ffi.from_buffer(raw), len(raw)
            entry.id, entry.flags = pattern.id, pattern.flags
        options = ffi.new("trm_compile_options *", {"struct_size": ffi.sizeof("trm_compile_options")})
        options.semantics, options.threads, options.max_memory = semantics, threads, max_memory
        problems = ffi.new("trm_error[]", _MOST_PROBLEMS)
        problems[0].struct_size = ffi.sizeof("trm_error")
        count = ffi.new("size_t *")
        out = ffi.new("trm_rules **")
        status = lib.trm_rules_compile(
            array, ffi.sizeof("trm_pattern"), len(given), options, out, problems, _MOST_PROBLEMS, count
        )
        if status != lib.TRM_OK:
            raise CompileError(status, [_problem(p) for p in problems[0 : min(count[0], _MOST_PROBLEMS)]])
        self._take(out[0])

    def _take(self, handle: Any) -> None:
        self._handle = ffi.gc(handle, lib.trm_rules_destroy)

    def scan(self, data: Buffer) -> List[Match]:
        """All matches in data, sorted by (end, start, rule). An Engine is faster for many texts."""
        view, detail = ffi.from_buffer(data), new_detail()
        return growing(lambda room, size, count: lib.trm_rules_scan(self._handle, view, len(view), room, size, count, detail), detail)

    def info(self) -> List[RuleInfo]:
        """How each pattern is executed, in the order of the patterns."""
        count = ffi.new("size_t *")
        lib.trm_rules_info(self._handle, ffi.NULL, ffi.sizeof("trm_rule_info"), 0, count)
        room = ffi.new("trm_rule_info[]", max(count[0], 1))
        check(lib.trm_rules_info(self._handle, room, ffi.sizeof("trm_rule_info"), count[0], count))
        return [
            RuleInfo(
                r.id,
                r.flags,
                _TIERS.get(r.tier, "unknown"),
                r.min_len,
                None if r.max_len == lib.TRM_UNBOUNDED else r.max_len,
                ffi.string(r.why).decode("utf-8", "replace"),
            )
            for r in room[0 : count[0]]
        ]

    def to_bytes(self) -> bytes:
        """The rules as bytes that from_bytes loads without compiling."""
        needed = ffi.new("size_t *")
        status = lib.trm_rules_serialize(self._handle, ffi.NULL, 0, needed)
        if status != lib.TRM_ERR_BUFFER:
            check(status)
        room = ffi.new("char[]", needed[0])
        check(lib.trm_rules_serialize(self._handle, room, needed[0], needed))
        return bytes(ffi.buffer(room, needed[0]))

    @classmethod
    def from_bytes(cls, saved: Buffer) -> Rules:
        """Rules that to_bytes wrote; damaged or foreign bytes are refused."""
        view, detail, out = ffi.from_buffer(saved), new_detail(), ffi.new("trm_rules **")
        check(lib.trm_rules_deserialize(view, len(view), out, detail), detail)
        rules = cls.__new__(cls)
        rules._take(out[0])
        return rules


def _problem(detail: Any) -> CompileError.Problem:
    known = detail.pattern_index != 2**32 - 1
    return CompileError.Problem(
        detail.pattern_index if known else None,
        detail.pattern_id if known else None,
        detail.byte_offset,
        message_of(detail),
    )


def growing(scan: Any, detail: Any) -> List[Match]:
    """Calls again with more room where there was too little."""
    size, count = 64, ffi.new("size_t *")
    while True:
        room = ffi.new("trm_match[]", size)
        status = scan(room, size, count)
        if status == Status.BUFFER and count[0] > size:
            size = count[0]
            continue
        check(status, detail)
        return matches_of(room, 0, count[0])
