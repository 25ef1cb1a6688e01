"""The lists of runs and jobs as people use them: nothing is lost when rows change, and everything has a key."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import expect
from tests.support.browsers import PHONE, Visitors, box_of, eventually
from tests.support.rows import MINUTE_MS, NOW_MS, Told, job_row, jobs_frame, run_row, runs_frame
from tests.support.stages import Stage

from runyard_widgets.job_table import JobTable
from runyard_widgets.run_table import RunTable

pytestmark = pytest.mark.slow

ACTIONS = [
    {"name": "cancel", "label": "Cancel", "for": ["running"]},
    {"name": "again", "label": "Run again", "for": ["completed", "failed"]},
    {"name": "log", "label": "Show the log", "for": None},
]


def run_table(count: int = 60, **traits: Any) -> RunTable:
    rows = [run_row(number, minutes_ago=10 * (count - number + 1)) for number in range(1, count + 1)]
    return RunTable(Told(runs_frame(rows, is_all=True)), **traits)


# SPEC: UI-02
def test_changes_lose_neither_scroll_nor_selection_nor_focus_nor_an_open_row(visitors: Visitors) -> None:
    stage = Stage(visitors, run_table())
    row = stage.find(
        ".ry-row",
    ).filter(has_text="#41")
    row.get_by_role("checkbox").check()
    row.locator(".ry-trigger").click()
    row.focus()
    stage.find(".ry-scroll").evaluate("(list) => { list.scrollTop = 700 }")
    before = box_of(row)

    stage.feed(runs_frame([run_row(number) for number in (61, 62, 63)]))
    stage.feed(
        runs_frame([run_row(41, minutes_ago=200, status="failed", message="no rows")], gone=["load-60"])
    )

    expect(row).to_contain_text("failed")
    expect(row).to_contain_text("no rows")
    expect(row).to_have_attribute("aria-expanded", "true")
    expect(row).to_be_focused()
    expect(row.get_by_role("checkbox")).to_be_checked()
    there = pytest.approx(before["y"], abs=1)
    eventually(stage.page, lambda: box_of(row)["y"], lambda y: y == there)
    stage.expect_saved("selected", ["load-41"])


@pytest.mark.parametrize(("status", "found"), [("failed", "2 of 3 runs"), ("unfinished", "0 of 3 runs")])
def test_a_list_begins_with_the_status_that_it_is_told(visitors: Visitors, status: str, found: str) -> None:
    rows = [run_row(1), run_row(2, status="failed"), run_row(3, status="failed")]
    stage = Stage(visitors, RunTable(Told(runs_frame(rows, is_all=True)), status=status))
    expect(stage.page.get_by_label("Status")).to_have_value(status)
    expect(stage.page.get_by_role("status")).to_have_text(found)


def test_what_somebody_searches_for_stays_searched_for(visitors: Visitors) -> None:
    stage = Stage(visitors, run_table(12))
    search = stage.page.get_by_placeholder("Search runs")
    search.fill("#1")
    expect(stage.find(".ry-row")).to_have_count(4)

    stage.feed(runs_frame([run_row(13), run_row(20)]))

    expect(stage.find(".ry-row")).to_have_count(5)
    expect(search).to_have_value("#1")
    expect(search).to_be_focused()
    expect(stage.page.get_by_role("status")).to_have_text("5 of 14 runs")


# SPEC: UI-16
def test_nothing_there_and_nothing_found_are_told_apart(visitors: Visitors) -> None:
    empty = RunTable(Told(runs_frame([], is_all=True)), empty="Nothing has run yet: `runyard run load`")
    stage = Stage(visitors, empty)
    expect(stage.find(".ry-note")).to_have_text("Nothing has run yet: runyard run load")
    expect(stage.find(".ry-note code")).to_have_text("runyard run load")

    stage.feed(runs_frame([run_row(1), run_row(2, status="failed")]))
    stage.page.get_by_placeholder("Search runs").fill("nowhere")

    expect(stage.find(".ry-note")).to_contain_text("No run matches.")
    stage.page.get_by_role("button", name="Show all").click()
    expect(stage.find(".ry-row")).to_have_count(2)
    stage.page.get_by_label("Status").select_option("failed")
    expect(stage.find(".ry-row")).to_have_count(1)


def test_a_menu_offers_what_applies_and_each_choice_counts(visitors: Visitors) -> None:
    rows = [run_row(1, minutes_ago=5), run_row(2, status="running", finished_at=None)]
    stage = Stage(visitors, RunTable(Told(runs_frame(rows, is_all=True)), actions=ACTIONS))
    stage.page.get_by_label("Actions for load #1").click()
    expect(stage.page.get_by_role("menuitem")).to_have_text(["Run again", "Show the log"])
    stage.page.keyboard.press("Escape")
    expect(stage.page.get_by_role("menu")).to_be_hidden()

    chosen = {"name": "cancel", "id": "load-2", "ref": "jobs.flights.load"}
    for times in (1, 2):
        stage.page.get_by_label("Actions for load #2").click()
        stage.page.get_by_role("menuitem", name="Cancel").click()
        stage.expect_saved("requested", *({**chosen, "n": n + 1} for n in range(times)))


# SPEC: WDG-09
def test_a_list_is_used_by_keyboard(visitors: Visitors) -> None:
    stage = Stage(visitors, run_table(5, href="#/runs/{id}", actions=ACTIONS))
    rows = stage.find(".ry-row")
    rows.first.focus()
    for key in ("ArrowDown", "ArrowDown", " ", "ArrowRight"):
        stage.page.keyboard.press(key)

    expect(rows.nth(2)).to_be_focused()
    expect(rows.nth(2)).to_have_attribute("aria-selected", "true")
    expect(rows.nth(2)).to_have_attribute("aria-expanded", "true")
    stage.expect_saved("selected", ["load-3"])

    stage.page.keyboard.press("Enter")
    stage.expect_address("#/runs/load-3")


def test_the_duration_of_an_open_run_grows_by_the_second(visitors: Visitors) -> None:
    rows = [run_row(1, minutes_ago=2, status="running", finished_at=None)]
    stage = Stage(visitors, RunTable(Told(runs_frame(rows, is_all=True))))
    length = stage.find(".ry-row .ry-length")
    before = eventually(stage.page, length.inner_text, lambda text: text.startswith(("1 m", "2 m")))
    expect(length).not_to_have_text(before)


def test_a_run_that_was_cancelled_in_the_queue_never_started(visitors: Visitors) -> None:
    rows = [
        run_row(1, status="cancelled", started_at=None),
        run_row(2, status="pending", started_at=None, finished_at=None),
    ]
    stage = Stage(visitors, RunTable(Told(runs_frame(rows, is_all=True))))
    expect(stage.find(".ry-row .ry-when")).to_have_text(["waits", "never"])


def test_what_looks_like_markup_stays_text(visitors: Visitors) -> None:
    nasty = "<img src=x onerror=alert(1)>"
    stage = Stage(visitors, RunTable(Told(runs_frame([run_row(1, trigger=nasty)], is_all=True))))

    expect(stage.find(".ry-row .ry-trigger")).to_have_text(nasty)
    expect(stage.find("img")).to_have_count(0)


def test_a_job_says_when_it_runs_next_and_how_it_went(visitors: Visitors) -> None:
    recent = [{"id": str(i), "status": status} for i, status in enumerate(["completed", "failed"])]
    jobs = [
        job_row("load", recent=recent, latest=run_row(2, status="failed"), next_at=NOW_MS + 5 * MINUTE_MS),
        job_row("report", kind="interactive", triggers=[], next_at=None, is_paused=True),
    ]
    stage = Stage(visitors, JobTable(Told(jobs_frame(jobs, is_all=True))))
    rows = stage.find(".ry-row")
    expect(rows).to_have_count(2)
    load, report = rows.first, rows.last

    expect(load).to_contain_text("failed")
    expect(load.locator(".ry-trigger")).to_have_text("every hour")
    expect(load.locator(".ry-when")).to_have_text("in 4 min")
    expect(load.get_by_role("img")).to_have_attribute(
        "aria-label", "last runs, oldest first: completed, failed"
    )
    expect(report).to_contain_text("paused")
    expect(report.locator(".ry-kind")).to_have_text("interactive")


@pytest.mark.parametrize("is_runs", [True, False])
def test_a_phone_shows_a_row_on_two_lines_and_never_scrolls_sideways(
    visitors: Visitors, is_runs: bool
) -> None:
    long = "load_" + "very_" * 12 + "much"
    jobs = JobTable(
        Told(jobs_frame([job_row(long, triggers=["every day at 06:00 in Europe/Berlin"])], is_all=True))
    )
    runs = RunTable(Told(runs_frame([run_row(1, job=f"jobs.{long}")], is_all=True)))
    stage = Stage(visitors, runs if is_runs else jobs, size=PHONE)

    stage.expect_no_overflow()
    eventually(stage.page, lambda: box_of(stage.find(".ry-row"))["height"], lambda height: 45 < height < 75)
