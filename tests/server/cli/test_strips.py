"""The rows of a plan's picture. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from runyard_server.cli.strips import Scale, strip
from runyard_server.client import Firing, ForeseenRun

BERLIN = ZoneInfo("Europe/Berlin")
START = datetime.fromisoformat("2026-03-28T09:10:00+00:00")
HOUR = timedelta(hours=1)


def firing(hours: float, outcome: str) -> Firing:
    return Firing("j", START + hours * HOUR, None, "every:1h", outcome, "")


def run(hours: float, takes: float, *, waits: float = 0.0) -> ForeseenRun:
    created = START + hours * HOUR
    starts = created + waits * HOUR
    return ForeseenRun("r", "j", "every:1h", created, starts, starts + takes * HOUR, None, None, False)


@pytest.mark.parametrize(
    ("days", "width", "step"),
    [
        (1, 60, timedelta(minutes=30)),
        (1, 26, HOUR),
        (7, 60, 3 * HOUR),
        (30, 96, timedelta(days=1)),
        (366, 60, timedelta(days=7)),
    ],
)
def test_a_cell_is_a_length_that_people_count_with(days: int, width: int, step: timedelta) -> None:
    scale = Scale.over(START, START + timedelta(days=days), BERLIN, width)
    assert scale.step == step
    assert scale.cells <= width
    assert scale.edges[0] <= START
    assert scale.edges[-1] >= START + timedelta(days=days)


def test_a_day_is_a_column_also_where_clocks_change() -> None:
    scale = Scale.over(START, START + timedelta(days=20), BERLIN, 60)
    assert {(edge.hour, edge.minute) for edge in scale.edges} == {(0, 0)}


def test_the_head_names_days_where_they_begin() -> None:
    scale = Scale.over(START, START + timedelta(days=3), BERLIN, 60)
    head = scale.head().plain
    assert head.index("Mon 30") == scale.cell_of(datetime(2026, 3, 30, tzinfo=BERLIN))


def test_a_cell_is_as_high_as_the_share_of_its_time_in_which_the_job_runs() -> None:
    scale = Scale.over(START, START + 6 * HOUR, BERLIN, 9)
    row = strip(scale, [], [run(5 / 6, 1.0), run(3, 0.0)])
    assert row.plain == "·█·▁···"


@pytest.mark.parametrize(
    ("outcome", "mark", "style"),
    [("not_fresh", "×", "magenta"), ("paused", "=", "dim"), ("coalesced", "▁", "yellow")],  # noqa: RUF001
)
def test_what_starts_nothing_has_a_mark_of_its_own(outcome: str, mark: str, style: str) -> None:
    row = strip(Scale.over(START, START + 6 * HOUR, BERLIN, 9), [firing(2, outcome)], [])
    assert row.plain == f"··{mark}····"
    assert style in str(row.spans[2].style)


def test_a_tick_that_waits_for_its_upstream_in_vain_is_seen_as_one_that_starts_nothing() -> None:
    in_vain = [firing(2, "waiting"), firing(2.2, "not_fresh"), firing(4, "waiting")]
    row = strip(Scale.over(START, START + 6 * HOUR, BERLIN, 9), in_vain, [])
    assert row.plain == "··×·▁··"  # noqa: RUF001


def test_a_run_that_waits_is_seen_where_it_waits() -> None:
    row = strip(Scale.over(START, START + 6 * HOUR, BERLIN, 9), [], [run(1, 0.5, waits=2)])
    assert row.plain == "·▁·▅···"
    assert "yellow" in str(row.spans[1].style)
