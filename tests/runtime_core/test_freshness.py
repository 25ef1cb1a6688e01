"""Gates: what holds a tick back, what lets it go, and that nothing is lost meanwhile. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.support.planning import at, job, window

from runyard.core.facts import JobFacts
from runyard.core.freshness import stale_because
from runyard.core.intervals import Window
from runyard.core.planning import Ended, Outcome, plan, plan_after, window_at_start
from runyard.core.runs import RunStatus

HOURLY = "schedule:0 * * * *"
NOON = at("2026-03-01T12:00")
ONE = at("2026-03-01T13:00")
GATE = {"freshness": ["job.is_fresh:jobs.etl.raw"]}


def raw(trigger: str = HOURLY, done_until: str | None = "2026-03-01T12:00", **facts: Any) -> JobFacts:
    """Return an upstream that has completed up to an instant."""
    until = None if done_until is None else at(done_until)
    return job(trigger, ref="jobs.etl.raw", done_until=until, completed_at=until, **facts)


# SPEC: FRS-02
def test_an_upstream_that_becomes_fresh_starts_nothing() -> None:
    ended = Ended("r1", HOURLY, RunStatus.COMPLETED, False, window("2026-03-01T11:00", "2026-03-01T12:00"))
    gated = job(HOURLY, wire=GATE)
    assert plan_after(ended, raw(), {gated.definition.job_ref: gated}, NOON).decisions == ()


# SPEC: FRS-05
@pytest.mark.parametrize(
    ("trigger", "works_on", "fresh"),
    [
        (HOURLY, [], True),
        (HOURLY, [window("2026-03-01T11:00", "2026-03-01T12:00")], False),
        (HOURLY, [window("2026-02-01T00:00", "2026-02-02T00:00")], True),
        ("every:1h", [window("2026-03-01T12:00", "2026-03-01T12:20")], False),
        ("every:1h", [window("2026-02-01T00:00", "2026-02-02T00:00")], True),
    ],
)
def test_an_upstream_is_not_fresh_while_a_run_works_on_its_current_interval(
    trigger: str, works_on: list[Window], fresh: bool
) -> None:
    upstream = raw(trigger, working_on=tuple(works_on), active_count=len(works_on))
    stale = stale_because(GATE["freshness"], {"jobs.etl.raw": upstream}, at("2026-03-01T12:30"))
    assert stale == ({} if fresh else {"jobs.etl.raw": "jobs.etl.raw is running its current interval"})


# SPEC: FRS-05
def test_any_run_of_an_upstream_without_a_schedule_is_its_current_one() -> None:
    assert stale_because(GATE["freshness"], {"jobs.etl.raw": raw("tag:demo", active_count=1)}, NOON)
    assert not stale_because(GATE["freshness"], {"jobs.etl.raw": raw("tag:demo")}, NOON)


# SPEC: FRS-03
def test_each_stale_upstream_is_named_and_what_it_lacks_reads_the_same_at_the_next_tick() -> None:
    gates = {"freshness": ["job.is_fresh:jobs.etl.raw", "job.is_fresh:jobs.etl.keys"]}
    upstreams = {
        "jobs.etl.raw": raw(done_until="2026-03-01T09:00"),
        "jobs.etl.keys": job(ref="jobs.etl.keys"),
    }
    [first] = plan([job(HOURLY, wire=gates, next_due_at=NOON)], upstreams, NOON).decisions
    [second] = plan([job(HOURLY, wire=gates, next_due_at=ONE)], upstreams, ONE).decisions
    assert (
        first.because
        == second.because
        == (
            "Upstream is not fresh: jobs.etl.raw has covered nothing after 2026-03-01T09:00:00+00:00; "
            "jobs.etl.keys has never completed."
        )
    )


# SPEC: FRS-08, IVL-04
def test_the_next_tick_that_passes_the_gate_covers_those_that_did_not() -> None:
    gated = job(HOURLY, wire=GATE, next_due_at=NOON, done_until=at("2026-03-01T11:00"), completed_at=1)
    held = plan([gated], {"jobs.etl.raw": raw(done_until=None)}, NOON)
    assert [decision.outcome for decision in held.decisions] == [Outcome.NOT_FRESH]
    later = replace(gated, next_due_at=held.next_due_at[gated.job_id])
    [decision] = plan([later], {"jobs.etl.raw": raw(done_until="2026-03-01T13:00")}, ONE).decisions
    assert (decision.outcome, decision.tick_at) == (Outcome.FIRED, ONE)
    assert window_at_start(later, HOURLY, ONE, ONE) == window("2026-03-01T11:00", "2026-03-01T13:00")
