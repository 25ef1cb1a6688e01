"""What becomes of ticks, starts by hand and ends of runs. Pure: facts in, decisions out."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from tests.support.planning import at, job, window

from runyard.core.intervals import Window
from runyard.core.outcomes import Outcome
from runyard.core.planning import (
    Ended,
    is_refresh,
    plan,
    plan_after,
    plan_missed_events,
    plan_start,
    window_at_start,
)
from runyard.core.runs import RunStatus

HOURLY = "schedule:0 * * * *"
DAILY = "schedule:0 0 * * *"
NOON = at("2026-03-01T12:00")


# Ticks ----------------------------------------------------------------------------------------------------


# SPEC: TRG-14 SCH-08
def test_a_due_tick_creates_a_run_and_says_why() -> None:
    due = job(HOURLY, next_due_at=NOON)
    [decision] = plan([due], {}, NOON).decisions
    assert (decision.outcome, decision.tick_at) == (Outcome.FIRED, NOON)
    assert decision.run is not None
    assert decision.run.cause == "schedule:0 * * * *@2026-03-01T12:00:00Z"
    assert decision.because == "Due at 2026-03-01T12:00:00Z."
    assert decision.facts["tick"] == "2026-03-01T12:00:00Z"


# SPEC: TRG-18
def test_the_same_tick_has_the_same_cause_however_late_it_is_seen() -> None:
    due = job(HOURLY, next_due_at=NOON)
    causes = {
        decision.run.cause
        for now in (NOON, NOON + 1, NOON + 59 * 60_000_000)
        for decision in plan([due], {}, now).decisions
        if decision.run
    }
    assert len(causes) == 1


# SPEC: SCH-06 IVL-04
def test_ticks_missed_while_the_machine_slept_become_one_run() -> None:
    due = job(HOURLY, next_due_at=at("2026-02-27T07:00"))
    planned = plan([due], {}, NOON + 5)
    [decision] = planned.decisions
    assert decision.tick_at == NOON
    assert decision.facts["first_tick"] == "2026-02-27T07:00:00Z"
    assert planned.next_due_at == {due.job_id: at("2026-03-01T13:00")}


# SPEC: TRG-19
def test_a_tick_at_the_limit_creates_one_run_that_waits() -> None:
    busy = job(HOURLY, next_due_at=NOON, active_count=1)
    [decision] = plan([busy], {}, NOON).decisions
    assert decision.outcome is Outcome.LIMITED
    assert decision.run is not None
    assert "1 of 1 slots are taken" in decision.because
    assert decision.facts["limited_by"] == "job"


# SPEC: TRG-19, SCH-08
@pytest.mark.parametrize(
    ("slots", "active", "waiting", "because"),
    [
        (1, 1, 0, "1 of 1 slots are taken; the run waits."),
        (1, 1, 1, "1 of 1 slots are taken; it waits behind 1 other run."),
        (3, 1, 2, "1 of 3 slots are taken; it waits behind 2 other runs."),
        (1, 0, 1, "It waits behind 1 other run."),
    ],
)
def test_a_run_that_waits_says_what_for(slots: int, active: int, waiting: int, because: str) -> None:
    limits = {"execute": {"concurrency": slots}}
    busy = job(HOURLY, wire=limits, next_due_at=NOON, active_count=active, waiting_count=waiting)
    [decision] = plan([busy], {}, NOON).decisions
    assert decision.outcome is Outcome.LIMITED
    assert decision.because == f"Due at 2026-03-01T12:00:00Z. {because}"


# SPEC: TRG-18, TRG-19
@pytest.mark.parametrize(
    ("slots", "second"), [(1, Outcome.LIMITED), (2, Outcome.FIRED), (None, Outcome.FIRED)]
)
def test_of_two_triggers_due_together_the_second_takes_no_slot_of_the_first(
    slots: int | None, second: Outcome
) -> None:
    both = job(HOURLY, "once:2026-03-01T12:00:00Z", next_due_at=NOON)
    both = replace(both, definition=replace(both.definition, concurrency=slots))
    planned = plan([both], {}, NOON)
    assert [decision.outcome for decision in planned.decisions] == [Outcome.FIRED, second]


# SPEC: TRG-19
def test_a_further_tick_joins_the_run_that_waits_already() -> None:
    busy = job(HOURLY, next_due_at=NOON, active_count=1, waiting_count=1, waiting={HOURLY: "r2"})
    [decision] = plan([busy], {}, NOON).decisions
    assert (decision.outcome, decision.joins, decision.run) == (Outcome.COALESCED, "r2", None)


# SPEC: TRG-20
def test_a_paused_job_runs_nothing_and_keeps_counting_ticks() -> None:
    planned = plan([job(HOURLY, next_due_at=NOON, paused=True)], {}, NOON)
    assert [decision.outcome for decision in planned.decisions] == [Outcome.PAUSED]
    assert planned.next_due_at == {"jobs.etl.load": at("2026-03-01T13:00")}


# SPEC: TRG-17
@pytest.mark.parametrize("trigger", ["once:2026-03-01T11:00:00Z", "once:2026-03-01T11:00:00"])
def test_a_once_that_was_missed_fires_once_and_never_again(trigger: str) -> None:
    once = job(trigger, next_due_at=at("2026-03-01T11:00"))
    planned = plan([once], {}, NOON)
    assert [decision.outcome for decision in planned.decisions] == [Outcome.FIRED]
    assert planned.next_due_at == {once.job_id: None}


# SPEC: TRG-15
def test_an_every_keeps_its_phase_through_a_late_wake_up() -> None:
    every = job("every:10m", deployed_at="2026-03-01T11:53", next_due_at=at("2026-03-01T12:03"))
    planned = plan([every], {}, at("2026-03-01T12:29"))
    assert planned.decisions[0].tick_at == at("2026-03-01T12:23")
    assert planned.next_due_at == {every.job_id: at("2026-03-01T12:33")}


# SPEC: IVL-08
def test_a_range_that_is_covered_creates_no_run_and_is_never_due_again() -> None:
    done = job(
        DAILY,
        wire={"interval": {"start": "2026-01-01", "end": "2026-02-01"}},
        next_due_at=at("2026-03-01T00:00"),
        done_until=at("2026-02-01T00:00"),
        completed_at=1,
    )
    planned = plan([done], {}, NOON)
    assert [decision.outcome for decision in planned.decisions] == [Outcome.SKIPPED]
    assert planned.next_due_at == {done.job_id: None}


# SPEC: FRS-01 FRS-03 FRS-06
def test_a_tick_is_gated_while_its_upstream_has_never_completed() -> None:
    upstream = job(HOURLY, ref="jobs.etl.raw")
    gated = job(HOURLY, wire={"freshness": ["job.is_fresh:jobs.etl.raw"]}, next_due_at=NOON)
    [decision] = plan([gated], {"jobs.etl.raw": upstream}, NOON).decisions
    assert (decision.outcome, decision.run) == (Outcome.NOT_FRESH, None)
    assert "jobs.etl.raw has never completed" in decision.because


# SPEC: FRS-04
@pytest.mark.parametrize(
    ("trigger", "done_until", "fresh"),
    [
        (HOURLY, "2026-03-01T12:00", True),
        (HOURLY, "2026-03-01T11:00", False),
        ("every:1h", "2026-03-01T11:00:01", True),
        ("every:1h", "2026-03-01T11:00", False),
        ("tag:demo", "2025-01-01T00:00", True),
    ],
)
def test_freshness_is_what_the_upstream_has_completed(trigger: str, done_until: str, fresh: bool) -> None:
    upstream = job(trigger, ref="jobs.etl.raw", done_until=at(done_until), completed_at=at(done_until))
    gated = job(HOURLY, wire={"freshness": ["job.is_fresh:jobs.etl.raw"]}, next_due_at=NOON)
    [decision] = plan([gated], {"jobs.etl.raw": upstream}, NOON).decisions
    assert (decision.outcome is Outcome.FIRED) is fresh


# Starts by hand -------------------------------------------------------------------------------------------


# SPEC: RFR-08
def test_the_first_run_of_a_job_is_a_refresh() -> None:
    assert is_refresh(job(), asked=False)
    assert not is_refresh(job(completed_at=1), asked=False)
    assert is_refresh(job(completed_at=1, refresh_pending=True), asked=False)


# SPEC: RFR-07
def test_a_job_that_blocks_refreshes_runs_without_one_and_says_so() -> None:
    blocking = job(wire={"refresh_propagation": "block"}, completed_at=1)
    decision = plan_start(blocking, "manual:jobs.etl.load", cause="c", upstreams={}, now=NOON, refresh=True)
    assert decision.run is not None
    assert not decision.run.refresh
    assert "ignored" in decision.because


# SPEC: TRG-20
def test_a_paused_job_can_be_started_by_hand() -> None:
    decision = plan_start(job(paused=True), "manual:jobs.etl.load", cause="c", upstreams={}, now=NOON)
    assert decision.outcome is Outcome.FIRED


# SPEC: SCH-08, TAG-14
@pytest.mark.parametrize(
    ("trigger", "because"),
    [
        ("manual:jobs.etl.load", "Started by hand."),
        ("tag:demo", "Started by hand (tag demo)."),
        ("schedule:0 * * * *", "Started by hand (every hour)."),
        ("schedule:0 6 * * *", "Started by hand (daily at 06:00 UTC)."),
    ],
)
def test_a_start_that_somebody_asked_for_does_not_read_like_a_tick(trigger: str, because: str) -> None:
    assert plan_start(job(), trigger, cause="c", upstreams={}, now=NOON).because == because


# SPEC: FRS-10
def test_a_start_by_hand_is_refused_while_upstream_is_stale_unless_forced() -> None:
    upstreams = {"jobs.etl.raw": job(HOURLY, ref="jobs.etl.raw")}
    gated = job(wire={"freshness": ["job.is_fresh:jobs.etl.raw"]})
    refused = plan_start(gated, "manual:jobs.etl.load", cause="c", upstreams=upstreams, now=NOON)
    forced = plan_start(gated, "manual:jobs.etl.load", cause="c", upstreams=upstreams, now=NOON, force=True)
    assert (refused.outcome, refused.run) == (Outcome.NOT_FRESH, None)
    assert forced.outcome is Outcome.FIRED


# What an end causes ---------------------------------------------------------------------------------------


def ended(status: RunStatus = RunStatus.COMPLETED, covers: Window | None = None) -> Ended:
    return Ended("r1", DAILY, status, refresh=False, window=covers)


# SPEC: FUP-02 TRG-06
@pytest.mark.parametrize(
    ("status", "fired"),
    [
        (RunStatus.COMPLETED, ["job.success:jobs.etl.load"]),
        (RunStatus.FAILED, ["job.fail:jobs.etl.load"]),
        (RunStatus.CANCELLED, []),
    ],
)
def test_success_follows_completion_fail_follows_failure_and_nothing_follows_a_cancel(
    status: RunStatus, fired: list[str]
) -> None:
    follower = job("job.success:jobs.etl.load", "job.fail:jobs.etl.load", ref="jobs.etl.next")
    after = plan_after(ended(status), job(DAILY), {"jobs.etl.next": follower}, NOON)
    assert [decision.trigger for decision in after.decisions] == fired


# SPEC: FUP-01 FUP-05
def test_a_follow_up_is_created_once_per_upstream_run_and_names_it() -> None:
    follower = job("job.success:jobs.etl.load", ref="jobs.etl.next")
    [decision] = plan_after(ended(), job(DAILY), {"jobs.etl.next": follower}, NOON).decisions
    assert decision.run is not None
    assert decision.run.cause == "job.success:jobs.etl.load@r1"
    assert (decision.run.caused_by, decision.run.previous_run_id) == (("r1",), "r1")
    assert decision.because == "After load succeeded."


# SPEC: FUP-04
def test_an_event_at_the_limit_merges_into_the_follow_up_that_waits() -> None:
    trigger = "job.success:jobs.etl.load"
    busy = job(trigger, ref="jobs.etl.next", active_count=1, waiting_count=1, waiting={trigger: "n2"})
    [decision] = plan_after(ended(), job(DAILY), {"jobs.etl.next": busy}, NOON).decisions
    assert (decision.outcome, decision.joins, decision.caused_by) == (Outcome.MERGED, "n2", ("r1",))


# SPEC: FUP-04
def test_one_end_starts_every_follower() -> None:
    trigger = "job.success:jobs.etl.load"
    graph = {ref: job(trigger, ref=ref) for ref in ("jobs.a", "jobs.b", "jobs.c")}
    after = plan_after(ended(), job(DAILY), graph, NOON)
    assert [decision.job_id for decision in after.decisions] == ["jobs.a", "jobs.b", "jobs.c"]


# SPEC: TRG-20
def test_ends_that_passed_while_a_job_was_paused_are_made_up_for_by_one_run_of_each_trigger() -> None:
    success, fail = "job.success:jobs.etl.load", "job.fail:jobs.etl.load"
    follower = job(success, fail, "deployment:", HOURLY, ref="jobs.etl.next")
    missed = {success, fail, "deployment:", HOURLY, "job.success:jobs.etl.gone"}
    first, second = plan_missed_events(follower, missed, NOON)
    assert first.run is not None
    assert (first.outcome, first.run.cause) == (Outcome.FIRED, f"{success}@paused:2026-03-01T12:00:00Z")
    assert first.because == "What it follows ended while the job was paused; one run makes up for that."
    assert (second.trigger, second.outcome) == (fail, Outcome.LIMITED)
    assert plan_missed_events(follower, set(), NOON) == []


# SPEC: FUP-07
@pytest.mark.parametrize(("state", "outcome"), [("paused", Outcome.PAUSED), ("archived", Outcome.SKIPPED)])
def test_a_paused_or_archived_follower_receives_nothing_but_the_decision(
    state: str, outcome: Outcome
) -> None:
    states: dict[str, Any] = {state: True}
    follower = job("job.success:jobs.etl.load", ref="jobs.etl.next", **states)
    [decision] = plan_after(ended(), job(DAILY), {"jobs.etl.next": follower}, NOON).decisions
    assert (decision.outcome, decision.run) == (outcome, None)


# SPEC: RFR-02 RFR-03 RFR-04
def test_a_refresh_reaches_everything_downstream_that_does_not_block_it() -> None:
    origin = job(DAILY, wire={"refresh_propagation": "always"})
    graph = {
        "jobs.follows": job("job.success:jobs.etl.load", ref="jobs.follows"),
        "jobs.gated": job(DAILY, ref="jobs.gated", wire={"freshness": ["job.is_fresh:jobs.follows"]}),
        "jobs.blocks": job(
            "job.success:jobs.follows", ref="jobs.blocks", wire={"refresh_propagation": "block"}
        ),
        "jobs.behind": job("job.success:jobs.blocks", ref="jobs.behind"),
    }
    after = plan_after(ended(), origin, graph, NOON)
    assert after.refreshed == ("jobs.follows", "jobs.gated")
    assert plan_after(ended(RunStatus.FAILED), origin, graph, NOON).refreshed == ()


# Windows --------------------------------------------------------------------------------------------------

YEAR = {"interval": {"start": "2025-01-01", "end": "2026-01-01"}}


# SPEC: IVL-02 IVL-03
def test_the_first_window_begins_where_the_interval_does() -> None:
    first = job(DAILY, wire={"interval": {"start": "2026-02-01"}})
    assert window_at_start(first, DAILY, NOON, NOON) == window("2026-02-01T00:00", "2026-03-01T00:00")


# SPEC: IVL-02
def test_a_scheduled_run_covers_the_tick_that_just_elapsed() -> None:
    assert window_at_start(job(HOURLY), HOURLY, NOON, NOON + 7) == window(
        "2026-03-01T11:00", "2026-03-01T12:00"
    )


# SPEC: IVL-04 IVL-05
def test_missed_ticks_widen_the_next_window() -> None:
    behind = job(HOURLY, done_until=at("2026-03-01T07:00"), completed_at=1)
    assert window_at_start(behind, HOURLY, NOON, NOON) == window("2026-03-01T07:00", "2026-03-01T12:00")


# SPEC: IVL-13
def test_a_split_range_is_worked_off_month_by_month_oldest_first() -> None:
    year = job(DAILY, wire=YEAR, extensions={"split": "@monthly"})
    months = []
    for _ in range(12):
        part = window_at_start(year, "tag:demo", NOON, NOON)
        months.append(part)
        after = plan_after(ended(covers=part), replace(year, done_until=part.end, completed_at=1), {}, NOON)
        year = replace(year, done_until=part.end, completed_at=1)
    assert months[0] == window("2025-01-01T00:00", "2025-02-01T00:00")
    assert months[-1] == window("2025-12-01T00:00", "2026-01-01T00:00")
    assert all(earlier.end == later.start for earlier, later in pairwise(months))
    assert after.decisions == ()


# SPEC: IVL-13 IVL-05
def test_the_next_part_follows_completion_only() -> None:
    part = window("2025-01-01T00:00", "2025-02-01T00:00")
    year = job(DAILY, wire=YEAR, extensions={"split": "@monthly"}, done_until=part.end, completed_at=1)
    [decision] = plan_after(ended(covers=part), year, {}, NOON).decisions
    assert decision.run is not None
    assert (decision.run.trigger, decision.run.cause) == (DAILY, f"{DAILY}@after:r1")
    assert plan_after(ended(RunStatus.FAILED, part), year, {}, NOON).decisions == ()
    assert plan_after(ended(RunStatus.CANCELLED, part), year, {}, NOON).decisions == ()


def test_an_every_that_has_caught_up_starts_no_part_before_its_next_tick() -> None:
    part = window("2026-03-01T10:00", "2026-03-01T11:30")
    caught_up = job(
        "every:1h",
        wire={"interval": {"start": "2026-03-01T00:00Z"}},
        extensions={"split": "6h"},
        done_until=part.end,
        completed_at=1,
    )
    assert plan_after(ended(covers=part), caught_up, {}, at("2026-03-01T11:31")).decisions == ()


def test_the_next_part_is_left_to_a_run_that_waits_already() -> None:
    part = window("2025-01-01T00:00", "2025-02-01T00:00")
    year = job(
        DAILY, wire=YEAR, extensions={"split": "@monthly"}, done_until=part.end, completed_at=1,
        waiting={DAILY: "r2"},
        waiting_count=1,
    )  # fmt: skip
    assert plan_after(ended(covers=part), year, {}, NOON).decisions == ()


def test_a_window_never_overlaps_one_that_another_run_works_on() -> None:
    parallel = job(
        DAILY,
        wire={**YEAR, "execute": {"concurrency": 3}},
        extensions={"split": "@monthly"},
        done_until=at("2025-02-01T00:00"),
        completed_at=1,
        active_count=1,
        working_on=(window("2025-02-01T00:00", "2025-03-01T00:00"),),
    )
    assert window_at_start(parallel, DAILY, NOON, NOON) == window("2025-03-01T00:00", "2025-04-01T00:00")


def test_a_hole_that_a_failure_left_is_filled_before_anything_newer() -> None:
    holed = job(
        DAILY,
        wire=YEAR,
        done_until=at("2025-02-01T00:00"),
        covered=(window("2025-03-01T00:00", "2025-04-01T00:00"),),
        completed_at=1,
    )
    assert window_at_start(holed, DAILY, NOON, NOON) == window("2025-02-01T00:00", "2025-03-01T00:00")


# SPEC: IVL-09
def test_a_start_by_hand_with_nothing_left_covers_the_empty_window_at_the_pointer() -> None:
    done = job(HOURLY, done_until=NOON, completed_at=1)
    assert window_at_start(done, "manual:jobs.etl.load", NOON + 5, NOON + 9) == Window(NOON, NOON)


# SPEC: IVL-11
@pytest.mark.parametrize("trigger", ["tag:demo", "job.success:jobs.x"])
def test_an_event_covers_a_point_unless_the_job_declares_an_interval(trigger: str) -> None:
    assert window_at_start(job(DAILY), trigger, NOON, NOON + 9) == Window(NOON, NOON)
    declared = job(DAILY, wire={"interval": {"start": "2026-02-28"}})
    assert window_at_start(declared, trigger, NOON, NOON) == window("2026-02-28T00:00", "2026-03-01T00:00")


# SPEC: IVL-13
def test_a_part_that_somebody_works_on_already_is_not_started_again() -> None:
    interval = {"start": "2026-01-01T00:00:00Z", "end": "2026-01-03T00:00:00Z"}
    done = window("2026-01-01T00:00", "2026-01-02T00:00")
    backlog = job(
        "schedule:@daily",
        extensions={"split": "1d"},
        wire={"interval": interval, "execute": {"concurrency": 2}},
        done_until=done.end,
    )
    ended = Ended("r1", "schedule:@daily", RunStatus.COMPLETED, False, done)
    now = at("2026-02-01T00:00")
    assert [each.run is not None for each in plan_after(ended, backlog, {}, now).decisions] == [True]
    busy = replace(backlog, working_on=(window("2026-01-02T00:00", "2026-01-03T00:00"),), active_count=1)
    assert plan_after(ended, busy, {}, now).decisions == ()


# SPEC: SCH-08
def test_a_decision_about_a_tick_carries_all_it_stood_on() -> None:
    due = job(
        "schedule:0 * * * *",
        next_due_at=at("2026-01-02T10:00"),
        done_until=at("2026-01-02T09:00"),
        wire={"execute": {"concurrency": 3}},
        active_count=1,
    )
    [decision] = plan([due], {}, at("2026-01-02T12:00:30")).decisions
    assert (decision.job_id, decision.trigger, decision.tick_at) == (
        "jobs.etl.load",
        "schedule:0 * * * *",
        at("2026-01-02T12:00"),
    )
    assert {key: decision.facts[key] for key in decision.facts if key != "stale"} == {
        "first_tick": "2026-01-02T10:00:00Z",
        "tick": "2026-01-02T12:00:00Z",
        "lateness_seconds": 30.0,
        "done_until": "2026-01-02T09:00:00Z",
        "active_runs": 1,
        "concurrency": 3,
    }
    paused = replace(due, paused=True)
    [decision] = plan([paused], {}, at("2026-01-02T12:00:30")).decisions
    assert (decision.outcome, decision.because) == (Outcome.PAUSED, "The job is paused.")


# SPEC: TRG-14
def test_of_several_triggers_one_that_is_not_due_does_not_hide_the_next() -> None:
    several = job(
        "once:2026-01-01T00:00:00Z",
        "once:2030-01-01T00:00:00Z",
        "schedule:0 * * * *",
        deployed_at="2026-01-01T12:00",
        next_due_at=at("2026-01-02T10:00"),
    )
    planned = plan([several], {}, at("2026-01-02T10:00"))
    assert [decision.trigger for decision in planned.decisions] == ["schedule:0 * * * *"]
