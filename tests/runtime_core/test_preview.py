"""What is foreseen. Pure: facts in, the planner's decisions of the time to come out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from itertools import pairwise

import pytest
from tests.support.planning import at, job, window

from runyard.core.clock import MICROSECONDS
from runyard.core.facts import JobFacts
from runyard.core.outcomes import Outcome
from runyard.core.planning import due_after
from runyard.core.preview import ForeseenRun, Preview, Situation, next_ticks, preview, upstream_of
from runyard.core.ticks import ClockChange

HOURLY = "schedule:0 * * * *"
NOW = at("2026-03-28T12:10")
HOUR = 3600 * MICROSECONDS
BERLIN = {"require": {"timezone": "Europe/Berlin"}}


def situation(*jobs: JobFacts, seconds: float = 60.0, open_runs: Iterable[ForeseenRun] = ()) -> Situation:
    """Return jobs that have completed before and are due when they are due next."""
    due = [
        each
        if each.next_due_at is not None
        else replace(each, next_due_at=due_after(each, NOW), completed_at=each.completed_at or 1)
        for each in jobs
    ]
    return Situation(
        NOW,
        {each.definition.job_ref: each for each in due},
        tuple(open_runs),
        {each.job_id: seconds for each in due},
    )


def outcomes(seen: Preview) -> list[str]:
    return [firing.decision.outcome for firing in seen.firings]


# SPEC: TRG-22
@pytest.mark.parametrize(
    ("triggers", "expected"),
    [
        ([HOURLY], [f"2026-03-28T{hour}:00" for hour in (13, 14, 15, 16, 17)]),
        (["every:10m"], [f"2026-03-28T{time}" for time in ("12:20", "12:30", "12:40", "12:50", "13:00")]),
        (["once:2026-04-01T00:00:00Z"], ["2026-04-01T00:00"]),
        (["once:2026-03-28T12:30:00Z", "schedule:0 0 * * *"], ["2026-03-28T12:30", "2026-03-29T00:00"]),
        (["once:2026-01-01T00:00:00Z", "job.success:jobs.etl.other"], []),
    ],
)
def test_the_next_firing_times_follow_from_a_definition_alone(
    triggers: list[str], expected: list[str]
) -> None:
    ticks = next_ticks(job(*triggers).definition, now=NOW)
    assert len(ticks) <= 5
    assert [tick.at for tick in ticks][: len(expected)] == [at(text) for text in expected]


# SPEC: TRG-22 TZ-03 TZ-07
def test_a_tick_that_a_change_of_clocks_moves_says_so() -> None:
    first, second, *_ = next_ticks(job("schedule:30 2 * * *", wire=BERLIN).definition, now=NOW)
    assert first.at == at("2026-03-29T01:00")
    assert first.clock_change == ClockChange(at("2026-03-29T01:00"), 3600)
    assert first.skipped == ("02:30",)
    assert (second.clock_change, second.skipped) == (None, ())


# SPEC: TZ-04
def test_a_tick_of_every_hour_stands_for_none_that_clocks_skip() -> None:
    ticks = next_ticks(job("schedule:30 */1 * * *", wire=BERLIN).definition, now=at("2026-03-29T00:40"))
    assert ticks[0].clock_change is not None
    assert ticks[0].skipped == ()


# SPEC: TZ-07 IVL-13
def test_the_parts_of_a_backlog_are_foreseen_with_their_windows() -> None:
    loads = job(
        "schedule:0 0 * * *",
        wire={"interval": {"start": "2026-03-26T00:00:00Z"}},
        extensions={"split": "1d"},
    )
    seen = preview(situation(loads), NOW + 13 * HOUR)
    assert [firing.run.window for firing in seen.firings if firing.run] == [
        window("2026-03-26T00:00", "2026-03-27T00:00"),
        window("2026-03-27T00:00", "2026-03-28T00:00"),
        window("2026-03-28T00:00", "2026-03-29T00:00"),
    ]


# SPEC: TZ-07 TRG-19
def test_runs_that_take_longer_than_a_period_are_foreseen_to_wait() -> None:
    seen = preview(situation(job(HOURLY), seconds=5400), NOW + 4 * HOUR)
    assert outcomes(seen) == [Outcome.FIRED, Outcome.LIMITED, Outcome.LIMITED, Outcome.COALESCED]
    runs = [firing.run for firing in seen.firings if firing.run]
    assert [(run.claimed_at or 0) - run.created_at for run in runs[:2]] == [0, HOUR // 2]


# SPEC: TZ-07 FUP-01
def test_what_follows_is_foreseen_when_its_upstream_ends() -> None:
    follows = job("job.success:jobs.etl.load", ref="jobs.etl.report")
    seen = preview(situation(job(HOURLY), follows), NOW + HOUR)
    assert [(firing.decision.job_id, firing.at) for firing in seen.firings] == [
        ("jobs.etl.load", at("2026-03-28T13:00")),
        ("jobs.etl.report", at("2026-03-28T13:01")),
    ]


# SPEC: FRS-03 TZ-07
def test_ticks_that_find_upstream_stale_are_foreseen_with_the_reason() -> None:
    slow = job("schedule:0 0 * * *", ref="jobs.etl.raw")
    gated = job(HOURLY, wire={"freshness": ["job.is_fresh:jobs.etl.raw"]})
    seen = preview(situation(slow, gated), NOW + HOUR)
    [firing] = seen.firings
    assert (firing.decision.outcome, firing.run) == (Outcome.NOT_FRESH, None)
    assert "jobs.etl.raw has covered nothing" in firing.decision.because


# SPEC: TRG-20
def test_a_paused_job_is_foreseen_to_run_nothing() -> None:
    seen = preview(situation(job(HOURLY, paused=True)), NOW + 2 * HOUR)
    assert outcomes(seen) == [Outcome.PAUSED, Outcome.PAUSED]
    assert seen.runs == ()


# SPEC: EXE-07
def test_the_limit_of_the_server_makes_the_one_that_is_due_later_wait() -> None:
    both = situation(
        job("schedule:0 * * * *", ref="jobs.a"), job("schedule:1 * * * *", ref="jobs.b"), seconds=600
    )
    seen = preview(replace(both, active_max=1), NOW + HOUR)
    starts = {run.job_id: run.claimed_at for run in seen.runs}
    assert starts == {"jobs.a": at("2026-03-28T13:00"), "jobs.b": at("2026-03-28T13:10")}


# SPEC: EXE-08
def test_a_run_that_is_active_now_holds_its_slot_until_its_usual_end() -> None:
    running = ForeseenRun(
        "r1",
        "jobs.etl.load",
        HOURLY,
        NOW,
        NOW,
        claimed_at=NOW,
        window=window("2026-03-28T11:00", "2026-03-28T12:00"),
    )
    busy = job(HOURLY, active_count=1, working_on=(window("2026-03-28T11:00", "2026-03-28T12:00"),))
    seen = preview(situation(busy, seconds=3600, open_runs=[running]), NOW + HOUR)
    assert outcomes(seen) == [Outcome.LIMITED]
    assert seen.firings[0].run is not None
    assert seen.firings[0].run.claimed_at == NOW + HOUR


def test_an_app_is_foreseen_to_run_on() -> None:
    app = job(
        HOURLY,
        wire={"entry_point": {"module": "a", "function": None, "job_type": "interactive", "launcher": "l"}},
    )
    seen = preview(situation(app), NOW + HOUR)
    assert [run.ends_at for run in seen.runs] == [None]


def test_only_what_may_decide_about_a_job_is_looked_at_for_it() -> None:
    often = job("every:1m", ref="jobs.etl.noise")
    follows = job("job.success:jobs.etl.load", ref="jobs.etl.report")
    several = situation(often, job(HOURLY), follows)
    seen = preview(several, NOW + 100 * HOUR, of_job="jobs.etl.report", count=3, limit=10)
    assert [firing.at for firing in seen.firings] == [
        at(f"2026-03-28T{hour}:01") for hour in ("13", "14", "15")
    ]
    assert preview(several, NOW + HOUR, of_job="jobs.etl.gone").firings == ()


def test_a_preview_that_would_be_too_long_ends_early_and_says_so() -> None:
    seen = preview(situation(job("every:1m")), NOW + 100 * HOUR, limit=7)
    assert (len(seen.firings), seen.is_cut, seen.until) == (7, True, NOW + 7 * 60 * MICROSECONDS)


def test_what_is_overdue_is_done_first_thing() -> None:
    late = job(HOURLY, next_due_at=at("2026-03-28T10:00"), completed_at=1)
    [first, *_] = preview(situation(late), NOW + HOUR).firings
    assert (first.at, first.decision.tick_at) == (NOW, at("2026-03-28T12:00"))


# SPEC: RFR-05 RFR-08
def test_runs_that_overlap_do_not_load_from_scratch_for_ever() -> None:
    never_ran = job("every:45m", wire={"execute": {"concurrency": 2}})
    never_ran = replace(never_ran, next_due_at=due_after(never_ran, NOW))
    seen = preview(situation(never_ran, seconds=9000), NOW + 12 * HOUR)
    refreshed = [run.refresh for run in seen.runs]
    assert refreshed[:2] == [True, True], "of the first two, neither knows how the other ends"
    assert not any(refreshed[2:])
    windows = [run.window for run in seen.runs if run.window]
    assert all(one.end == other.start for one, other in pairwise(windows))


# SPEC: RFR-05
def test_a_refresh_that_travels_makes_the_next_run_downstream_load_from_scratch() -> None:
    always = job("schedule:0 13 * * *", ref="jobs.etl.raw", wire={"refresh_propagation": "always"})
    follows = job("job.success:jobs.etl.raw", ref="jobs.etl.report")
    seen = preview(situation(always, follows), NOW + HOUR)
    assert [run.refresh for run in seen.runs] == [False, True]


# SPEC: RFR-05
def test_a_refresh_that_travels_on_two_ways_reaches_their_end_once() -> None:
    always = job("schedule:0 13 * * *", ref="jobs.etl.raw", wire={"refresh_propagation": "always"})
    ways = [job("job.success:jobs.etl.raw", ref=f"jobs.etl.{name}") for name in ("left", "right")]
    end = job(
        "job.success:jobs.etl.left",
        ref="jobs.etl.report",
        wire={"freshness": ["job.is_fresh:jobs.etl.right"]},
    )
    seen = preview(situation(always, *ways, end), NOW + HOUR)
    assert [run.refresh for run in seen.runs] == [False, True, True, True]


def test_what_decides_about_a_job_is_each_of_its_upstreams_once() -> None:
    a, b = job(HOURLY, ref="jobs.a"), job("job.success:jobs.a", ref="jobs.b")
    c = job("job.success:jobs.a", "job.fail:jobs.b", "job.fail:jobs.gone", ref="jobs.c")
    jobs = {each.definition.job_ref: each for each in (a, b, c)}
    assert upstream_of(["jobs.c", "jobs.c", "jobs.unknown"], jobs) == jobs
    assert set(upstream_of(["jobs.b"], jobs)) == {"jobs.a", "jobs.b"}


@pytest.mark.parametrize("triggers", [("tag:x",), ("job.fail:jobs.etl.raw",), ("webhook:", "deployment:")])
def test_of_a_job_that_nothing_starts_in_time_no_year_of_its_upstreams_is_foreseen(
    triggers: tuple[str, ...],
) -> None:
    often = job("every:5m", ref="jobs.etl.raw")
    gated = job(*triggers, ref="jobs.etl.report", wire={"freshness": ["job.is_fresh:jobs.etl.raw"]})
    now = situation(often, gated)
    seen = preview(now, NOW + 366 * 24 * HOUR, of_job="jobs.etl.report", count=5)
    assert (seen.firings, seen.is_cut) == ((), False)
    assert set(upstream_of(["jobs.etl.report"], now.jobs)) == {"jobs.etl.report"}


# SPEC: TZ-07, RFR-05
def test_a_refresh_is_foreseen_to_travel_through_a_job_that_nothing_starts() -> None:
    always = job(HOURLY, ref="jobs.raw", wire={"refresh_propagation": "always"}, completed_at=1)
    by_hand = job("tag:x", ref="jobs.clean", wire={"freshness": ["job.is_fresh:jobs.raw"]}, completed_at=1)
    half_past = job(
        "schedule:30 * * * *",
        ref="jobs.etl.report",
        wire={"freshness": ["job.is_fresh:jobs.clean"]},
        completed_at=1,
        done_until=at("2026-03-28T11:30"),
    )
    several = situation(always, by_hand, half_past)
    alone = preview(several, NOW + 4 * HOUR, of_job="jobs.etl.report")
    decided = [
        each for each in preview(several, NOW + 4 * HOUR).firings if each.decision.job_id == "jobs.etl.report"
    ]
    assert [each.decision for each in alone.firings] == [each.decision for each in decided]


# SPEC: IVL-14
def test_a_window_that_somebody_asked_for_waits_for_the_run_that_works_on_it() -> None:
    morning = window("2026-03-28T06:00", "2026-03-28T12:00")
    works = ForeseenRun("r1", "jobs.etl.load", HOURLY, NOW, NOW, claimed_at=NOW, window=morning)
    asked = ForeseenRun("r2", "jobs.etl.load", HOURLY, NOW, NOW, window=morning, exact=True)
    of_another = ForeseenRun("r3", "jobs.archived", HOURLY, NOW, NOW)
    busy = job(
        HOURLY,
        wire={"execute": {"concurrency": 2}},
        active_count=1,
        waiting_count=1,
        working_on=(morning,),
        done_until=morning.end,
        completed_at=1,
        next_due_at=at("2026-03-28T13:00"),
    )
    seen = preview(situation(busy, seconds=600, open_runs=[works, asked, of_another]), NOW + 2 * HOUR)
    first, second, *later = seen.runs
    assert (first.run_id, first.ends_at) == ("r1", NOW + HOUR // 6)
    assert (second.run_id, second.claimed_at, second.window) == ("r2", NOW + HOUR // 6, morning)
    # What the clock brings goes on beside it, from where the job had got to.
    assert later[0].window == window("2026-03-28T12:00", "2026-03-28T13:00")
    # However long that takes.
    seen = preview(situation(busy, seconds=5400, open_runs=[works, asked]), NOW + 2 * HOUR)
    assert [run.claimed_at for run in seen.runs[1:3]] == [NOW + HOUR * 3 // 2, at("2026-03-28T13:00")]
    # And if all slots are taken, it waits with it.
    full = replace(busy, definition=job(HOURLY).definition)
    seen = preview(situation(full, seconds=5400, open_runs=[works, asked]), NOW + 2 * HOUR)
    assert outcomes(seen) == [Outcome.LIMITED, Outcome.COALESCED]
    assert [run.claimed_at for run in seen.runs[1:]] == [NOW + HOUR * 3 // 2, None]


# SPEC: FRS-09
@pytest.mark.parametrize(("longest", "beside"), [(7200, False), (1200, False), (1200, True)])
def test_a_tick_that_waits_is_foreseen_once_and_runs_as_soon_as_its_upstream_has_completed(
    longest: int,
    beside: bool,
) -> None:
    raw = job(HOURLY, ref="jobs.etl.raw", done_until=at("2026-03-28T12:00"), completed_at=1)
    gated = job(
        HOURLY,
        ref="jobs.etl.gated",
        extensions={"freshness_wait": longest},
        wire={"freshness": ["job.is_fresh:jobs.etl.raw"]},
        completed_at=1,
        done_until=at("2026-03-28T12:00"),
    )
    # Due when the wait of twenty minutes would have ended.
    other = job("schedule:20 * * * *", ref="jobs.a")
    jobs = (raw, gated, other) if beside else (raw, gated)
    seen = preview(situation(*jobs, seconds=600), at("2026-03-28T17:30"))
    starts = [(run.job_id, run.claimed_at) for run in seen.runs if run.job_id != "jobs.a"]
    assert starts == [
        (ref, at(f"2026-03-28T{hour}:{minute}"))
        for hour in (13, 14, 15, 16, 17)
        for ref, minute in (("jobs.etl.raw", "00"), ("jobs.etl.gated", "10"))
    ]
    waits = [firing.at for firing in seen.firings if firing.decision.outcome is Outcome.WAITING]
    assert waits == [at(f"2026-03-28T{hour}:00") for hour in (13, 14, 15, 16, 17)]
