"""The page of a job: what comes next, and why it did or did not run."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from runyard_notebooks.actions import Desk
from runyard_notebooks.pages import job
from runyard_server.client import Client


# SPEC: UI-04, TZ-06
def test_a_job_page_tells_what_comes_next_in_the_zone_that_it_names(client: Client, desk: Desk) -> None:
    seen = job.load(client, "jobs.etl.load", datetime.now(UTC))
    assert len(seen.coming) == job.COMING_SHOWN
    shown = job.explanation(seen, desk)
    assert "What comes next" in shown
    assert "times of UTC" in shown
    assert "covers " in shown
    assert " 00:00" in shown


# SPEC: SCH-08, TZ-06
def test_a_job_page_says_why_with_the_number_of_the_run(client: Client, desk: Desk) -> None:
    client.wait(client.trigger(["jobs.etl.load"]).started[0].run.id)  # type: ignore[union-attr]
    seen = job.load(client, "jobs.etl.load", datetime.now(UTC))
    decision = seen.decisions[0]
    shown = job.explanation(
        replace(
            seen,
            decisions=[
                replace(decision, because="Ticks since 2026-11-22T06:00:00Z were missed.", run_number=7)
            ],
        ),
        desk,
    )
    assert "Ticks since Sun 22 Nov 06:00 were missed." in shown
    assert "run 7" in shown


def test_of_a_job_that_nothing_starts_the_page_says_so(client: Client, desk: Desk) -> None:
    shown = job.explanation(job.load(client, "jobs.etl.stuck", datetime.now(UTC)), desk)
    assert "Nothing of it is foreseen" in shown


def test_the_page_of_an_app_foresees_nothing(client: Client, desk: Desk) -> None:
    shown = job.explanation(job.load(client, "jobs.report", datetime.now(UTC)), desk)
    assert "What comes next" not in shown
