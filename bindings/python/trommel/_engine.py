"""Engines: scan jobs in, matches out."""

from __future__ import annotations

import asyncio
import itertools
import threading
from typing import TYPE_CHECKING, Any, Dict, Iterable, List, NamedTuple, Optional, Tuple

from ._errors import Error, Status, check, new_detail
from ._native import ffi, lib
from ._rules import Match, Rules, growing, matches_of

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Buffer
else:
    Buffer = Any

_PROCESSORS = {"any": lib.TRM_PROCESSOR_ANY, "gpu": lib.TRM_PROCESSOR_GPU, "cpu": lib.TRM_PROCESSOR_CPU}
_MODES = {"auto": lib.TRM_MODE_AUTO, "force": lib.TRM_MODE_FORCE, "disable": lib.TRM_MODE_DISABLE}
_DELIVERIES = {"all": lib.TRM_DELIVER_ALL, "hits": lib.TRM_DELIVER_HITS, "none": lib.TRM_DELIVER_NONE}
_AT_ONCE = 1024
_TEXTS_A_CALL = 256


class Completion(NamedTuple):
    """What became of one item. ``match_count`` is the true number; fewer are in ``matches`` where truncated."""

    ticket: int
    correlation: int
    rule_set: int
    status: Status
    match_count: int
    matches: List[Match]


def _choice(name: str, value: str, known: Dict[str, int]) -> int:
    if value not in known:
        raise ValueError(f"{name} is {value!r}: choose one of {', '.join(known)}")
    return known[value]


def _nanoseconds(timeout: Optional[float]) -> int:
    return -1 if timeout is None else min(int(max(timeout, 0) * 1e9), 2**63 - 1)


class Engine:
    """Takes scan jobs and gives their matches. Any number of threads may use one; ``attach`` makes a handle with
    answers of its own. Use it in a with statement, or call close."""

    def __init__(
        self,
        *,
        processor: str = "any",
        mode: str = "auto",
        delivery: str = "all",
        ring_size: int = 0,
        arena_bytes: int = 0,
        adapter: Optional[str] = None,
        cpu_threads: int = 0,
        max_rule_sets: int = 0,
        max_matches_per_item: int = 0,
    ) -> None:
        options, detail = ffi.new("trm_options *"), new_detail()
        check(lib.trm_options_init(options, ffi.sizeof("trm_options")))
        options.processor = _choice("processor", processor, _PROCESSORS)
        options.mode = _choice("mode", mode, _MODES)
        options.delivery = _choice("delivery", delivery, _DELIVERIES)
        options.cpu_threads = cpu_threads
        options.ring_size = ring_size or options.ring_size
        options.arena_bytes = arena_bytes or options.arena_bytes
        options.max_rule_sets = max_rule_sets or options.max_rule_sets
        options.max_matches_per_item = max_matches_per_item or options.max_matches_per_item
        name = ffi.new("char[]", adapter.encode()) if adapter is not None else ffi.NULL
        options.adapter = name
        out = ffi.new("trm_engine **")
        check(lib.trm_engine_create(options, out, detail), detail)
        self._begin(out[0])

    def _begin(self, handle: Any) -> None:
        self._handle = ffi.gc(handle, lib.trm_engine_destroy)
        self._completions = ffi.new("trm_completion[]", _AT_ONCE)
        self._matches = ffi.new("trm_match[]", 4 * _AT_ONCE)
        self._collecting = threading.Lock()  # the two arrays above are one thread's at a time
        self._waiting: Dict[int, asyncio.Future[List[Match]]] = {}
        self._loop: Optional[asyncio.AbstractEventLoop] = None

    def attach(self) -> Engine:
        """Another handle on the same engine: what it submits is collected from it."""
        out, detail = ffi.new("trm_engine **"), new_detail()
        check(lib.trm_engine_attach(self._handle, out, detail), detail)
        engine = Engine.__new__(Engine)
        engine._begin(out[0])
        return engine

    def load(self, rule_set: int, rules: Rules) -> None:
        """Puts rules under a number that items name, also over older ones and while the engine runs."""
        detail = new_detail()
        check(lib.trm_engine_load_rules(self._handle, rule_set, rules._handle, detail), detail)

    def unload(self, rule_set: int) -> None:
        """Takes rules away; items in flight keep them."""
        check(lib.trm_engine_unload_rules(self._handle, rule_set))

    def scan(self, rule_set: int, data: Buffer) -> List[Match]:
        """All matches in data at once, of any length, on the calling thread."""
        view, detail = ffi.from_buffer(data), new_detail()
        return growing(
            lambda room, size, count: lib.trm_scan(self._handle, rule_set, view, len(view), room, size, count, detail), detail
        )

    # ---- a stream of items ----

    def submit(self, rule_set: int, data: Buffer, correlation: int = 0) -> Optional[int]:
        """Takes a copy of data as one item. Its ticket; None: ring or arena are full, so collect and try again."""
        view, ticket = ffi.from_buffer(data), ffi.new("trm_ticket *")
        if len(view) > 2**32 - 1:
            raise Error(Status.RANGE, f"an item of {len(view)} bytes is larger than any arena: use scan")
        status = lib.trm_submit(self._handle, view, len(view), rule_set, correlation, ticket)
        if status in (Status.QUEUE_FULL, Status.ARENA_FULL):
            return None
        check(status)
        return int(ticket[0])

    def submit_many(self, rule_set: int, texts: Iterable[Tuple[int, Buffer]]) -> int:
        """Submits (correlation, data) pairs until one does not fit; how many were taken. Many go in with one call, so this
        is faster than ``submit`` for each. An iterator may have been read further than that: give a sequence to go on."""
        taken, pairs = 0, iter(texts)
        while some := list(itertools.islice(pairs, _TEXTS_A_CALL)):
            accepted = self._submit_some(rule_set, some)
            taken += accepted
            if accepted < len(some):
                break
        return taken

    def _submit_some(self, rule_set: int, pairs: List[Tuple[int, Buffer]]) -> int:
        views = [ffi.from_buffer(data) for _, data in pairs]
        room, accepted = ffi.new("trm_text[]", len(pairs)), ffi.new("size_t *")
        for text, view, (correlation, _) in zip(room, views, pairs):
            if len(view) > 2**32 - 1:
                raise Error(Status.RANGE, f"an item of {len(view)} bytes is larger than any arena: use scan")
            text.bytes, text.len, text.rule_set_id, text.correlation = view, len(view), rule_set, correlation
        done = 0
        while done < len(pairs):
            status = lib.trm_submit_batch(self._handle, room + done, len(pairs) - done, ffi.NULL, accepted)
            if status in (Status.QUEUE_FULL, Status.ARENA_FULL):
                break
            check(status)
            done += accepted[0]
        return done

    def collect(self, timeout: Optional[float] = None) -> List[Completion]:
        """What is finished, up to 1024 items; waits for the first, for ever without a timeout. Empty: the time was
        up."""
        counts, found = ffi.new("size_t *"), ffi.new("size_t *")
        with self._collecting:
            while True:
                status = lib.trm_collect(
                    self._handle,
                    _nanoseconds(timeout),
                    self._completions,
                    _AT_ONCE,
                    counts,
                    self._matches,
                    len(self._matches),
                    found,
                )
                if status == Status.BUFFER and found[0] > len(self._matches):
                    self._matches = ffi.new("trm_match[]", found[0])  # nothing was taken
                    continue
                if status in (Status.EMPTY, Status.TIMEOUT):
                    return []
                check(status)
                return self._taken(counts[0], found[0])

    def _taken(self, count: int, found: int) -> List[Completion]:
        done = self._completions[0:count]
        # An item's matches end where the next one's begin: items stand in the order of their matches.
        ends = [self._completions[i].first_match for i in range(1, count)] + [found]
        return [
            Completion(
                c.ticket,
                c.correlation,
                c.rule_set_id,
                Status(c.status),
                c.match_count,
                matches_of(self._matches, c.first_match, end - c.first_match),
            )
            for c, end in zip(done, ends)
        ]

    # ---- asyncio ----

    async def scan_async(self, rule_set: int, data: Buffer) -> List[Match]:
        """The matches in data, without blocking the event loop. Each handle serves one loop, and what it submits this
        way must not be collected otherwise."""
        loop = asyncio.get_running_loop()
        if self._loop is not loop:
            if self._loop is not None and self._waiting:
                raise RuntimeError("this handle is used by another event loop: attach one for each")
            fd = ffi.new("int32_t *")
            check(lib.trm_event_fd(self._handle, fd))
            self._loop, self._fd = loop, fd[0]
        while True:
            ticket = self.submit(rule_set, data)
            if ticket is not None:
                break
            # Full: somebody of this loop has to get an answer first.
            if self._waiting:
                await asyncio.wait(list(self._waiting.values()), return_when=asyncio.FIRST_COMPLETED)
            else:
                await asyncio.sleep(0.001)
        answer: asyncio.Future[List[Match]] = loop.create_future()
        if not self._waiting:
            loop.add_reader(self._fd, self._deliver)
        self._waiting[ticket] = answer
        return await answer

    def _deliver(self) -> None:
        # Until nothing is left: only then does the descriptor fall silent.
        while True:
            items = self.collect(0)
            for item in items:
                answer = self._waiting.pop(item.ticket, None)
                if answer is None or answer.done():  # cancelled, for one
                    continue
                if item.status in (Status.OK, Status.TRUNCATED):
                    answer.set_result(item.matches)
                else:
                    answer.set_exception(Error(item.status))
            if not items:
                break
        if not self._waiting and self._loop is not None:
            self._loop.remove_reader(self._fd)

    # ---- the end ----

    @property
    def in_flight(self) -> int:
        """Items accepted and not yet collected."""
        return int(lib.trm_engine_in_flight(self._handle))

    def drain(self, timeout: Optional[float] = None) -> bool:
        """Takes no new work and waits for what was accepted; False: the time was up. Answers can still be collected."""
        status = lib.trm_engine_close(self._handle, _nanoseconds(timeout))
        if status == Status.TIMEOUT:
            return False
        check(status)
        return True

    def close(self) -> None:
        """Ends the handle; answers that were not collected are dropped."""
        if self._loop is not None and self._waiting and not self._loop.is_closed():
            self._loop.remove_reader(self._fd)
            for answer in self._waiting.values():
                answer.cancel()
            self._waiting.clear()
        handle, self._handle = self._handle, ffi.NULL
        if handle != ffi.NULL:
            ffi.release(handle)

    def __enter__(self) -> Engine:
        return self

    def __exit__(
        self, kind: Optional[type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        self.close()
