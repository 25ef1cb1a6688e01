"""Runs over time as people use them."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import expect
from tests.support.browsers import PHONE, Visitors, box_of
from tests.support.rows import MINUTE_MS, NOW_MS, Told, run_row, runs_frame
from tests.support.stages import Stage

from runyard_widgets.run_timeline import RunTimeline

pytestmark = pytest.mark.slow

MIDDLE_OF = """
([y, colour]) => {
  const canvas = document.querySelector("canvas")
  const { data } = canvas.getContext("2d").getImageData(0, y * devicePixelRatio, canvas.width, 1)
  const found = [...Array(canvas.width).keys()].filter((x) => colour.every((part, i) => data[4 * x + i] === part))
  return found.length && (found[0] + found.at(-1)) / 2 / devicePixelRatio
}
"""
"""The middle of what has a colour at a height: a bar moves on with time, so its sides are no place for a hand."""

HAS_COLOUR = """
(colour) => {
  const canvas = document.querySelector("canvas")
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height)
  for (let at = 0; at < data.length; at += 4) if (colour.every((part, i) => data[at + i] === part)) return true
  return false
}
"""

RUNS = [
    run_row(1, minutes_ago=60, finished_at=NOW_MS - 40 * MINUTE_MS),
    run_row(2, minutes_ago=30, finished_at=NOW_MS - 10 * MINUTE_MS, status="failed", reason="timeout"),
    run_row(1, job="jobs.flights.publish", minutes_ago=35, finished_at=NOW_MS - 25 * MINUTE_MS),
]


def timeline(**traits: Any) -> RunTimeline:
    ticks = [{"job": "jobs.flights.publish", "at": NOW_MS + 10 * MINUTE_MS}]
    return RunTimeline(Told(runs_frame(RUNS, is_all=True, ticks=ticks)), **traits)


# SPEC: WDG-09
def test_arrow_keys_walk_from_run_to_run_and_each_is_spoken(visitors: Visitors) -> None:
    stage = Stage(visitors, timeline(href="#/runs/{id}"))
    spoken = stage.find("[aria-live=polite]")
    stage.find("canvas").focus()

    stage.page.keyboard.press("ArrowRight")
    expect(spoken).to_contain_text("jobs.flights.load #2, ✕ failed, timeout")
    stage.page.keyboard.press("ArrowLeft")
    expect(spoken).to_contain_text("load #1, ✓ completed, ran 19 m 59 s, waited 1.0 s")
    stage.page.keyboard.press("ArrowDown")
    expect(spoken).to_contain_text("jobs.flights.publish #1")

    stage.page.keyboard.press(" ")
    stage.expect_saved("selected", ["publish-1"])
    stage.page.keyboard.press("Enter")
    stage.expect_address("#/runs/publish-1")


# SPEC: WDG-09
def test_a_table_says_the_same_to_who_cannot_see_the_bars(visitors: Visitors) -> None:
    stage = Stage(visitors, timeline())
    rows = stage.page.get_by_role("table", name="The newest runs").get_by_role("row")
    expect(rows).to_have_count(4)
    expect(rows.nth(1)).to_contain_text("jobs.flights.load#2failed")

    stage.feed(runs_frame([run_row(3, status="running", finished_at=None)]))

    expect(rows.nth(1)).to_contain_text("jobs.flights.load#3running")


# SPEC: WDG-04
def test_a_drag_with_shift_selects_what_it_touches_and_a_click_on_nothing_lets_go(visitors: Visitors) -> None:
    stage = Stage(visitors, timeline())
    box = box_of(stage.find("canvas"))
    mouse, keyboard = stage.page.mouse, stage.page.keyboard
    keyboard.down("Shift")
    mouse.move(box["x"] + box["width"] - 2, box["y"] + 50)
    mouse.down()
    mouse.move(box["x"] + box["width"] * 0.55, box["y"] + 36, steps=4)
    mouse.up()
    keyboard.up("Shift")
    stage.expect_saved("selected", ["load-2"])

    mouse.click(box["x"] + box["width"] - 4, box["y"] + 50)
    stage.expect_saved("selected", ["load-2"], [])


def test_a_bar_under_the_pointer_explains_itself_and_a_click_selects_it(visitors: Visitors) -> None:
    stage = Stage(visitors, timeline())
    box = box_of(stage.find("canvas"))
    middle = 30 + 6 + 7
    x = stage.page.wait_for_function(MIDDLE_OF, arg=[middle, [168, 50, 31]]).json_value()
    stage.page.mouse.move(box["x"] + x, box["y"] + middle)
    expect(stage.find(".ry-tip")).to_contain_text("jobs.flights.load #2")
    expect(stage.find(".ry-tip")).to_contain_text("failed, timeout")

    stage.page.mouse.click(box["x"] + x, box["y"] + middle)
    stage.expect_saved("selected", ["load-2"])


def test_all_of_1000_jobs_and_10000_runs_are_drawn_also_those_that_are_scrolled_to(
    visitors: Visitors,
) -> None:
    """How long it takes is measured by `benchmarks.widgets`."""
    last = run_row(
        0, job="jobs.team.job_999", minutes_ago=9000, finished_at=NOW_MS, status="failed", reason="timeout"
    )
    runs = [run_row(i, job=f"jobs.team.job_{i % 1000:03}", minutes_ago=2 * i) for i in range(1, 10_000)]
    stage = Stage(visitors, timeline(height=600))
    stage.feed(runs_frame([last, *runs], is_all=True, ticks=[]))
    stage.page.wait_for_function(
        """() => {
            const { runs, lanes } = document.querySelector(".ry").__runyard
            return runs === 10_000 && lanes === 1000
        }"""
    )
    failed = [168, 50, 31]
    stage.page.wait_for_function(f"(colour) => !({HAS_COLOUR})(colour)", arg=failed)
    stage.page.evaluate("() => document.querySelector('.ry-frame').scrollTo(0, 1e9)")
    stage.page.wait_for_function(HAS_COLOUR, arg=failed)


def test_a_phone_shows_the_timeline_without_scrolling_sideways(visitors: Visitors) -> None:
    stage = Stage(visitors, timeline(), size=PHONE)
    expect(stage.find("canvas")).to_be_visible()
    stage.expect_no_overflow()


def test_a_view_that_is_taken_away_leaves_nothing_running(visitors: Visitors) -> None:
    stage = Stage(visitors, timeline())
    stage.page.evaluate("() => leave()")
    expect(stage.find("canvas")).to_have_count(0)
    stage.feed(runs_frame([run_row(9)]))
    expect(stage.find("canvas")).to_have_count(0)
