"""Windows on generated inputs: they tile time, and are the published ones but for differences named here.

The published rules are `dlt._workspace.deployment.interval`. Each difference is a test or a comment below.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from dlt._workspace.deployment.interval import (
    compute_run_interval,
    next_scheduled_run,
    resolve_interval_spec,
)
from dlt._workspace.deployment.typing import TTrigger
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from runyard.core.clock import MICROSECONDS, from_datetime, to_datetime
from runyard.core.intervals import Cron, Every, Once, Range, next_due, resolve_range, run_window
from runyard.core.jobs import IntervalSpec
from runyard.core.ticks import DAY, MINUTE

ZONES = [
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
    "Pacific/Apia",
]
CRONS = [
    "0 6 * * *",
    "30 2 * * *",
    "*/20 * * * *",
    "15 */3 * * mon-fri",
    "0 0 1 * *",
    "5 4 * * sun",
    "@daily",
]
START, END = (from_datetime(datetime(year, 1, 1, tzinfo=UTC)) for year in (1995, 2040))

instants = st.integers(START, END)
crons = st.builds(Cron, st.sampled_from(CRONS), st.sampled_from(ZONES))
periods = st.sampled_from([60.0, 90.5, 3600.0, 86400.0]).map(Every)
FAST = settings(max_examples=150)


def change_near(timezone: str, instant: int, days: int) -> bool:
    """Return whether clocks are set within some days of an instant."""
    zone = ZoneInfo(timezone)
    around = (to_datetime(instant) + timedelta(hours=hours) for hours in range(-24 * days, 24 * days + 1, 6))
    return len({moment.astimezone(zone).utcoffset() for moment in around}) > 1


# SPEC: IVL-04, TZ-05
@FAST
@given(
    crons | periods,
    instants,
    st.lists(st.integers(1, 20 * DAY), min_size=2, max_size=8),
    st.one_of(st.none(), periods, crons),
)
def test_windows_of_completed_runs_tile_time(
    schedule: Cron | Every, start: int, pauses: list[int], split: Every | Cron | None
) -> None:
    interval = Range(start, split=split)
    now, done_until, windows = start, None, []
    for pause in pauses:
        now += pause
        window = run_window(schedule, interval, done_until, now)
        assert window is not None
        windows.append(window)
        done_until = window.end
    assert windows[0].start == start
    assert all(earlier.end == later.start for earlier, later in pairwise(windows))
    assert all(window.end <= max(now, start) for window in windows)


@FAST
@given(crons, instants, st.none() | st.integers(0, 30 * DAY))
def test_a_cron_window_is_the_published_one(cron: Cron, now: int, age: int | None) -> None:
    assume(not change_near(cron.timezone, now, days=40))
    done = None if age is None else now - age
    published = compute_run_interval(
        TTrigger(f"schedule:{cron.expr}"),
        to_datetime(now),
        None if done is None else to_datetime(done),
        cron.timezone,
    )
    window = run_window(cron, None, done, now)
    assert window is not None
    assert window.start == from_datetime(published.start)
    # Published: a pointer ahead of the last tick gives a window that ends before it starts; ours is empty.
    assert window.end == max(from_datetime(published.end), window.start)


@FAST
@given(periods, instants, st.none() | st.integers(0, 30 * DAY))
def test_a_window_of_every_is_the_published_one(every: Every, now: int, age: int | None) -> None:
    done = None if age is None else now - age
    published = compute_run_interval(
        TTrigger(f"every:{every.period_seconds}s"),
        to_datetime(now),
        None if done is None else to_datetime(done),
    )
    window = run_window(every, None, done, now)
    assert window is not None
    assert (window.start, window.end) == (from_datetime(published.start), from_datetime(published.end))


@pytest.mark.parametrize("trigger", ["manual:jobs.a.b", "job.success:jobs.a.b", "tag:x", "deployment:"])
def test_the_point_window_of_an_event_is_the_published_one(trigger: str) -> None:
    published = compute_run_interval(TTrigger(trigger), to_datetime(START), to_datetime(START - DAY))
    window = run_window(None, None, START - DAY, START)
    assert window is not None
    assert (window.start, window.end) == (from_datetime(published.start), from_datetime(published.end))


@FAST
@given(crons, instants, st.integers(DAY, 400 * DAY))
def test_a_resolved_range_is_the_published_one(cron: Cron, start: int, length: int) -> None:
    # Published: an interval that holds no tick resolves to nothing; ours is refused, so this one is long.
    ends = start, start + length + 40 * DAY
    assume(not any(change_near(cron.timezone, instant, days=40) for instant in ends))
    start_text, end_text = (to_datetime(instant).isoformat() for instant in ends)
    published = resolve_interval_spec({"start": start_text, "end": end_text}, cron.expr, cron.timezone)
    found = resolve_range(IntervalSpec(start_text, end_text), cron, cron.timezone)
    assert (found.start, found.end) == (from_datetime(published.start), from_datetime(published.end))


@FAST
@given(crons, instants)
def test_the_next_tick_is_the_published_one(cron: Cron, now: int) -> None:
    assume(not change_near(cron.timezone, now, days=40))
    published = next_scheduled_run(TTrigger(f"schedule:{cron.expr}"), to_datetime(now), cron.timezone)
    assert next_due(cron, anchor=now, last_due=None, now=now) == from_datetime(published)


@FAST
@given(periods, instants, st.integers(0, 10 * DAY))
def test_every_is_due_as_published_as_long_as_no_tick_was_missed(
    every: Every, anchor: int, wait: int
) -> None:
    now = anchor + wait % every.period
    published = next_scheduled_run(
        TTrigger(f"every:{every.period_seconds}s"), to_datetime(now), prev_scheduled_run=to_datetime(anchor)
    )
    assert next_due(every, anchor=anchor, last_due=anchor, now=now) == from_datetime(published)


def test_every_keeps_its_phase_where_the_published_rule_drifts() -> None:
    hourly = Every(3600)
    late = START + 5 * hourly.period + 7 * MICROSECONDS
    published = next_scheduled_run(
        TTrigger("every:1h"), to_datetime(late), prev_scheduled_run=to_datetime(START)
    )
    assert from_datetime(published) == late + hourly.period
    assert next_due(hourly, anchor=START, last_due=START, now=late) == START + 6 * hourly.period


def test_once_that_was_missed_keeps_its_own_time_where_the_published_rule_says_now() -> None:
    published = next_scheduled_run(
        TTrigger(f"once:{to_datetime(START).isoformat()}"), to_datetime(START + DAY)
    )
    assert from_datetime(published) == START + DAY
    assert next_due(Once(START), anchor=START - DAY, last_due=None, now=START + DAY) == START


# SPEC: TZ-03, TZ-04
def test_where_clocks_change_the_published_rule_fires_late_or_not_at_all() -> None:
    def both(expression: str, text: str) -> tuple[int, int]:
        """Return the tick after a time in Berlin by the published rule and by ours, as minutes after it."""
        now = from_datetime(datetime.fromisoformat(text))
        cron = Cron(expression, "Europe/Berlin")
        published = next_scheduled_run(TTrigger(f"schedule:{expression}"), to_datetime(now), cron.timezone)
        ours = next_due(cron, anchor=now, last_due=None, now=now)
        assert ours is not None
        return (from_datetime(published) - now) // MINUTE, (ours - now) // MINUTE

    # 02:30 is skipped: published as if clocks had not been set (03:30), ours when the gap ends (03:00).
    assert both("30 2 * * *", "2024-03-31T01:59+01:00") == (31, 1)
    # 02:30 comes twice: published skips the second pass of an hourly cron, ours does not.
    assert both("30 * * * *", "2024-10-27T02:30+02:00") == (120, 60)
