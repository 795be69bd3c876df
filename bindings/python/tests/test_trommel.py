import asyncio
import gc
import mmap
import threading
import time
from pathlib import Path

import pytest

import trommel
from trommel import CASELESS, LITERAL, Engine, Match, Pattern, Rules

TEXT = b"a fox met another FOX at 10:42"
WANTED = [Match(2, 5, 7), Match(18, 21, 7), Match(25, 30, 8)]


@pytest.fixture
def rules() -> Rules:
    return Rules([Pattern(b"fox", 7, LITERAL | CASELESS), Pattern("[0-9]+:[0-9]+", 8)])


@pytest.fixture
def engine(rules: Rules):
    with Engine(processor="cpu") as engine:
        engine.load(0, rules)
        yield engine


def test_every_kind_of_buffer(rules: Rules, engine: Engine, tmp_path: Path) -> None:
    path = tmp_path / "text"
    path.write_bytes(TEXT)
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        for data in (TEXT, bytearray(TEXT), memoryview(b"--" + TEXT)[2:], mapped, memoryview(mapped)):
            assert rules.scan(data) == WANTED
            assert engine.scan(0, data) == WANTED
            if isinstance(data, memoryview):
                data.release()
        # Nothing holds the file's memory any longer: else closing it would fail.
        gc.collect()
    assert rules.scan(b"") == []
    assert len(rules.scan(b"fox " * 1000)) == 1000
    with pytest.raises((TypeError, BufferError)):
        rules.scan("text is not bytes")  # type: ignore[arg-type]
    with pytest.raises(BufferError):
        rules.scan(memoryview(b"abcd")[::2])


def test_every_problem_of_a_set_is_told() -> None:
    with pytest.raises(trommel.CompileError) as caught:
        Rules([Pattern("a("), Pattern("fine"), Pattern("x**)", id=9)])
    assert caught.value.status == trommel.Status.PATTERN
    assert [(p.index, p.id) for p in caught.value.problems] == [(0, 0), (2, 9)]
    assert all(p.message for p in caught.value.problems)


def test_rules_as_bytes(rules: Rules) -> None:
    saved = rules.to_bytes()
    assert Rules.from_bytes(saved).scan(TEXT) == WANTED
    for damaged in (b"", saved[: len(saved) // 2], b"x" + saved):
        with pytest.raises(trommel.Error) as caught:
            Rules.from_bytes(damaged)
        assert caught.value.status == trommel.Status.FORMAT


def test_info(rules: Rules) -> None:
    literal, regex = rules.info()
    assert (literal.id, literal.tier, literal.min_len, literal.max_len) == (7, "literal", 3, 3)
    assert (regex.id, regex.min_len, regex.max_len) == (8, 3, None)
    assert Rules([]).info() == []


def test_stream_from_threads(engine: Engine) -> None:
    failures, finished = [], []

    def work() -> None:
        with engine.attach() as handle:
            seen, following = set(), iter(range(3000))
            left, current = 3000, next(following, None)
            while left:
                while current is not None and handle.submit(0, TEXT if current % 3 else b"", current) is not None:
                    current = next(following, None)
                for item in handle.collect(1):
                    wanted = WANTED if item.correlation % 3 else []
                    if item.correlation in seen or item.matches != wanted or item.status != trommel.Status.OK:
                        failures.append(item)
                    seen.add(item.correlation)
                    left -= 1
            finished.append(len(seen))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert finished == [3000] * 4
    assert engine.in_flight == 0


def test_answers_and_refusals(engine: Engine) -> None:
    assert engine.collect(0) == []
    with pytest.raises(trommel.Error) as caught:
        engine.submit(5, TEXT)
    assert caught.value.status == trommel.Status.NO_RULES
    with pytest.raises(trommel.Error) as caught:
        Engine(ring_size=3)
    assert "4" in str(caught.value)
    with pytest.raises(ValueError, match="cpu"):
        Engine(processor="abacus")
    assert engine.submit_many(0, [(1, b"fox"), (2, b"")]) == 2
    assert engine.drain(10)
    assert sorted((c.correlation, len(c.matches)) for c in engine.collect()) == [(1, 1), (2, 0)]
    with pytest.raises(trommel.Error) as caught:
        engine.collect()
    assert caught.value.status == trommel.Status.CLOSED
    engine.close()
    engine.close()
    with pytest.raises(trommel.Error):
        engine.scan(0, TEXT)


def test_many_texts_at_once(rules: Rules) -> None:
    with Engine(processor="cpu", ring_size=64) as engine:
        engine.load(0, rules)
        texts = [(n, b"fox" if n % 3 == 0 else b"") for n in range(1000)]
        taken, found = 0, {}
        while len(found) < len(texts):
            accepted = engine.submit_many(0, texts[taken:])
            assert accepted <= 64
            taken += accepted
            found.update((c.correlation, len(c.matches)) for c in engine.collect(10))
        assert found == {n: int(n % 3 == 0) for n in range(1000)}
        with pytest.raises(trommel.Error) as caught:
            engine.submit_many(7, texts[:3])
        assert caught.value.status == trommel.Status.NO_RULES


def test_the_lock_is_released_while_waiting(engine: Engine) -> None:
    ticks = 0
    waiting = threading.Thread(target=engine.collect, args=(0.5,))
    waiting.start()
    while waiting.is_alive():
        ticks += 1
        time.sleep(0.001)
    assert ticks > 10


def test_asyncio(rules: Rules) -> None:
    async def run() -> None:
        with Engine(processor="cpu", ring_size=16) as engine:
            engine.load(0, rules)
            answers = await asyncio.gather(*(engine.scan_async(0, TEXT if i % 2 else b"") for i in range(500)))
            assert answers == [WANTED if i % 2 else [] for i in range(500)]
            # A cancelled one takes nobody else's answer, and silence in between is no trouble.
            task = asyncio.ensure_future(engine.scan_async(0, TEXT))
            await asyncio.sleep(0)
            task.cancel()
            assert await engine.scan_async(0, TEXT) == WANTED
            with pytest.raises(trommel.Error):
                await engine.scan_async(9, TEXT)

    asyncio.run(asyncio.wait_for(run(), 60))
