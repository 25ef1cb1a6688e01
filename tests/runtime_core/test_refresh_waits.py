"""A refresh of a job that has several slots waits for what began before it. Pure."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.planning import at, job, window

from runyard.core.facts import JobFacts
from runyard.core.intervals import Window
from runyard.core.planning import plan_claim
from runyard.core.preview import ForeseenRun, Situation, preview

DAILY = "schedule:0 0 * * *"
YEAR = {"start": "2025-01-01T00:00:00Z", "end": "2026-01-01T00:00:00Z"}
HAND = "manual:jobs.etl.load"
NOON = at("2026-03-01T12:00")


def several(**state: Any) -> JobFacts:
    """Return a job with slots for three runs, whose year is covered up to February."""
    known: dict[str, Any] = {"done_until": at("2025-02-01T00:00"), "completed_at": 1, **state}
    return job(DAILY, wire={"interval": YEAR, "execute": {"concurrency": 3}}, **known)


# SPEC: RFR-05, RFR-06
@pytest.mark.parametrize(
    ("state", "asked", "waits"),
    [
        ({}, True, True),
        ({}, False, False),
        # Signalled from upstream: whatever starts next is the refresh.
        ({"refresh_pending": True}, False, True),
        # Another refresh is under way: beside it one works on, unless somebody wants it all anew.
        ({"refresh_pending": True, "refreshing": True}, False, False),
        ({"refresh_pending": True, "refreshing": True}, True, True),
    ],
)
def test_a_refresh_waits_for_what_began_before_it(state: dict[str, Any], asked: bool, waits: bool) -> None:
    busy = several(working_on=(window("2025-02-01T00:00", "2025-03-01T00:00"),), active_count=1, **state)
    idle = several(**state)
    given: dict[str, Any] = {"asked_refresh": asked, "fired_at": NOON, "now": NOON}
    assert (plan_claim(busy, HAND, **given) is None) is waits
    assert plan_claim(idle, HAND, **given) is not None


# SPEC: TZ-07
def test_a_preview_lets_a_refresh_wait_too() -> None:
    part = window("2025-02-01T00:00", "2025-03-01T00:00")
    busy = several(working_on=(part,), active_count=1, waiting_count=2, waiting={HAND: "r2"})
    open_runs = (
        ForeseenRun("r1", busy.job_id, DAILY, NOON - 9, NOON - 9, claimed_at=NOON - 9, window=part),
        ForeseenRun("r2", busy.job_id, HAND, NOON - 8, NOON - 8, refresh=True),
        ForeseenRun("r3", busy.job_id, HAND, NOON - 7, NOON - 7),
    )
    seen = preview(Situation(NOON, {"jobs.etl.load": busy}, open_runs), NOON + 90_000_000)
    before, refresh, later = seen.runs[:3]
    assert refresh.claimed_at == before.ends_at
    assert refresh.window == Window(at("2025-01-01T00:00"), at("2026-01-01T00:00"))
    assert later.claimed_at == refresh.claimed_at
