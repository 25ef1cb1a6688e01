"""Due instants, windows and ranges: tables of input and output."""

from __future__ import annotations

from datetime import datetime
from itertools import pairwise

import pytest

from runyard.core.clock import MICROSECONDS, from_datetime, to_datetime
from runyard.core.errors import InvalidInterval, InvalidTrigger
from runyard.core.intervals import (
    Cron,
    Every,
    Once,
    Range,
    Schedule,
    Window,
    check_every,
    latest_due,
    next_due,
    remaining,
    resolve_range,
    run_window,
    upcoming,
)
from runyard.core.jobs import IntervalSpec
from runyard.core.ticks import DAY

HOUR = DAY // 24
DAILY = Cron("0 0 * * *")
HOURLY = Every(3600)


def at(text: str) -> int:
    return from_datetime(datetime.fromisoformat(text))


def days(window: Window | None) -> tuple[str, str] | None:
    return (
        None
        if window is None
        else (to_datetime(window.start).isoformat()[:10], to_datetime(window.end).isoformat()[:10])
    )


def work_off(schedule: Cron | Every, interval: Range, now: int) -> list[Window]:
    """Return the windows of completed runs that follow each other until no part is left."""
    windows: list[Window] = []
    done_until = None
    while remaining(schedule, interval, done_until, now):
        window = run_window(schedule, interval, done_until, now)
        assert window is not None
        windows.append(window)
        done_until = window.end
    return windows


# When a trigger is due -------------------------------------------------------------------------------------


# SPEC: TRG-14
def test_a_cron_first_runs_at_the_tick_after_its_deploy() -> None:
    deployed = at("2026-01-01T00:00Z")
    assert next_due(DAILY, anchor=deployed, last_due=None, now=deployed) == deployed + DAY


# SPEC: TRG-15, TRG-02
def test_every_first_runs_one_period_after_its_deploy_and_keeps_its_phase() -> None:
    deployed = at("2026-01-01T00:07Z")
    assert next_due(HOURLY, anchor=deployed, last_due=None, now=deployed) == deployed + HOUR
    late = deployed + HOUR + 90 * MICROSECONDS
    assert next_due(HOURLY, anchor=deployed, last_due=deployed + HOUR, now=late) == deployed + 2 * HOUR


# SPEC: TRG-15
def test_a_changed_period_counts_from_the_last_run_and_is_never_further_away_than_itself() -> None:
    started = at("2026-01-01T00:00Z")
    for minutes in (0, 59, 60, 61, 60 * 24):
        now = started + minutes * HOUR // 60
        due = next_due(HOURLY, anchor=started, last_due=started, now=now)
        assert due is not None
        assert now < due <= now + HOUR
        assert (due - started) % HOUR == 0


# SPEC: TRG-17
@pytest.mark.parametrize(
    ("deployed", "last_due", "now", "due"),
    [
        ("2026-01-01", None, "2026-01-01", "2026-01-05"),
        ("2026-01-01", None, "2026-01-09", "2026-01-05"),
        ("2026-01-01", "2026-01-05", "2026-01-09", None),
        ("2026-01-06", None, "2026-01-06", None),
        ("2026-01-06", "2026-01-05", "2026-01-07", None),
    ],
    ids=["ahead", "missed while down", "fired", "in the past when deployed", "redeployed after firing"],
)
def test_once_fires_once_and_only_if_it_lay_ahead_when_deployed(
    deployed: str, last_due: str | None, now: str, due: str | None
) -> None:
    def day(text: str | None) -> int | None:
        return None if text is None else at(f"{text}T00:00Z")

    once = Once(at("2026-01-05T00:00Z"))
    anchor, present = at(f"{deployed}T00:00Z"), at(f"{now}T00:00Z")
    assert next_due(once, anchor=anchor, last_due=day(last_due), now=present) == day(due)


# SPEC: SCH-06
@pytest.mark.parametrize("schedule", [Cron("* * * * *"), Every(60)])
def test_ticks_that_passed_unseen_are_one(schedule: Schedule) -> None:
    anchor = at("2026-01-01T00:00Z")
    woken = anchor + 8 * HOUR + 30 * MICROSECONDS
    assert latest_due(schedule, anchor=anchor, now=woken) == anchor + 8 * HOUR
    due = next_due(schedule, anchor=anchor, last_due=anchor + 60 * MICROSECONDS, now=woken)
    assert due == anchor + 8 * HOUR + 60 * MICROSECONDS


# SPEC: SCH-06
@pytest.mark.parametrize("schedule", [Cron("* * * * *"), Every(60)])
def test_a_clock_set_back_makes_no_tick_due_twice(schedule: Schedule) -> None:
    anchor = at("2026-01-01T00:00Z")
    due = next_due(schedule, anchor=anchor, last_due=anchor + 8 * HOUR, now=anchor + HOUR)
    assert due == anchor + 8 * HOUR + 60 * MICROSECONDS


def test_nothing_was_due_before_the_anchor() -> None:
    anchor = at("2026-01-01T00:30Z")
    for schedule in (DAILY, HOURLY, Once(anchor - 1)):
        assert latest_due(schedule, anchor=anchor, now=anchor + HOUR // 4) is None


# SPEC: TRG-22, TZ-07
def test_a_preview_lists_the_next_five_firing_times() -> None:
    now = at("2026-01-01T12:00Z")
    midnight = at("2026-01-02T00:00Z")
    assert upcoming(DAILY, anchor=now, now=now) == [midnight + n * DAY for n in range(5)]
    assert upcoming(HOURLY, anchor=now, now=now, count=2) == [now + HOUR, now + 2 * HOUR]
    assert upcoming(Once(midnight), anchor=now, now=now) == [midnight]


# SPEC: TRG-16
def test_a_period_under_a_minute_is_refused_unless_the_server_allows_it() -> None:
    check_every(60)
    check_every(1, minimum_seconds=0.5)
    with pytest.raises(InvalidTrigger, match="59 s"):
        check_every(59)


# What a run covers -----------------------------------------------------------------------------------------


# SPEC: IVL-02
def test_a_scheduled_run_covers_the_window_that_just_elapsed() -> None:
    now = at("2026-01-05T00:00:02Z")
    assert days(run_window(DAILY, None, None, now)) == ("2026-01-04", "2026-01-05")


# SPEC: IVL-03
def test_the_first_window_starts_where_the_interval_does() -> None:
    interval = Range(at("2026-01-01T00:00Z"))
    assert days(run_window(DAILY, interval, None, at("2026-01-05T06:00Z"))) == ("2026-01-01", "2026-01-05")


# SPEC: IVL-04
@pytest.mark.parametrize("interval", [None, Range(at("2026-01-01T00:00Z"))])
def test_missed_ticks_widen_the_next_window(interval: Range | None) -> None:
    done = at("2026-01-02T00:00Z")
    window = run_window(DAILY, interval, done, at("2026-01-05T00:00Z"))
    assert days(window) == ("2026-01-02", "2026-01-05")


# SPEC: IVL-06
def test_a_refresh_starts_over() -> None:
    interval = Range(at("2026-01-01T00:00Z"))
    now = at("2026-01-05T00:00Z")
    assert days(run_window(DAILY, interval, at("2026-01-04T00:00Z"), now)) == ("2026-01-04", "2026-01-05")
    assert days(run_window(DAILY, interval, None, now)) == ("2026-01-01", "2026-01-05")


# SPEC: IVL-08
def test_no_window_passes_the_end_and_a_covered_range_has_none() -> None:
    interval = Range(at("2026-01-01T00:00Z"), at("2026-01-04T00:00Z"))
    now = at("2026-02-01T00:00Z")
    assert days(run_window(DAILY, interval, at("2026-01-02T00:00Z"), now)) == ("2026-01-02", "2026-01-04")
    assert run_window(DAILY, interval, at("2026-01-04T00:00Z"), now) is None
    assert run_window(HOURLY, interval, at("2026-01-04T00:00Z"), now) is None


# SPEC: IVL-09
def test_a_start_by_hand_between_ticks_gets_an_empty_window_at_the_pointer() -> None:
    done = at("2026-01-05T00:00Z")
    assert run_window(DAILY, None, done, done + 7 * HOUR) == Window(done, done)


def test_the_pointer_never_goes_back() -> None:
    ahead = at("2026-01-07T00:00Z")
    for interval in (None, Range(at("2026-01-01T00:00Z"))):
        for schedule in (DAILY, HOURLY):
            window = run_window(schedule, interval, ahead, at("2026-01-05T00:00Z"))
            assert window == Window(ahead, ahead)


def test_a_range_that_begins_later_has_an_empty_window_until_then() -> None:
    start = at("2026-06-01T00:00Z")
    window = run_window(DAILY, Range(start), None, at("2026-01-05T00:00Z"))
    assert window is not None
    assert window.is_empty
    assert window.start == start


# SPEC: IVL-10
def test_every_runs_from_the_last_end_or_one_period_ago_until_now() -> None:
    now = at("2026-01-05T00:30Z")
    assert run_window(HOURLY, None, None, now) == Window(now - HOUR, now)
    assert run_window(HOURLY, None, now - 5 * HOUR, now) == Window(now - 5 * HOUR, now)


# SPEC: IVL-11
def test_an_event_gets_a_point_window_unless_the_job_has_an_interval() -> None:
    now = at("2026-01-05T06:30Z")
    assert run_window(None, None, now - DAY, now) == Window(now, now)
    interval = Range(at("2026-01-01T00:00Z"))
    assert days(run_window(DAILY, interval, at("2026-01-04T00:00Z"), now)) == ("2026-01-04", "2026-01-05")


def test_once_is_a_point_window_at_its_own_time() -> None:
    assert run_window(Once(5), None, None, at("2026-01-05T06:30Z")) == Window(5, 5)


# SPEC: TZ-02
def test_windows_of_berlin_days_end_at_22_or_23_utc() -> None:
    daily = Cron("0 0 * * *", "Europe/Berlin")
    window = run_window(daily, None, None, at("2024-03-31T23:00Z"))
    assert window == Window(at("2024-03-30T23:00Z"), at("2024-03-31T22:00Z"))


# A backlog in parts ----------------------------------------------------------------------------------------


# SPEC: IVL-13
def test_a_backlog_is_worked_off_by_months_oldest_first() -> None:
    zone = "America/New_York"
    daily = Cron("0 0 * * *", zone)
    interval = resolve_range(IntervalSpec("2013-01-01", "2014-01-01", "@monthly"), daily, zone)
    windows = work_off(daily, interval, at("2026-01-01T00:00Z"))
    assert len(windows) == 12
    assert windows[0] == Window(at("2013-01-01T05:00Z"), at("2013-02-01T05:00Z"))
    assert windows[5] == Window(at("2013-06-01T04:00Z"), at("2013-07-01T04:00Z"))
    assert windows[-1].end == interval.end
    assert all(earlier.end == later.start for earlier, later in pairwise(windows))


# SPEC: IVL-13
@pytest.mark.parametrize(
    ("schedule", "split", "lengths"),
    [
        (DAILY, Every(7 * 86400), [7, 7, 6]),
        (DAILY, Every(3600), [1] * 20),
        (DAILY, Every(2.5 * 86400), [2] * 10),
        (DAILY, Cron("0 0 */10 * *"), [10, 10]),
        (DAILY, Cron("0 6 11 * *"), [11, 9]),
        (Every(86400), Every(8 * 86400), [8, 8, 4]),
        (Every(86400), Cron("* * * * *"), [1] * 20),
        (Every(3 * 86400), Every(86400), [3] * 6 + [2]),
    ],
)
def test_a_part_is_as_long_as_the_split_allows_and_one_tick_at_least(
    schedule: Cron | Every, split: Every | Cron, lengths: list[int]
) -> None:
    interval = Range(at("2026-01-01T00:00Z"), at("2026-01-21T00:00Z"), split)
    windows = work_off(schedule, interval, at("2026-03-01T00:00Z"))
    assert [(window.end - window.start) // DAY for window in windows] == lengths


# SPEC: IVL-13
def test_an_open_backlog_ends_where_only_a_tick_brings_more() -> None:
    now = at("2026-01-21T06:00Z")
    for schedule in (DAILY, Every(86400)):
        interval = Range(at("2026-01-01T00:00Z"), split=Every(8 * 86400))
        windows = work_off(schedule, interval, now)
        assert len(windows) == 3
        assert not remaining(schedule, interval, windows[-1].end, now + HOUR)
        assert remaining(schedule, interval, windows[-1].end, now + DAY)


def test_a_job_without_split_leaves_no_parts() -> None:
    assert not remaining(DAILY, Range(0), None, at("2026-01-05T00:00Z"))
    assert not remaining(None, None, None, at("2026-01-05T00:00Z"))


# What a job declares ---------------------------------------------------------------------------------------


# SPEC: IVL-01
@pytest.mark.parametrize("schedule", [None, Once(0)])
def test_an_interval_without_a_periodic_trigger_is_refused(schedule: Schedule | None) -> None:
    with pytest.raises(InvalidInterval, match="schedule"):
        resolve_range(IntervalSpec("2026-01-01"), schedule)


# SPEC: IVL-07
def test_a_range_off_its_ticks_moves_back_and_says_so() -> None:
    daily = Cron("0 0 * * *", "Europe/Berlin")
    found = resolve_range(IntervalSpec("2026-01-01T05:00Z", "2026-02-01T05:00Z"), daily, "Europe/Berlin")
    assert found == Range(at("2025-12-31T23:00Z"), at("2026-01-31T23:00Z"))
    assert [warning.split()[0] for warning in found.warnings] == ["interval.start", "interval.end"]
    assert "2026-01-01T00:00:00+01:00" in found.warnings[0]


def test_a_range_on_its_ticks_warns_of_nothing() -> None:
    found = resolve_range(
        IntervalSpec("2026-01-01", "2026-02-01"), Cron("@daily", "Asia/Tokyo"), "Asia/Tokyo"
    )
    assert found == Range(at("2025-12-31T15:00Z"), at("2026-01-31T15:00Z"))
    assert found.warnings == ()


def test_a_range_of_every_starts_where_it_is_written() -> None:
    found = resolve_range(IntervalSpec("2026-01-01T00:07"), HOURLY, "Europe/Berlin")
    assert found == Range(at("2025-12-31T23:07Z"))


@pytest.mark.parametrize(
    "spec",
    [
        IntervalSpec("yesterday"),
        IntervalSpec(""),
        IntervalSpec("0001-01-01"),
        IntervalSpec("9999-12-31T23:59:59"),
        IntervalSpec("2026-01-02", "2026-01-01"),
        IntervalSpec("2026-01-01T01:00", "2026-01-01T23:00"),
        IntervalSpec("2026-01-01", split="soon"),
        IntervalSpec("2026-01-01", split="0d"),
        IntervalSpec("2026-01-01", split="-1d"),
        IntervalSpec("2026-01-01", split=""),
    ],
)
def test_what_describes_no_range_is_refused(spec: IntervalSpec) -> None:
    with pytest.raises(InvalidInterval) as caught:
        resolve_range(spec, DAILY)
    assert caught.value.remedy


def test_a_split_that_never_comes_is_refused() -> None:
    with pytest.raises(InvalidTrigger):
        resolve_range(IntervalSpec("2026-01-01", split="0 0 30 2 *"), DAILY)


def test_what_was_due_just_now_is_due_and_what_was_due_at_its_deploy_is_not() -> None:
    deployed = at("2026-01-01T00:00Z")
    assert latest_due(HOURLY, anchor=deployed, now=deployed + HOUR) == deployed + HOUR
    assert latest_due(HOURLY, anchor=deployed, now=deployed + HOUR - 1) is None
    assert latest_due(Once(deployed + 5), anchor=deployed, now=deployed + 5) == deployed + 5
    assert latest_due(Once(deployed), anchor=deployed, now=deployed + HOUR) is None


# SPEC: IVL-13
def test_the_last_part_of_a_range_may_be_shorter_than_a_period() -> None:
    start = at("2026-01-01T00:00Z")
    short = Range(start, start + HOUR // 2, split=HOURLY)
    assert not remaining(HOURLY, short, None, start + HOUR // 2 - 1)
    assert remaining(HOURLY, short, None, start + HOUR // 2)
    # Without an end only a whole period is a part.
    assert not remaining(HOURLY, Range(start, split=HOURLY), None, start + HOUR // 2)


# SPEC: IVL-13, TZ-02
def test_a_split_has_its_cut_points_in_the_zone_of_the_job() -> None:
    cron = Cron("0 0 * * *", "Europe/Berlin")
    resolved = resolve_range(IntervalSpec("2026-01-01", None, "@monthly"), cron, "Europe/Berlin")
    assert resolved.split == Cron("@monthly", "Europe/Berlin")
    window = run_window(cron, resolved, None, at("2026-03-15T00:00Z"))
    assert window == Window(at("2025-12-31T23:00Z"), at("2026-01-31T23:00Z"))
