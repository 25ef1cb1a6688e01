"""Windows that somebody asks for as they stand: which there are, who waits for whom, and what they mean after. Pure."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.planning import at, job, window

from runyard.core.errors import InvalidInterval
from runyard.core.facts import JobFacts
from runyard.core.intervals import Window, exact_windows
from runyard.core.planning import Started, plan_claim, plan_start, window_at_start

DAILY = "schedule:0 0 * * *"
NOW = at("2026-03-10T12:00")
SINCE_FEBRUARY = {"interval": {"start": "2026-02-01"}}


def daily(**facts: Any) -> JobFacts:
    """Return a job of every day that has covered February."""
    return job(
        DAILY, wire=SINCE_FEBRUARY, **{"done_until": at("2026-03-01T00:00"), "completed_at": 1, **facts}
    )


def asked_for(of: JobFacts, start: str, end: str) -> list[Window]:
    return exact_windows(of.schedule, of.range, of.definition.timezone, window(start, end), NOW)


# SPEC: IVL-14
def test_a_range_on_ticks_is_one_window_and_a_split_cuts_it_as_it_cuts_the_backlog() -> None:
    assert asked_for(daily(), "2026-02-03", "2026-02-06") == [window("2026-02-03", "2026-02-06")]
    split = job(DAILY, wire=SINCE_FEBRUARY, extensions={"split": "2d"})
    assert asked_for(split, "2026-02-03", "2026-02-08") == [
        window("2026-02-03", "2026-02-05"),
        window("2026-02-05", "2026-02-07"),
        window("2026-02-07", "2026-02-08"),
    ]


def test_windows_of_a_period_begin_and_end_anywhere() -> None:
    every = job("every:6h")
    assert asked_for(every, "2026-03-01T00:07", "2026-03-02T00:01") == [
        window("2026-03-01T00:07", "2026-03-02T00:01")
    ]


# SPEC: IVL-14, TZ-02
@pytest.mark.parametrize(
    ("of", "start", "end", "says"),
    [
        (
            daily(),
            "2026-02-03T05:00",
            "2026-02-06",
            r"no tick of `0 0 \* \* \*`. The nearest are 2026-02-03T00:00:00",
        ),
        (daily(), "2026-02-03", "2026-02-06T23:00", r"2026-02-07T00:00:00\+00:00"),
        (daily(), "2026-02-03", "2026-02-03", "end after its start"),
        (daily(), "2026-01-31", "2026-02-03", "from 2026-02-01T00:00:00"),
        (daily(), "2026-03-09", "2026-03-11", "to 2026-03-10T00:00:00"),
        (job("tag:demo"), "2026-02-03", "2026-02-06", "has no windows"),
        (
            job(DAILY, wire={"require": {"timezone": "Europe/Berlin"}}),
            "2026-02-03",
            "2026-02-06",
            r"2026-02-03T00:00:00\+01:00",
        ),
        (
            job("every:60s", extensions={"split": "1m"}, wire=SINCE_FEBRUARY),
            "2026-02-03",
            "2026-02-04",
            "more than 100",
        ),
    ],
)
def test_what_is_no_window_is_refused_with_one_that_is(of: JobFacts, start: str, end: str, says: str) -> None:
    with pytest.raises(InvalidInterval, match=says):
        asked_for(of, start, end)


# SPEC: IVL-14, SCH-08
def test_the_decision_names_the_window_that_was_asked_for() -> None:
    wanted = window("2026-02-03", "2026-02-04")
    decision = plan_start(daily(), "manual:jobs.etl.load", cause="c", upstreams={}, now=NOW, window=wanted)
    assert decision.run is not None
    assert decision.run.window == wanted
    assert decision.because == ("Started by hand, for exactly 2026-02-03T00:00:00Z to 2026-02-04T00:00:00Z.")


def claimed(of: JobFacts, exact: Window) -> Started | None:
    return plan_claim(of, DAILY, asked_refresh=False, fired_at=NOW, now=NOW, exact=exact)


# SPEC: IVL-14
def test_it_waits_while_another_run_works_on_a_part_of_it() -> None:
    wanted = window("2026-02-03", "2026-02-05")
    busy = daily(working_on=(window("2026-02-04", "2026-02-08"),), active_count=1)
    assert claimed(busy, wanted) is None
    assert claimed(busy, window("2026-02-03", "2026-02-04")) is not None
    started = claimed(daily(), wanted)
    assert started is not None
    assert (started.window, started.refresh) == (wanted, False)


# SPEC: IVL-14, IVL-04
def test_nobody_else_takes_what_it_works_on() -> None:
    busy = daily(working_on=(window("2026-03-03", "2026-03-05"),), active_count=1)
    assert window_at_start(busy, DAILY, NOW, NOW) == window("2026-03-01", "2026-03-03")


# SPEC: IVL-14, IVL-05
def test_covered_time_stays_covered_and_the_pointer_stays_where_it_is() -> None:
    again = daily().with_completed(window("2026-02-03", "2026-02-05"), refresh=False, now=NOW, exact=True)
    assert (again.done_until, again.covered) == (at("2026-03-01T00:00"), ())


# SPEC: IVL-14
def test_missing_time_that_was_run_is_missing_no_longer() -> None:
    island = daily().with_completed(window("2026-03-03", "2026-03-05"), refresh=False, now=NOW, exact=True)
    assert island.done_until == at("2026-03-01T00:00")
    assert window_at_start(island, DAILY, NOW, NOW) == window("2026-03-01", "2026-03-03")
    joined = island.with_completed(window("2026-03-01", "2026-03-03"), refresh=False, now=NOW, exact=True)
    assert joined.done_until == at("2026-03-05T00:00")


# SPEC: IVL-14
def test_it_never_says_where_the_windows_of_a_job_begin() -> None:
    fresh = job(DAILY)
    after = fresh.with_completed(window("2020-01-01", "2020-01-02"), refresh=False, now=NOW, exact=True)
    assert after.done_until is None
    assert window_at_start(after, DAILY, NOW, NOW) == window("2026-03-09", "2026-03-10")


# SPEC: IVL-14, RFR-05
def test_a_part_fulfils_no_refresh_that_is_pending() -> None:
    started = claimed(daily(refresh_pending=True), window("2026-02-03", "2026-02-05"))
    assert started is not None
    assert (started.refresh, started.job.refresh_pending) == (False, True)
    # Nor does the first part of all that completes, when a whole run has failed before.
    started = claimed(daily(refresh_pending=True, completed_at=None), window("2026-02-03", "2026-02-05"))
    assert started is not None
    assert not started.refresh
