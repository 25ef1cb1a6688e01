"""Reading logs: over attempts, while they are written, and as a follower."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest
from tests.support.attempts import Gate, python

from runyard.core import logs
from runyard.core.clock import SystemClock
from runyard.core.engines import AttemptId, AttemptState, EngineEvents
from runyard.core.engines.local import LocalEngine
from runyard.core.logs import LogHub, LogLine, LogReader, iter_lines, line_count
from runyard.core.node.attempt_log import STDOUT, AttemptLog


def write_attempt(run_dir: Path, number: int, texts: list[bytes]) -> AttemptLog:
    directory = run_dir / str(number)
    directory.mkdir(parents=True)
    log = AttemptLog(str(directory), 1_000_000_000)
    log.write(STDOUT, texts)
    return log


def texts(lines: list[LogLine]) -> list[str]:
    return [line.text for line in lines]


async def always() -> bool:
    return True


async def never() -> bool:
    return False


def test_a_run_without_a_log_has_no_lines(tmp_path: Path) -> None:
    assert list(iter_lines(tmp_path)) == []
    assert line_count(tmp_path / "1") == 0


def test_attempts_are_read_one_after_the_other_and_numbered_through(tmp_path: Path) -> None:
    write_attempt(tmp_path, 1, [b"a", b"b"])
    write_attempt(tmp_path, 2, [])
    write_attempt(tmp_path, 3, [b"c", b"d"])
    lines = list(iter_lines(tmp_path))
    assert [(line.number, line.text) for line in lines] == [(0, "a"), (1, "b"), (2, "c"), (3, "d")]
    for start in range(6):
        assert list(iter_lines(tmp_path, start)) == lines[start:]


def test_a_reader_goes_on_where_it_stopped_and_into_the_next_attempt(tmp_path: Path) -> None:
    log = write_attempt(tmp_path, 1, [b"a", b"b", b"c"])
    reader = LogReader(tmp_path)
    assert texts(reader.read(limit=2)) == ["a", "b"]
    assert texts(reader.read()) == ["c"]
    assert reader.read() == []
    log.write(STDOUT, [b"d"])
    write_attempt(tmp_path, 2, [b"e"])
    assert texts(reader.read()) == ["d"]
    assert texts(reader.read()) == ["e"]


def test_a_record_that_is_being_written_waits_for_its_end(tmp_path: Path) -> None:
    write_attempt(tmp_path, 1, [b"whole"])
    path = tmp_path / "1" / "log"
    reader = LogReader(tmp_path)
    for byte in b"2\t1795302273751983\tE\tto":
        with path.open("ab") as file:
            file.write(bytes([byte]))
        assert line_count(tmp_path / "1") == 1
        assert texts(reader.read()) in (["whole"], [])
    with path.open("ab") as file:
        file.write(b"rn\n")
    assert reader.read() == [LogLine(1, 1795302273751983, "stderr", "torn")]


def test_a_log_larger_than_one_read_is_read_to_its_end(tmp_path: Path) -> None:
    write_attempt(tmp_path, 1, [b"x" * 50_000 + b"%d" % i for i in range(20)])
    assert [line.number for line in iter_lines(tmp_path)] == list(range(20))
    assert texts(LogReader(tmp_path, 19).read()) == ["x" * 50_000 + "19"]
    assert line_count(tmp_path / "1") == 20


# SPEC: RUN-07
def test_following_a_finished_run_gives_its_log_and_ends(tmp_path: Path) -> None:
    write_attempt(tmp_path, 1, [b"%d" % i for i in range(2500)])

    async def follow() -> list[str]:
        return [
            text async for lines in LogHub().follow("r", LogReader(tmp_path), always) for text in texts(lines)
        ]

    assert asyncio.run(follow()) == [str(i) for i in range(2500)]


# SPEC: RUN-06, RUN-08, LIM-04
def test_what_is_followed_while_it_is_printed_equals_what_is_stored(tmp_path: Path) -> None:
    hub, attempt = LogHub(), AttemptId("3e0d9a52-7f3c-4f10-9d6b-2a0f4f3a9a11", 1)
    gate = Gate(tmp_path / "gate")
    events = EngineEvents(lambda grown: hub.wake(grown.run_id), lambda ended: hub.finish(ended.run_id))
    engine = LocalEngine(tmp_path / "data", SystemClock(), events)
    run_dir = tmp_path / "data" / "runs" / attempt.run_id

    async def follow() -> list[LogLine]:
        engine.submit(
            attempt, python(f"print('first')\n{gate.wait}for i in range(3000): print(i, end='\\n')")
        )
        followed: list[LogLine] = []
        async for lines in hub.follow(attempt.run_id, LogReader(run_dir), never):
            if not followed:
                # It reaches the follower while the job is still waiting.
                assert texts(lines) == ["first"]
                assert engine.status(attempt).state is AttemptState.RUNNING
                threading.Thread(target=gate.open).start()
            followed += lines
        return followed

    try:
        followed = asyncio.run(follow())
    finally:
        engine.close()
    assert texts(followed) == ["first", *map(str, range(3000))]
    assert followed == list(iter_lines(run_dir))


def test_a_follower_that_hears_nothing_looks_for_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "RECHECK_SECONDS", 0.01)
    answers = iter([False, False, True])

    async def is_over() -> bool:
        return next(answers)

    async def follow() -> list[list[LogLine]]:
        return [lines async for lines in LogHub().follow("r", LogReader(tmp_path), is_over)]

    assert asyncio.run(follow()) == [[], []]


def test_several_followers_hear_of_one_run_and_none_of_another(tmp_path: Path) -> None:
    write_attempt(tmp_path, 1, [b"a"])
    hub = LogHub()

    async def follow(run_id: str, seen: asyncio.Event) -> list[str]:
        got: list[str] = []
        async for lines in hub.follow(run_id, LogReader(tmp_path), never):
            got += texts(lines)
            seen.set()
        return got

    async def story() -> None:
        seen = [asyncio.Event() for _ in range(3)]
        first, second, other = (
            asyncio.create_task(follow(run_id, event)) for run_id, event in zip("aab", seen, strict=True)
        )
        for event in seen:
            await event.wait()
        await asyncio.to_thread(hub.finish, "a")
        assert [await first, await second] == [["a"], ["a"]]
        assert not other.done()
        hub.finish("b")
        await other

    asyncio.run(story())
