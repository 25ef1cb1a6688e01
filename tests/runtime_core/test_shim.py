"""What a shim makes of a job's output: records, limits, and what happens when the disk is full."""

from __future__ import annotations

import random
import resource
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.attempts import Workbench, python

from runyard.core.logs import LogReader, iter_lines, line_count
from runyard.core.node.attempt_log import INDEX_LINES, SHIM, STDERR, STDOUT, AttemptLog


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Workbench]:
    with Workbench(tmp_path) as bench:
        yield bench


def test_a_job_may_have_longer_than_any_wait_can_be(bench: Workbench) -> None:
    days = 86400.0
    attempt = bench.start("print('done')", timeout_seconds=30 * days, grace_seconds=30 * days)
    report = bench.wait_end(attempt).exit
    assert report is not None
    assert (report.exit_code, bench.texts(attempt)) == (0, ["done"])


# SPEC: LIM-04
def test_the_beginning_of_a_line_is_stored_before_its_end_comes(bench: Workbench) -> None:
    gate = bench.gate()
    attempt = bench.start(f"print('50%', end='')\n{gate.wait}print(' 100%')")
    bench.wait_raw(attempt, b"\to\t50%")
    assert bench.lines(attempt) == []
    gate.open()
    bench.wait_end(attempt)
    assert bench.texts(attempt) == ["50% 100%"]


# SPEC: RUN-17
def test_carriage_returns_tabs_and_broken_text_are_kept_as_printed(bench: Workbench) -> None:
    attempt = bench.start(
        "import os\nos.write(1, b'1%\\r2%\\r3%\\n\\ta\\tb\\n\\n\\xff\\xc3\\xa9 no newline')"
    )
    bench.wait_end(attempt)
    assert bench.texts(attempt) == ["1%\r2%\r3%", "\ta\tb", "", "\N{REPLACEMENT CHARACTER}é no newline"]
    assert b"1%\r2%\r3%\n" in (bench.directory(attempt) / "log").read_bytes()


def test_a_long_line_is_stored_in_pieces_and_read_as_one(bench: Workbench) -> None:
    attempt = bench.start("import sys\nsys.stdout.write('x' * 300_000 + 'ü\\nafter\\n')")
    bench.wait_end(attempt)
    assert bench.texts(attempt) == ["x" * 300_000 + "ü", "after"]
    records = (bench.directory(attempt) / "log").read_bytes().split(b"\n")
    assert max(map(len, records)) < 66_000


def test_a_line_without_end_is_broken_at_a_mebibyte(bench: Workbench) -> None:
    attempt = bench.start("import sys\nfor _ in range(25): sys.stdout.write('x' * 100_000)")
    bench.wait_end(attempt)
    lengths = [len(text) for text in bench.texts(attempt)]
    assert sum(lengths) == 2_500_000
    assert len(lengths) == 3
    assert max(lengths) < 1024 * 1024 + 65_536


# SPEC: LIM-07
def test_a_log_at_its_limit_says_so_and_the_job_goes_on(tmp_path: Path) -> None:
    with Workbench(tmp_path, log_limit_bytes=10_000) as bench:
        attempt = bench.start("for i in range(5000): print('line', i)\nraise SystemExit(3)")
        report = bench.wait_end(attempt).exit
        assert report is not None
        assert report.exit_code == 3
        texts = bench.texts(attempt)
        assert texts == [f"line {i}" for i in range(len(texts))]
        assert bench.texts(attempt, "other") == [
            "the log has reached its limit of 10000 bytes: further output is dropped"
        ]
        size = (bench.directory(attempt) / "log").stat().st_size
        assert report.log_bytes == size
        assert 9_900 < size < 10_200


def test_a_full_disk_costs_lines_but_neither_the_job_nor_its_exit_code(bench: Workbench) -> None:
    attempt = bench.attempt()
    bench.directory(attempt).mkdir(parents=True)
    (bench.directory(attempt) / "log").symlink_to("/dev/full")
    bench.engine.submit(attempt, python("for i in range(5000): print('line', i)\nraise SystemExit(5)"))
    report = bench.wait_end(attempt).exit
    assert report is not None
    assert (report.exit_code, report.line_count, report.log_bytes) == (5, 0, 0)


def test_lines_that_a_full_disk_refused_are_counted_when_there_is_room_again(tmp_path: Path) -> None:
    (tmp_path / "1").mkdir()
    log = AttemptLog(str(tmp_path / "1"), 1_000_000)
    log.write(STDOUT, [b"before"])
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (40, hard))
    try:
        log.write(STDOUT, [b"x" * 200])
        log.write(STDERR, [b"y", b"z" * 200])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    log.write(STDOUT, [b"after"])
    lines = list(iter_lines(tmp_path))
    assert [line.text for line in lines] == [
        "before",
        "3 lines are missing here: the disk refused them",
        "after",
    ]
    assert [line.number for line in lines] == [0, 1, 2]


def test_a_log_of_random_lines_and_pieces_reads_the_same_from_every_start(tmp_path: Path) -> None:
    draw = random.Random(11)  # noqa: S311 - replay is the point
    (tmp_path / "1").mkdir()
    log = AttemptLog(str(tmp_path / "1"), 100_000_000)
    unfinished = {STDOUT: b"", STDERR: b""}
    expected: list[tuple[str, str]] = []
    names = {STDOUT: "stdout", STDERR: "stderr", SHIM: "other"}
    while len(expected) < 5 * INDEX_LINES:
        stream = draw.choice([STDOUT, STDERR])
        if draw.random() < 0.2:
            piece = b"piece %d " % len(expected)
            unfinished[stream] += piece
            log.write(stream, [piece], goes_on=True)
            continue
        texts = [b"%d" % draw.getrandbits(40) for _ in range(draw.randint(1, 40))]
        log.write(stream, texts)
        texts[0] = unfinished[stream] + texts[0]
        unfinished[stream] = b""
        expected += [(names[stream], text.decode()) for text in texts]
    everything = list(iter_lines(tmp_path))
    assert [(line.stream, line.text) for line in everything] == expected
    assert [line.number for line in everything] == list(range(len(expected)))
    assert line_count(tmp_path / "1") == log.line_count == len(expected)
    for start in [0, 1, 999, 1000, 1001, *(draw.randrange(len(expected)) for _ in range(40)), len(expected)]:
        assert LogReader(tmp_path, start).read(limit=5) == everything[start : start + 5]
    assert (tmp_path / "1" / "log.idx").stat().st_size == 24 * ((len(expected) - 1) // INDEX_LINES)
