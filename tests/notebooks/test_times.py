"""Instants and lengths of time as people say them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from runyard_notebooks.times import (
    duration,
    now_in,
    relative,
    same_clocks,
    when,
    window,
    zone_of,
)

NOW = datetime(2026, 11, 22, 14, 3, 7, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (-1, "0.0 s"),
        (4.26, "4.3 s"),
        (59.9, "59 s"),
        (185, "3 m 05 s"),
        (7800, "2 h 10 m"),
        (3 * 86400 + 4 * 3600 + 59, "3 d 4 h"),
    ],
)
def test_a_length_of_time_is_said_in_its_two_largest_units(seconds: float, said: str) -> None:
    assert duration(seconds) == said


@pytest.mark.parametrize(
    ("away", "said"),
    [
        (timedelta(seconds=-59), "just now"),
        (timedelta(seconds=30), "in a moment"),
        (timedelta(minutes=-5), "5 min ago"),
        (timedelta(hours=3, minutes=59), "in 3 h"),
        (timedelta(days=-12), "12 d ago"),
    ],
)
def test_an_instant_is_said_beside_now(away: timedelta, said: str) -> None:
    assert relative(NOW + away, NOW) == said


# SPEC: TZ-06
def test_whoever_points_at_an_instant_reads_it_in_full_by_their_clocks_and_the_jobs() -> None:
    assert 'title="22 Nov 2026, 14:03:07 your time (UTC)">just now<' in str(when(NOW, NOW))
    here = NOW.astimezone(ZoneInfo("Asia/Tokyo"))
    shown = str(when(NOW, here, ZoneInfo("Europe/Berlin")))
    assert "22 Nov 2026, 23:03:07 your time (Asia/Tokyo), 22 Nov 2026, 15:03:07 in Europe/Berlin" in shown
    assert when(None, NOW) is None


# SPEC: TZ-06
def test_two_names_of_the_same_clocks_are_said_once() -> None:
    here = NOW.astimezone(ZoneInfo("Europe/Paris"))
    assert "Berlin" not in str(when(NOW, here, ZoneInfo("Europe/Berlin")))
    assert same_clocks(NOW, here, ZoneInfo("Europe/Berlin"))
    assert not same_clocks(NOW, here, UTC)


def test_the_present_is_told_by_the_clocks_of_a_zone() -> None:
    assert zone_of(now_in(ZoneInfo("Asia/Tokyo"))) == "Asia/Tokyo"


@pytest.mark.parametrize(
    ("start", "end", "said"),
    [
        (
            datetime(2025, 12, 31, 23, tzinfo=UTC),
            datetime(2026, 1, 31, 23, tzinfo=UTC),
            "2026-01-01 to 2026-02-01 Europe/Berlin",
        ),
        (
            datetime(2026, 1, 1, 5, tzinfo=UTC),
            datetime(2026, 1, 31, 23, tzinfo=UTC),
            "2026-01-01 06:00:00 to 2026-02-01 00:00:00 Europe/Berlin",
        ),
        (NOW, NOW, ""),
        (None, NOW, ""),
    ],
)
def test_a_window_is_said_in_its_jobs_zone_and_in_days_where_it_can_be(
    start: datetime | None, end: datetime | None, said: str
) -> None:
    assert window(start, end, ZoneInfo("Europe/Berlin")) == said
