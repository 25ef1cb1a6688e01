"""Ticks of cron expressions, where clocks change and where they do not."""

from __future__ import annotations

from datetime import datetime

import pytest

from runyard.core.clock import from_datetime
from runyard.core.cron import ALIASES
from runyard.core.errors import InvalidTrigger
from runyard.core.ticks import (
    DAY,
    at_wall_time,
    check_schedule,
    local_text,
    next_tick,
    previous_tick,
    ticks,
)


def at(text: str) -> int:
    return from_datetime(datetime.fromisoformat(text))


def texts(cron: str, timezone: str, start: str, days: int = 1, limit: int = 50) -> list[str]:
    """Return the local times of the ticks in `days` days from `start` on."""
    begin = at(start)
    found = ticks(cron, timezone, begin, begin + days * DAY, limit)
    return [local_text(tick, timezone)[:16] + local_text(tick, timezone)[19:] for tick in found]


# SPEC: TRG-03, TZ-01, TRG-22
def test_a_cron_is_read_in_its_own_zone() -> None:
    assert texts("0 6 * * *", "Asia/Kathmandu", "2026-01-01T00:00Z", days=2) == [
        "2026-01-01T06:00+05:45",
        "2026-01-02T06:00+05:45",
    ]


@pytest.mark.parametrize(("alias", "expression"), ALIASES.items())
def test_an_alias_means_its_five_fields(alias: str, expression: str) -> None:
    now = at("2026-02-03T04:05:06Z")
    check_schedule(alias, "UTC")
    assert next_tick(alias, "Europe/Berlin", now) == next_tick(expression, "Europe/Berlin", now)


# SPEC: TRG-03, TRG-09, QLT-08
@pytest.mark.parametrize(
    "cron",
    [
        "",
        "* * * *",
        "* * * * * *",
        "60 * * * *",
        "0 0 30 2 *",
        "0 0 31 2,4,6 *",
        "H * * * *",
        "R(0-30) * * * *",
        "0 0 * * mon#9",
        "*/0 * * * *",
        "@reboot",
        "@every 5m",
        "a" * 10_000 + " * * * *",
    ],
)
def test_what_names_no_time_is_no_schedule(cron: str) -> None:
    with pytest.raises(InvalidTrigger):
        check_schedule(cron, "UTC")


# SPEC: TZ-01
@pytest.mark.parametrize(
    "timezone", ["Europe/Berln", "", "America", "../etc/passwd", "CEST ", "\0", "a/" * 500]
)
def test_an_unknown_zone_is_refused(timezone: str) -> None:
    with pytest.raises(InvalidTrigger):
        check_schedule("0 6 * * *", timezone)


def test_a_misspelt_zone_is_answered_with_the_nearest() -> None:
    with pytest.raises(InvalidTrigger, match="Europe/Berlin"):
        check_schedule("0 6 * * *", "Europe/Berln")


def test_a_tick_is_not_after_itself_but_is_at_itself() -> None:
    tick = at("2026-01-01T06:00Z")
    assert next_tick("0 6 * * *", "UTC", tick - 1) == tick
    assert next_tick("0 6 * * *", "UTC", tick) == tick + DAY
    assert previous_tick("0 6 * * *", "UTC", tick) == tick
    assert previous_tick("0 6 * * *", "UTC", tick - 1) == tick - DAY


def test_ticks_are_half_open_and_limited() -> None:
    start = at("2026-01-01T00:00Z")
    assert ticks("0 0 * * *", "UTC", start, start + 2 * DAY, 10) == [start, start + DAY]
    assert len(ticks("* * * * *", "UTC", start, start + DAY, 7)) == 7


# SPEC: TZ-02
def test_daily_ticks_of_berlin_follow_its_summer_time() -> None:
    assert next_tick("@daily", "Europe/Berlin", at("2026-01-10T12:00Z")) == at("2026-01-10T23:00Z")
    assert next_tick("@daily", "Europe/Berlin", at("2026-07-10T12:00Z")) == at("2026-07-10T22:00Z")


# SPEC: TZ-03
@pytest.mark.parametrize(
    ("cron", "timezone", "start", "expected"),
    [
        ("30 2 * * *", "Europe/Berlin", "2024-03-31T00:00+01:00", ["2024-03-31T03:00+02:00"]),
        ("*/10 2 * * *", "Europe/Berlin", "2024-03-31T00:00+01:00", ["2024-03-31T03:00+02:00"]),
        (
            "*/30 2-3 * * *",
            "America/New_York",
            "2024-03-10T00:00-05:00",
            ["2024-03-10T03:00-04:00", "2024-03-10T03:30-04:00"],
        ),
        # Half an hour is skipped on Lord Howe Island, a whole day in Samoa.
        ("15 2 * * *", "Australia/Lord_Howe", "2024-10-06T00:00+10:30", ["2024-10-06T02:30+11:00"]),
        ("0 12 30 12 *", "Pacific/Apia", "2011-12-29T12:00-10:00", ["2011-12-31T00:00+14:00"]),
    ],
)
def test_a_fixed_time_in_a_gap_fires_once_right_after_it(
    cron: str, timezone: str, start: str, expected: list[str]
) -> None:
    assert texts(cron, timezone, start) == expected


# SPEC: TZ-04
@pytest.mark.parametrize(
    ("cron", "timezone", "start", "expected"),
    [
        ("30 2 * * *", "Europe/Berlin", "2024-10-27T00:00+02:00", ["2024-10-27T02:30+02:00"]),
        (
            "*/30 1-2 * * *",
            "America/New_York",
            "2024-11-03T00:00-04:00",
            [
                "2024-11-03T01:00-04:00",
                "2024-11-03T01:30-04:00",
                "2024-11-03T02:00-05:00",
                "2024-11-03T02:30-05:00",
            ],
        ),
    ],
)
def test_a_fixed_hour_that_comes_twice_fires_the_first_time(
    cron: str, timezone: str, start: str, expected: list[str]
) -> None:
    assert texts(cron, timezone, start) == expected


# SPEC: TZ-04
def test_an_hourly_cron_fires_in_both_passes_of_an_hour() -> None:
    assert texts("30 * * * *", "Europe/Berlin", "2024-10-27T01:00+02:00", limit=4) == [
        "2024-10-27T01:30+02:00",
        "2024-10-27T02:30+02:00",
        "2024-10-27T02:30+01:00",
        "2024-10-27T03:30+01:00",
    ]


# SPEC: TZ-03
def test_an_hourly_cron_does_not_make_up_for_an_hour_that_never_was() -> None:
    assert texts("30 * * * *", "Europe/Berlin", "2024-03-31T01:00+01:00", limit=2) == [
        "2024-03-31T01:30+01:00",
        "2024-03-31T03:30+02:00",
    ]


def test_a_rare_hourly_cron_finds_the_second_pass_at_the_end_of_its_day() -> None:
    # Chile sets its clocks back at midnight, so 23:30 comes twice on the one day this cron names.
    assert texts("30 23/1 6 4 *", "America/Santiago", "2024-04-06T12:00-03:00") == ["2024-04-06T23:30-03:00"]
    assert texts("30 */23 6 4 *", "America/Santiago", "2024-04-06T12:00-03:00") == [
        "2024-04-06T23:30-03:00",
        "2024-04-06T23:30-04:00",
    ]


def test_a_leap_day_comes_every_fourth_year() -> None:
    assert next_tick("0 0 29 2 *", "UTC", at("2096-03-01T00:00Z")) == at("2104-02-29T00:00Z")


def test_wall_time_is_its_first_occurrence_or_the_end_of_its_gap() -> None:
    def wall(text: str) -> int:
        return at_wall_time(datetime.fromisoformat(text), "Europe/Berlin")

    assert wall("2024-07-01T12:00") == at("2024-07-01T10:00Z")
    assert wall("2024-10-27T02:30") == at("2024-10-27T00:30Z")
    assert wall("2024-03-31T02:30") == at("2024-03-31T01:00Z")
