"""The page of a job: what comes next, and why it did or did not run."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from runyard.core.errors import Declined
from runyard_notebooks import strings
from runyard_notebooks.actions import Desk
from runyard_notebooks.pages import job, starting
from runyard_notebooks.times import now_in
from runyard_server.client import Client


# SPEC: UI-04, TZ-06
def test_a_job_page_tells_what_comes_next_and_why_by_the_viewers_clocks(client: Client, desk: Desk) -> None:
    client.wait(client.trigger(["jobs.etl.load"]).started[0].run.id)  # type: ignore[union-attr]
    seen = job.load(client, "jobs.etl.load", now_in(ZoneInfo("Asia/Tokyo")))
    assert len(seen.coming) == job.COMING_SHOWN
    shown = job.explanation(seen, desk)
    assert "Around now" in shown
    assert "What comes next" in shown
    assert "Your time <small>Asia/Tokyo</small>" in shown
    assert "Job&#x27;s time <small>UTC</small>" in shown
    assert "newest first, your time (Asia/Tokyo)" in shown
    assert " 09:00" in shown


# SPEC: TRG-20
def test_a_paused_job_says_who_paused_it_when_and_until_when(client: Client, desk: Desk) -> None:
    found = client.job("jobs.etl.load")
    client.pause(found.id)
    offered = job.buttons(found, desk)
    head = job.head(job.load(client, "jobs.etl.load", now_in(UTC)), desk, offered)
    assert re.search(r">paused</span> by Owner <time [^>]+>just now</time>\. Its schedule", head)
    assert strings.IS_PAUSED in head
    assert strings.CATCH_UP in head
    client.resume(found.id)
    assert "until it is resumed" not in job.head(
        job.load(client, "jobs.etl.load", now_in(UTC)), desk, offered
    )


# SPEC: RFR-11
def test_a_refresh_says_before_what_it_reaches_and_how_far_back(client: Client, desk: Desk) -> None:
    load, check = desk.reach(client.job("jobs.etl.load").id)
    since = datetime(2026, 1, 1, tzinfo=UTC)
    shown = starting.reached([replace(load, interval_start=since), check], ZoneInfo("Asia/Tokyo"))
    assert "times are yours (Asia/Tokyo)" in shown
    assert re.search("load</strong>.*from 1 Jan 2026, 09:00:00.*check</strong>.*as its code says", shown)


# SPEC: RFR-11
def test_a_refresh_of_a_job_that_keeps_out_of_them_says_so() -> None:
    assert strings.REACHES_NOTHING in starting.reached([], UTC)


# SPEC: RFR-11
def test_a_refresh_of_a_job_that_waits_for_another_says_what_for(client: Client, desk: Desk) -> None:
    with pytest.raises(Declined) as declined:
        desk.reach(client.job("jobs.etl.behind").id)
    assert "Nothing would start now. Upstream is not fresh: jobs.etl.stuck has" in starting.unreached(
        declined.value, UTC
    )


def test_of_a_job_that_nothing_starts_the_page_says_so(client: Client, desk: Desk) -> None:
    shown = job.explanation(job.load(client, "jobs.etl.stuck", now_in(UTC)), desk)
    assert "Nothing of it is foreseen" in shown


def test_the_page_of_an_app_foresees_nothing(client: Client, desk: Desk) -> None:
    shown = job.explanation(job.load(client, "jobs.report", now_in(UTC)), desk)
    assert "What comes next" not in shown
