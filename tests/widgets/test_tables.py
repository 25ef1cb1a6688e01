"""The lists of runs and jobs in Python: rows kept current, selections as frames, what exports and terminals show."""

from __future__ import annotations

import asyncio

from tests.support.rows import Told, job_row, jobs_frame, run_row, runs_frame

from runyard_widgets.job_table import JobTable
from runyard_widgets.row_widget import PICTURE_ROWS, TEXT_ROWS
from runyard_widgets.run_table import RunTable


def numbers(table: RunTable) -> list[int]:
    return [row["number"] for row in table.rows]


def test_runs_are_there_at_once_the_newest_first() -> None:
    table = RunTable(Told(runs_frame([run_row(1, minutes_ago=9), run_row(2, minutes_ago=3)], is_all=True)))

    assert numbers(table) == [2, 1]


def test_a_change_replaces_its_row_and_leaves_the_others() -> None:
    table = RunTable(Told(runs_frame([run_row(1, minutes_ago=9), run_row(2)], is_all=True)))

    table.take(runs_frame([run_row(1, minutes_ago=9, status="failed"), run_row(3)], gone=["load-2"]))

    assert [(row["number"], row["status"]) for row in table.rows] == [(3, "completed"), (1, "failed")]


def test_a_full_state_starts_over() -> None:
    table = RunTable(Told(runs_frame([run_row(1)], is_all=True)))

    table.take(runs_frame([run_row(5)], is_all=True))

    assert numbers(table) == [5]


def test_rows_follow_the_stream_while_somebody_looks() -> None:
    async def story() -> None:
        feed = Told(runs_frame([run_row(1, status="running")], is_all=True), runs_frame([run_row(1)]))
        table = RunTable(feed)
        table.comm.say("attach")
        await table.comm.until("frame", 2)
        assert [row["status"] for row in table.rows] == ["completed"]

    asyncio.run(story())


# SPEC: WDG-04
def test_selected_rows_are_a_frame_in_the_order_of_selection() -> None:
    runs = RunTable(Told(runs_frame([run_row(1, minutes_ago=9), run_row(2)], is_all=True)))
    jobs = JobTable(Told(jobs_frame([job_row("load"), job_row("publish")], is_all=True)))

    runs.selected = ["load-1", "gone", "load-2"]
    jobs.selected = ["jobs.flights.publish"]

    assert runs.selected_runs["number"].to_list() == [1, 2]
    assert jobs.selected_jobs["name"].to_list() == ["publish"]


# SPEC: WDG-09
# SPEC: WDG-02
def test_without_a_browser_a_list_is_a_text_table() -> None:
    runs = RunTable(Told(runs_frame([run_row(7, status="failed")], is_all=True)))
    jobs = JobTable(Told(jobs_frame([job_row("load", latest=run_row(7), is_paused=True)], is_all=True)))

    assert repr(runs).splitlines() == [
        "job                run  status  created               trigger",
        "jobs.flights.load  #7   failed  2026-11-22 12:00 UTC  every hour",
    ]
    assert repr(jobs).splitlines()[1] == "jobs.flights.load  batch  every hour  paused    completed"


def test_an_empty_list_says_what_to_do_in_text_too() -> None:
    table = RunTable(Told(runs_frame([], is_all=True)), empty="Nothing has run. Try `runyard run load`.")

    assert repr(table) == "Nothing has run. Try runyard run load."


def test_what_is_exported_is_bounded() -> None:
    many = [run_row(number, minutes_ago=-number) for number in range(1, 2 * PICTURE_ROWS)]
    table = RunTable(Told(runs_frame(many, is_all=True)))

    assert [row["number"] for row in table.snapshot["rows"][:2]] == [
        2 * PICTURE_ROWS - 1,
        2 * PICTURE_ROWS - 2,
    ]
    assert len(table.snapshot["rows"]) == PICTURE_ROWS
    assert len(repr(table).splitlines()) == TEXT_ROWS + 2
    assert repr(table).endswith("and 379 more")


def test_a_row_without_a_latest_run_has_an_empty_cell() -> None:
    table = JobTable(Told(jobs_frame([job_row("load", next_at=None)], is_all=True)))

    assert repr(table).splitlines()[1] == "jobs.flights.load  batch  every hour"
