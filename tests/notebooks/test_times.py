"""Instants and lengths of time as people say them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from runyard_notebooks.times import duration, relative, when, window

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


def test_whoever_points_at_an_instant_reads_it_in_full() -> None:
    assert 'title="22 Nov 2026, 14:03:07 UTC">just now<' in str(when(NOW, NOW))
    assert when(None, NOW) is None


@pytest.mark.parametrize(
    ("start", "end", "said"),
    [
        (datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC), "2026-01-01 to 2026-02-01 UTC"),
        (
            datetime(2026, 1, 1, 5, tzinfo=UTC),
            datetime(2026, 2, 1, tzinfo=UTC),
            "2026-01-01 05:00:00 to 2026-02-01 00:00:00 UTC",
        ),
        (NOW, NOW, ""),
        (None, NOW, ""),
    ],
)
def test_a_window_is_said_in_days_where_it_can_be(
    start: datetime | None, end: datetime | None, said: str
) -> None:
    assert window(start, end) == said
