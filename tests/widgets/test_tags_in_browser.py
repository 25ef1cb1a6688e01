"""Jobs by tag and pipeline as people see them: under headings, filtered, and the same where the address is opened."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from playwright.sync_api import expect
from tests.support.browsers import PHONE, Visitors
from tests.support.rows import MINUTE_MS, NOW_MS, Told, job_row, jobs_frame
from tests.support.stages import ORIGIN, Stage

from runyard_widgets.job_table import JobTable

pytestmark = pytest.mark.slow

PAGE = "#/w/7/jobs"

JOBS = [
    job_row("backfill"),
    job_row("load", tags=["daily", "ingest"]),
    job_row("rates", tags=["ingest"]),
]


def stage_of(visitors: Visitors, *, at: str = "", **traits: Any) -> Stage:
    """Return the list of three jobs, on a page of the panel at an address."""
    stage = Stage(visitors, JobTable(Told(jobs_frame(JOBS, is_all=True)), page=PAGE, **traits))
    stage.page.goto(f"{ORIGIN}/{at or PAGE}")
    return stage


def expect_listed(stage: Stage, *texts: str) -> None:
    """Wait until these are the headings and rows, in this order."""
    expect(stage.find(".ry-group > :first-child, .ry-row .ry-name a")).to_have_text(list[str](texts))


# SPEC: TAG-02
def test_jobs_stand_under_each_of_their_tags_with_counts(visitors: Visitors) -> None:
    stage = stage_of(visitors)
    expect_listed(stage, "backfill", "load", "rates")
    stage.page.get_by_role("button", name="Group by tag").click()
    expect_listed(stage, "daily", "load", "ingest", "load", "rates", "no tag", "backfill")
    expect(stage.find(".ry-group > :last-child")).to_have_text(["1 job", "2 jobs", "1 job"])
    expect(stage.page.get_by_role("status")).to_have_text("3 jobs")
    stage.expect_address("/jobs?by=tag")

    # One job in two places is one job.
    stage.page.get_by_label("Select load").first.check()
    expect(stage.page.get_by_label("Select load")).to_have_count(2)
    for row in stage.find(".ry-row").filter(has_text="load").all():
        expect(row).to_have_attribute("aria-selected", "true")
    stage.expect_saved("selected", ["jobs.flights.load"])

    stage.feed(jobs_frame([job_row("rates", tags=["daily"])]))
    expect_listed(stage, "daily", "load", "rates", "ingest", "load", "no tag", "backfill")


# SPEC: TAG-02
def test_a_tag_is_chosen_by_keyboard_and_kept_in_the_address(visitors: Visitors) -> None:
    stage = stage_of(visitors)
    stage.page.get_by_label("Tag", exact=True).focus()
    stage.page.keyboard.press("i")  # the option that begins with it, as in every list of a browser
    expect_listed(stage, "load", "rates")
    expect(stage.page.get_by_role("status")).to_have_text("2 of 3 jobs")
    stage.expect_address("/jobs?tag=ingest")

    stage.page.keyboard.press("Tab")
    stage.page.keyboard.press("Enter")
    expect_listed(stage, "ingest", "load", "rates")
    stage.expect_address("/jobs?tag=ingest&by=tag")

    # Rows are reached over headings as if there were none.
    stage.find(".ry-row").first.focus()
    stage.page.keyboard.press("End")
    expect(stage.find(".ry-row").last).to_be_focused()


# SPEC: TAG-02
@pytest.mark.parametrize(
    ("at", "listed"),
    [
        (f"{PAGE}?tag=daily", ["load"]),
        (f"{PAGE}?tag=daily&by=tag", ["daily", "load"]),
        (f"{PAGE}?tag=gone", []),
        ("#/w/7/runs?tag=daily", ["backfill", "load", "rates"]),
    ],
)
def test_an_address_says_which_tag_is_shown(visitors: Visitors, at: str, listed: Sequence[str]) -> None:
    expect_listed(stage_of(visitors, at=at), *listed)


# SPEC: TAG-02
def test_what_was_chosen_is_remembered_for_when_one_comes_without(visitors: Visitors) -> None:
    stage = stage_of(visitors, at=f"{PAGE}?tag=ingest")
    expect_listed(stage, "load", "rates")
    stage.page.goto(f"{ORIGIN}/#/w/7/runs")
    stage.page.goto(f"{ORIGIN}/{PAGE}")
    stage.expect_address("/jobs?tag=ingest")
    stage.page.reload()
    expect_listed(stage, "load", "rates")
    stage.page.get_by_label("Tag", exact=True).select_option("Any tag")
    expect_listed(stage, "backfill", "load", "rates")
    stage.expect_address("/jobs")


def test_outside_the_panel_the_tag_is_an_argument_and_no_address_changes(visitors: Visitors) -> None:
    table = JobTable(Told(jobs_frame(JOBS, is_all=True)), tag="ingest", is_grouped=True)
    stage = Stage(visitors, table)
    expect_listed(stage, "ingest", "load", "rates")
    stage.page.get_by_label("Tag", exact=True).select_option("daily")
    expect_listed(stage, "daily", "load")
    stage.expect_address("localhost/")


def test_where_nothing_has_a_tag_none_is_offered(visitors: Visitors) -> None:
    stage = Stage(visitors, JobTable(Told(jobs_frame([job_row("load")], is_all=True))))
    expect_listed(stage, "load")
    expect(stage.page.get_by_role("button", name="Group by tag")).to_be_hidden()
    expect(stage.page.get_by_label("Tag", exact=True)).to_be_hidden()


# SPEC: TRG-20, TRG-21, TZ-06
def test_a_job_says_who_paused_it_and_who_set_its_schedule(visitors: Visitors) -> None:
    override = {"at": NOW_MS, "by": "ada", "replaces": "daily at 05:00 Pacific/Kiritimati"}
    jobs = [
        job_row("load", is_paused=True, paused_at=NOW_MS, paused_by="bob"),
        job_row("rates", override=override, timezone="Pacific/Kiritimati", next_at=NOW_MS + MINUTE_MS),
    ]
    stage = Stage(visitors, JobTable(Told(jobs_frame(jobs, is_all=True))))
    load, rates = stage.find(".ry-row").nth(0), stage.find(".ry-row").nth(1)
    for row in (load, rates):
        row.locator(".ry-kind").click()
    expect(load).to_contain_text("Paused")
    expect(load).to_contain_text("by bob, ")
    expect(load).to_contain_text("until it is resumed")
    expect(rates).to_contain_text("✎ every hour")
    expect(rates).to_contain_text("set by ada, ")
    expect(rates).to_contain_text(" your time (")
    expect(rates).to_contain_text("02:00:00 in Pacific/Kiritimati)")
    expect(rates).to_contain_text("instead of daily at 05:00")


def test_a_phone_shows_groups_without_scrolling_sideways(visitors: Visitors) -> None:
    long = [job_row("load", tags=["t" * 90])]
    stage = Stage(visitors, JobTable(Told(jobs_frame(long, is_all=True)), is_grouped=True), size=PHONE)
    expect_listed(stage, "t" * 90, "load")
    stage.expect_no_overflow()


# SPEC: DEC-19
def test_jobs_are_filtered_by_their_pipeline_and_the_address_says_so(visitors: Visitors) -> None:
    jobs = [
        job_row("backfill"),
        job_row("load", pipeline="flights", tags=["daily"]),
        job_row("rates", pipeline="money", tags=["daily"]),
        job_row("again", pipeline="flights"),
    ]
    stage = Stage(visitors, JobTable(Told(jobs_frame(jobs, is_all=True)), page=PAGE))
    stage.page.goto(f"{ORIGIN}/{PAGE}")
    pipelines = stage.page.get_by_label("Pipeline", exact=True)
    expect(pipelines.get_by_role("option")).to_have_text(["Any pipeline", "flights (2)", "money (1)"])
    pipelines.select_option("flights")
    expect_listed(stage, "again", "load")
    stage.expect_address("/jobs?pipeline=flights")
    stage.page.get_by_label("Tag", exact=True).select_option("daily")
    expect_listed(stage, "load")
    stage.expect_address("/jobs?pipeline=flights&tag=daily")

    stage.page.goto(f"{ORIGIN}/{PAGE}?pipeline=gone")
    expect_listed(stage)
    stage.page.get_by_role("button", name="Show all").click()
    expect_listed(stage, "again", "backfill", "load", "rates")
    stage.expect_address("/jobs")


# SPEC: DEC-19
def test_where_no_job_runs_a_pipeline_none_is_offered(visitors: Visitors) -> None:
    stage = stage_of(visitors)
    expect_listed(stage, "backfill", "load", "rates")
    expect(stage.page.get_by_label("Pipeline", exact=True)).to_be_hidden()
