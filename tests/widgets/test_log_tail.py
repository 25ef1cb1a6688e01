"""What LogTail keeps of what arrives: for exports, and for where no widget can be drawn."""

from __future__ import annotations

import json
from typing import Any

from tests.support.rows import Told

from runyard_widgets.feeds import Frame
from runyard_widgets.log_tail import SNAPSHOT_CHARACTERS, SNAPSHOT_LINES, TEXT_LINES, LogTail

RUN = {"id": "r1", "number": 12, "job": "jobs.flights.load", "status": "running"}


def log(first: int, lines: list[str], **head: Any) -> Frame:
    numbers = {"first": first, "count": len(lines), "total": first + len(lines), "is_over": False}
    return Frame({"kind": "log", **numbers, **head}, "\n".join(lines).encode())


def lines(first: int, count: int) -> list[str]:
    return [f"O{1764000000000 + number}\tline {number}" for number in range(first, first + count)]


def test_lines_that_follow_are_appended_and_only_the_newest_are_kept() -> None:
    tail = LogTail(Told(log(0, lines(0, 150), run=RUN)))
    tail.take(log(150, lines(150, 5_000)))
    picture = tail.picture()
    assert picture["total"] == 5_150
    assert picture["first"] == 5_150 - SNAPSHOT_LINES
    assert picture["lines"] == lines(5_150 - SNAPSHOT_LINES, SNAPSHOT_LINES)
    assert picture["run"] == RUN


def test_after_a_gap_what_is_kept_begins_behind_it() -> None:
    tail = LogTail(Told(log(0, lines(0, 10), run=RUN)))
    tail.take(log(9_000, lines(9_000, 3), total=9_003))
    assert (tail.picture()["first"], tail.picture()["lines"]) == (9_000, lines(9_000, 3))


def test_another_run_begins_at_its_first_line_and_a_status_changes_nothing_else() -> None:
    tail = LogTail(Told(log(0, lines(0, 10), run=RUN)))
    tail.take(Frame({"kind": "run", "run": {**RUN, "status": "failed"}}))
    assert tail.picture()["total"] == 10
    assert tail.picture()["run"]["status"] == "failed"
    tail.take(Frame({"kind": "run", "run": {**RUN, "id": "r2", "number": 13}}))
    assert (tail.picture()["total"], tail.picture()["lines"]) == (0, [])


def test_no_line_and_an_empty_line_differ() -> None:
    tail = LogTail(Told(log(0, [], run=RUN)))
    assert tail.picture()["lines"] == []
    tail.take(log(0, ["O5\t"]))
    assert tail.picture()["lines"] == ["O5\t"]


def test_a_snapshot_and_a_text_are_small_whatever_was_printed() -> None:
    tail = LogTail(Told(log(0, [f"O1\t{'x' * 100_000}"] * 500, run=RUN)))
    assert len(json.dumps(tail.snapshot)) < SNAPSHOT_LINES * (SNAPSHOT_CHARACTERS + 10) + 1_000
    assert len(repr(tail)) < TEXT_LINES * (SNAPSHOT_CHARACTERS + 20)


# SPEC: WDG-02, WDG-09
def test_a_log_reads_as_text_too_and_moves_no_cursor() -> None:
    tail = LogTail(Told(log(0, ["O0\t\x1b[31mred\x1b[0m\x1b[2K\r", "E0\tboom", "S0\ttimeout"], run=RUN)))
    title, *shown = repr(tail).split("\n")
    assert title == "jobs.flights.load #12  running  3 lines"
    assert [line[8:] for line in shown] == ["   red", " ! boom", " » timeout"]


def test_before_the_first_run_it_says_so() -> None:
    assert repr(LogTail(Told(Frame({"kind": "run", "run": None})))) == "There is no run yet."
