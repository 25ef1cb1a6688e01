"""What was decided about a job and what comes next, drawn and in words."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html import unescape
from zoneinfo import ZoneInfo

import pytest

from runyard_notebooks.pages.around_now import AroundNow, coming, decided, picture
from runyard_notebooks.routes import Addresses
from runyard_server.client import ClockChange, Decision, Firing, ForeseenRun

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2027, 3, 27, 12, tzinfo=UTC).astimezone(ZoneInfo("Asia/Tokyo"))
DAY = timedelta(days=1)


def firing(days: float, outcome: str = "fired", **changed: object) -> Firing:
    """Return a tick that comes, with a run over the day before it."""
    at = NOW + days * DAY
    run = ForeseenRun("r", "j", "schedule:", at, at, at, at - DAY, at, refresh=False)
    made = Firing("j", at, at, "schedule:30 2 * * *", outcome, "The tick is due.", run)
    return replace(made, **changed)  # type: ignore[arg-type]


def decision(days_ago: float, outcome: str = "fired", **changed: object) -> Decision:
    at = NOW - days_ago * DAY
    because = "The tick of 2027-03-27T06:00:00Z came."
    return replace(Decision(1, at, at, 1, "schedule:", at, outcome, because, None), **changed)  # type: ignore[arg-type]


def words(html: str | None) -> str:
    """Return what a fragment says."""
    assert html is not None
    return unescape(" ".join(re.sub(r"<[^>]+>", " ", html).split()))


def places(html: str | None, sign: str) -> list[float]:
    """Return where signs of a kind stand in the picture, in percent from the left."""
    assert html is not None
    return [float(found) for found in re.findall(rf'class="{sign}" style="left:([\d.]+)%', html)]


# SPEC: TZ-06
def test_what_comes_is_told_by_both_clocks_which_are_named() -> None:
    said = words(coming(AroundNow([], [firing(1)], BERLIN, NOW)))
    assert said == (
        "Your time Asia/Tokyo Job's time Europe/Berlin Covers Europe/Berlin "
        "Sun 28 Mar 21:00 Sun 28 Mar 14:00 27 Mar 13:00 to 28 Mar 14:00 in 1 d"
    )


# SPEC: TZ-06
def test_where_both_clocks_show_the_same_one_column_is_enough() -> None:
    said = words(coming(AroundNow([], [firing(1, run=None)], ZoneInfo("Asia/Seoul"), NOW)))
    assert said == "Your time Asia/Tokyo Sun 28 Mar 21:00 in 1 d"


# SPEC: TZ-03, TZ-06
def test_a_change_of_clocks_is_told_at_its_tick_and_drawn_where_it_is() -> None:
    change = ClockChange(NOW + DAY / 2, 3600, ("02:30",))
    seen = AroundNow([], [firing(1, clock_change=change), firing(2)], BERLIN, NOW)
    assert "02:30 does not exist that day: clocks go forward 1 h; it runs right after." in words(coming(seen))
    drawn = picture(seen)
    (moved,) = places(drawn, "change")
    (now,) = places(drawn, "now")
    first, second = places(drawn, "dot runs comes")
    assert now < moved < first < second <= 100
    assert "+1 h" in words(drawn)


@pytest.mark.parametrize(
    ("outcome", "said"),
    [
        ("paused", "in 1 d The tick is due."),
        ("limited", "in 1 d waits for a slot: The tick is due."),
        ("not_fresh", "in 1 d nothing runs: The tick is due."),
        ("fired", "in 1 d"),
    ],
)
def test_what_does_not_just_run_says_what_becomes_of_it(outcome: str, said: str) -> None:
    assert words(coming(AroundNow([], [firing(1, outcome, run=None)], BERLIN, NOW))).endswith(said)


# SPEC: SCH-08, TZ-06
def test_why_is_told_by_the_viewers_clocks_and_the_tick_by_the_jobs() -> None:
    row = decision(0.25, run_id="r7", run_number=7, count=3)
    said = words(decided(AroundNow([row], [], BERLIN, NOW), Addresses("w")))
    assert said == (
        "fired The tick of Sat 27 Mar 15:00 came. 3 times run 7 "
        "The tick was Sat 27 Mar 07:00 in Europe/Berlin. 6 h ago"
    )


def test_the_picture_has_a_sign_for_each_decision_in_the_order_of_time() -> None:
    decisions = [decision(0.5), decision(1, "not_fresh"), decision(1.5, "limited")]
    drawn = picture(AroundNow(decisions, [firing(1), firing(2)], BERLIN, NOW))
    (now,) = places(drawn, "now")
    in_order = [
        *places(drawn, "dot waits was"),
        *places(drawn, "dot nothing was"),
        *places(drawn, "dot runs was"),
        now,
        *places(drawn, "dot runs comes"),
    ]
    assert in_order == sorted(in_order)
    assert len(in_order) == 6
    assert drawn is not None
    assert drawn.count('class="window"') == 3  # two, and the one of the legend
    assert 'aria-label="3 decisions before now and 2 that are foreseen' in drawn


def test_what_was_is_drawn_as_far_back_as_what_comes_reaches_and_where_it_was() -> None:
    ticks = [minutes / 24 / 60 for minutes in range(2, 60, 5)]
    past = [decision(days) for days in ticks]
    drawn = picture(AroundNow(past, [firing(days, run=None) for days in ticks[:5]], BERLIN, NOW))
    (now,) = places(drawn, "now")
    was, comes = places(drawn, "dot runs was"), places(drawn, "dot runs comes")
    assert now == pytest.approx(50, abs=1)
    assert [now - at for at in reversed(was)] == pytest.approx([at - now for at in comes], abs=0.05)
    assert drawn is not None
    assert 'aria-label="5 decisions before now and 5 that are foreseen' in drawn


def test_an_old_decision_does_not_squeeze_what_comes() -> None:
    drawn = picture(AroundNow([decision(400)], [firing(1), firing(2)], BERLIN, NOW))
    (now,) = places(drawn, "now")
    assert now < 10
    assert places(drawn, "dot runs was") == []
    assert drawn is not None
    assert 'aria-label="0 decisions before now and 2 that are foreseen' in drawn


def test_of_a_single_sign_nothing_is_drawn() -> None:
    assert picture(AroundNow([], [firing(1)], BERLIN, NOW)) is None
    assert picture(AroundNow([decision(1)], [], BERLIN, NOW)) is None
    assert picture(AroundNow([decision(400)], [firing(1)], BERLIN, NOW)) is None


def test_what_was_alone_is_drawn_beside_now() -> None:
    (now,) = places(picture(AroundNow([decision(0), decision(0)], [], BERLIN, NOW)), "now")
    assert now == 50
