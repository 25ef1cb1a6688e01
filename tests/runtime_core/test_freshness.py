"""Gates: what holds a tick back, what lets it go, and that nothing is lost meanwhile. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.support.planning import at, job, window

from runyard.core.clock import MICROSECONDS
from runyard.core.facts import JobFacts
from runyard.core.freshness import stale_because
from runyard.core.intervals import Window
from runyard.core.outcomes import Outcome
from runyard.core.planning import Decision, Ended, plan, plan_after, window_at_start
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


# Ticks that wait ------------------------------------------------------------------------------------------

TEN = at("2026-03-01T12:10")


def patient(**facts: Any) -> JobFacts:
    """Return a job of every hour whose ticks wait ten minutes for its upstream."""
    return job(HOURLY, wire=GATE, extensions={"freshness_wait": 600}, completed_at=1, **facts)


def looked_at(job: JobFacts, upstream: JobFacts, now: int) -> tuple[list[Decision], JobFacts]:
    """Return the decisions of one look at a job, and the job as it is stored after it."""
    planned = plan([job], {"jobs.etl.raw": upstream}, now)
    return list(planned.decisions), replace(
        job,
        next_due_at=planned.next_due_at[job.job_id],
        held_at=planned.held_at.get(job.job_id),
        seen_until=planned.seen_until.get(job.job_id),
    )


# SPEC: FRS-09, SCH-08
def test_a_tick_waits_for_its_upstream_and_fires_when_that_completes() -> None:
    stale, fresh = raw(done_until="2026-03-01T11:00"), raw()
    [waits], held = looked_at(patient(next_due_at=NOON), stale, NOON)
    assert (waits.outcome, waits.run, waits.facts["waits_until"]) == (
        Outcome.WAITING,
        None,
        "2026-03-01T12:10:00Z",
    )
    assert (held.held_at, held.next_due_at) == (NOON, TEN)
    ended = Ended("r1", HOURLY, RunStatus.COMPLETED, False, window("2026-03-01T11:00", "2026-03-01T12:00"))
    assert plan_after(ended, fresh, {"jobs.etl.load": held}, NOON).woken == (held.job_id,)
    woken = replace(held, next_due_at=at("2026-03-01T12:07"))
    [fired], after = looked_at(woken, fresh, at("2026-03-01T12:07"))
    assert (fired.outcome, fired.tick_at) == (Outcome.FIRED, NOON)
    assert fired.run is not None
    assert fired.run.cause == f"{HOURLY}@2026-03-01T12:00:00Z"
    assert fired.because == "The tick has waited for its upstreams, and they are fresh now."
    assert (after.held_at, after.next_due_at) == (None, ONE)


# SPEC: FRS-09, FRS-03
def test_a_tick_that_waited_in_vain_is_not_fresh_and_the_next_one_waits_again() -> None:
    stale = raw(done_until="2026-03-01T11:00")
    _, held = looked_at(patient(next_due_at=NOON), stale, NOON)
    [over], after = looked_at(held, stale, TEN)
    assert (over.outcome, over.tick_at, over.run) == (Outcome.NOT_FRESH, NOON, None)
    assert (after.held_at, after.next_due_at) == (None, ONE)
    [waits], _ = looked_at(after, stale, ONE)
    assert waits.outcome is Outcome.WAITING


def test_a_tick_that_is_woken_in_vain_waits_on_without_a_word() -> None:
    stale = raw(done_until="2026-03-01T11:00")
    _, held = looked_at(patient(next_due_at=NOON), stale, NOON)
    five = at("2026-03-01T12:05")
    decisions, still = looked_at(replace(held, next_due_at=five), stale, five)
    assert (decisions, still.held_at, still.next_due_at) == ([], NOON, TEN)


def test_a_tick_waits_no_longer_than_until_the_next_one() -> None:
    endless = replace(
        patient(next_due_at=NOON), definition=replace(patient().definition, freshness_wait_seconds=86400.0)
    )
    stale = raw(done_until="2026-03-01T11:00")
    _, held = looked_at(endless, stale, NOON)
    assert held.next_due_at == ONE
    decisions, after = looked_at(held, stale, ONE)
    assert [(each.outcome, each.tick_at) for each in decisions] == [
        (Outcome.NOT_FRESH, NOON),
        (Outcome.WAITING, ONE),
    ]
    assert after.held_at == ONE


def test_of_ticks_missed_while_nobody_looked_the_latest_waits() -> None:
    stale = raw(done_until="2026-03-01T11:00")
    [waits], held = looked_at(patient(next_due_at=at("2026-03-01T08:00")), stale, NOON + 1)
    assert (waits.outcome, waits.tick_at, held.held_at) == (Outcome.WAITING, NOON, NOON)


def test_a_tick_whose_time_was_over_before_anybody_looked_does_not_wait() -> None:
    stale = raw(done_until="2026-03-01T11:00")
    [decision], after = looked_at(patient(next_due_at=NOON), stale, at("2026-03-01T12:30"))
    assert (decision.outcome, after.held_at) == (Outcome.NOT_FRESH, None)


def test_of_two_ticks_that_wait_each_has_its_own_time() -> None:
    once = "once:2026-03-01T12:05:00+00:00"
    both = job(HOURLY, once, wire=GATE, extensions={"freshness_wait": 600}, completed_at=1, next_due_at=NOON)
    stale = raw(done_until="2026-03-01T11:00")
    _, held = looked_at(both, stale, NOON)
    assert held.next_due_at == at("2026-03-01T12:05")
    [second], held = looked_at(held, stale, at("2026-03-01T12:05"))
    assert (second.trigger, held.held_at, held.next_due_at) == (once, NOON, TEN)
    [first], held = looked_at(held, stale, TEN)
    assert (first.trigger, first.outcome) == (HOURLY, Outcome.NOT_FRESH)
    assert (held.held_at, held.next_due_at) == (at("2026-03-01T12:05"), at("2026-03-01T12:15"))


# SPEC: FRS-09, SCH-06
def test_a_tick_that_is_replaced_beside_one_that_waits_longer_is_decided_itself() -> None:
    five, once = "schedule:*/5 * * * *", "once:2026-03-01T12:02:00+00:00"
    both = job(five, once, wire=GATE, extensions={"freshness_wait": 1800}, completed_at=1, next_due_at=NOON)
    stale = raw(done_until="2026-03-01T11:00")
    told = []
    for minute in (0, 2, 5, 10, 15):
        decisions, both = looked_at(both, stale, NOON + minute * 60 * MICROSECONDS)
        told.append([(each.trigger, each.outcome, each.facts["first_tick"][11:16]) for each in decisions])
    over, waits = Outcome.NOT_FRESH, Outcome.WAITING
    assert told == [
        [(five, waits, "12:00")],
        [(once, waits, "12:02")],
        [(five, over, "12:00"), (five, waits, "12:00")],
        [(five, over, "12:05"), (five, waits, "12:05")],
        [(five, over, "12:10"), (five, waits, "12:10")],
    ]
    fired, both = looked_at(both, raw(), at("2026-03-01T12:17"))
    assert [(each.trigger, each.outcome, each.tick_at) for each in fired] == [
        (five, Outcome.FIRED, at("2026-03-01T12:15")),
        (once, Outcome.LIMITED, at("2026-03-01T12:02")),
    ]
    assert (both.held_at, both.next_due_at) == (None, at("2026-03-01T12:20"))


def test_a_trigger_whose_wait_is_over_is_not_decided_again_with_one_that_waits_on() -> None:
    once = "once:2026-03-01T12:05:00+00:00"
    both = job(HOURLY, once, wire=GATE, extensions={"freshness_wait": 600}, completed_at=1, next_due_at=NOON)
    stale = raw(done_until="2026-03-01T11:00")
    for minute in (0, 5, 10):
        _, both = looked_at(both, stale, NOON + minute * 60 * MICROSECONDS)
    woken = replace(both, next_due_at=at("2026-03-01T12:12"))
    [fired], after = looked_at(woken, raw(), at("2026-03-01T12:12"))
    assert (fired.trigger, fired.outcome, after.held_at) == (once, Outcome.FIRED, None)


# SPEC: FRS-09, SCH-06
def test_a_tick_that_waits_fires_also_by_a_clock_that_was_set_back_and_comes_no_second_time() -> None:
    _, held = looked_at(patient(next_due_at=NOON), raw(done_until="2026-03-01T11:00"), NOON)
    before = at("2026-03-01T10:05")
    [fired], after = looked_at(replace(held, next_due_at=before), raw(), before)
    assert (fired.outcome, fired.tick_at, fired.facts["lateness_seconds"]) == (Outcome.FIRED, NOON, 0)
    assert (after.held_at, after.next_due_at) == (None, ONE)


# SPEC: FRS-09, SCH-06
def test_a_tick_that_is_woken_in_vain_waits_on_by_a_clock_that_was_set_back() -> None:
    stale = raw(done_until=None)
    _, held = looked_at(patient(next_due_at=NOON), stale, NOON)
    before = at("2026-03-01T10:05")
    decisions, still = looked_at(replace(held, next_due_at=before), stale, before)
    assert (decisions, still.held_at, still.next_due_at) == ([], NOON, TEN)
    [over], after = looked_at(still, stale, TEN)
    assert (over.outcome, over.tick_at, after.next_due_at) == (Outcome.NOT_FRESH, NOON, ONE)


# SPEC: FRS-09, SCH-06
def test_two_ticks_that_wait_fire_also_by_a_clock_that_was_set_back_and_come_no_second_time() -> None:
    once = "once:2026-03-01T12:05:00+00:00"
    both = job(HOURLY, once, wire=GATE, extensions={"freshness_wait": 600}, completed_at=1, next_due_at=NOON)
    five = at("2026-03-01T12:05")
    for now in (NOON, five):
        _, both = looked_at(both, raw(done_until="2026-03-01T11:00"), now)
    before = at("2026-03-01T10:05")
    fired, after = looked_at(replace(both, next_due_at=before), raw(), before)
    assert [(each.trigger, each.outcome) for each in fired] == [
        (HOURLY, Outcome.FIRED),
        (once, Outcome.LIMITED),
    ]
    assert after.next_due_at == ONE


# SPEC: SCH-06, FRS-09
@pytest.mark.parametrize("extensions", [{}, {"freshness_wait": 600}])
def test_ticks_of_a_job_that_could_not_be_planned_did_not_wait_for_an_upstream(
    extensions: dict[str, int],
) -> None:
    mended = job(
        HOURLY,
        wire=GATE,
        extensions=extensions,
        seen_until=at("2026-03-01T10:00") - 1,
        next_due_at=at("2026-03-01T12:05"),
    )
    [decision], after = looked_at(mended, raw(), at("2026-03-01T12:05"))
    assert decision.because == "Ticks since 2026-03-01T10:00:00Z were missed; one run covers them all."
    assert (after.held_at, after.next_due_at) == (None, ONE)


# SPEC: FRS-09, SCH-08
def test_a_tick_of_a_job_that_could_not_be_planned_is_said_to_wait_once_it_does() -> None:
    mended = patient(seen_until=at("2026-03-01T10:00") - 1, next_due_at=at("2026-03-01T12:05"))
    stale = raw(done_until="2026-03-01T11:00")
    [waits], held = looked_at(mended, stale, at("2026-03-01T12:05"))
    assert (waits.outcome, waits.tick_at, held.held_at, held.next_due_at) == (
        Outcome.WAITING,
        NOON,
        NOON,
        TEN,
    )


# SPEC: TRG-20
def test_pausing_a_job_ends_the_wait_of_its_tick() -> None:
    stale = raw(done_until="2026-03-01T11:00")
    _, held = looked_at(patient(next_due_at=NOON), stale, NOON)
    [decision], after = looked_at(replace(held, paused=True), stale, TEN)
    assert (decision.outcome, after.held_at) == (Outcome.PAUSED, None)


def test_only_a_completion_of_its_upstream_wakes_a_tick_that_waits() -> None:
    held = patient(next_due_at=TEN, held_at=NOON)
    graph = {"jobs.etl.load": held}
    failed = Ended("r1", HOURLY, RunStatus.FAILED, False, None)
    completed = replace(failed, status=RunStatus.COMPLETED)
    assert plan_after(failed, raw(), graph, NOON).woken == ()
    assert plan_after(completed, job(ref="jobs.etl.other"), graph, NOON).woken == ()
    assert plan_after(completed, raw(), {"jobs.etl.load": patient()}, NOON).woken == ()


# SPEC: FRS-01, IVL-08
@pytest.mark.parametrize(
    ("done_until", "now", "fresh"),
    [
        # The range ends at eleven: nothing after that is ever due.
        ("2026-03-01T11:00", "2026-03-01T15:30", True),
        ("2026-03-01T10:00", "2026-03-01T15:30", False),
        # Until then the last tick counts.
        ("2026-03-01T10:00", "2026-03-01T10:30", True),
    ],
)
def test_an_upstream_with_an_end_is_fresh_for_good_once_it_has_covered_its_range(
    done_until: str, now: str, fresh: bool
) -> None:
    interval = {"start": "2026-03-01T00:00:00Z", "end": "2026-03-01T11:00:00Z"}
    upstream = raw(done_until=done_until, wire={"interval": interval})
    assert (stale_because(GATE["freshness"], {"jobs.etl.raw": upstream}, at(now)) == {}) is fresh


# SPEC: FRS-01
def test_an_open_range_is_as_fresh_as_its_last_tick() -> None:
    upstream = raw(wire={"interval": {"start": "2026-03-01T00:00:00Z"}})
    assert stale_because(GATE["freshness"], {"jobs.etl.raw": upstream}, NOON) == {}
    assert stale_because(GATE["freshness"], {"jobs.etl.raw": upstream}, ONE) != {}


# SPEC: FRS-03
def test_an_upstream_that_completed_without_a_window_has_covered_nothing() -> None:
    completed = {"completed_at": NOON, "done_until": None}
    by_cron = replace(raw(), **completed)  # type: ignore[arg-type]
    assert stale_because(GATE["freshness"], {"jobs.etl.raw": by_cron}, ONE) == {
        "jobs.etl.raw": "jobs.etl.raw has covered nothing"
    }
    # A period counts from when it completed, for want of anything better.
    by_period = replace(raw("every:1h"), **completed)  # type: ignore[arg-type]
    assert stale_because(GATE["freshness"], {"jobs.etl.raw": by_period}, ONE - 1) == {}
    assert stale_because(GATE["freshness"], {"jobs.etl.raw": by_period}, ONE) == {
        "jobs.etl.raw": "jobs.etl.raw covered its last period at 2026-03-01T12:00:00+00:00, more than one period ago"
    }


# SPEC: FRS-01, RFR-05
def test_an_upstream_that_has_to_start_over_or_cannot_be_read_is_not_fresh() -> None:
    pending = replace(raw(), refresh_pending=True)
    assert stale_because(GATE["freshness"], {"jobs.etl.raw": pending}, NOON) == {
        "jobs.etl.raw": "jobs.etl.raw has to be reloaded first"
    }
    assert stale_because(GATE["freshness"], {}, NOON) == {
        "jobs.etl.raw": "jobs.etl.raw is nothing that this server can read"
    }
    never = replace(raw(), completed_at=None)
    assert stale_because(GATE["freshness"], {"jobs.etl.raw": never}, NOON) == {
        "jobs.etl.raw": "jobs.etl.raw has never completed"
    }


# SPEC: FRS-01
def test_an_upstream_in_a_zone_that_nobody_knows_is_not_fresh() -> None:
    elsewhere = raw(wire={"require": {"timezone": "Atlantis/City"}})
    assert stale_because(GATE["freshness"], {"jobs.etl.raw": elsewhere}, NOON) == {
        "jobs.etl.raw": "jobs.etl.raw is nothing that this server can read"
    }
