"""Runs over time as people use them."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import FloatRect, expect
from tests.support.browsers import PHONE, Visitors
from tests.support.rows import MINUTE_MS, NOW_MS, Told, run_row, runs_frame
from tests.support.stages import Stage

from runyard_widgets.run_timeline import RunTimeline

pytestmark = pytest.mark.slow

RUNS = [
    run_row(1, minutes_ago=60, finished_at=NOW_MS - 40 * MINUTE_MS),
    run_row(2, minutes_ago=30, finished_at=NOW_MS - 10 * MINUTE_MS, status="failed", reason="timeout"),
    run_row(1, job="jobs.flights.publish", minutes_ago=35, finished_at=NOW_MS - 25 * MINUTE_MS),
]


def timeline(**traits: Any) -> RunTimeline:
    ticks = [{"job": "jobs.flights.publish", "at": NOW_MS + 10 * MINUTE_MS}]
    return RunTimeline(Told(runs_frame(RUNS, is_all=True, ticks=ticks)), **traits)


def canvas_of(stage: Stage) -> FloatRect:
    box = stage.find("canvas").bounding_box()
    assert box is not None
    return box


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
    assert stage.saved("selected") == ["publish-1"]
    stage.page.keyboard.press("Enter")
    assert stage.page.url.endswith("#/runs/publish-1")


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
    box = canvas_of(stage)
    mouse, keyboard = stage.page.mouse, stage.page.keyboard
    keyboard.down("Shift")
    mouse.move(box["x"] + box["width"] - 2, box["y"] + 50)
    mouse.down()
    mouse.move(box["x"] + box["width"] * 0.55, box["y"] + 36, steps=4)
    mouse.up()
    keyboard.up("Shift")
    assert stage.saved("selected") == ["load-2"]

    mouse.click(box["x"] + box["width"] - 4, box["y"] + 50)
    assert stage.saved("selected") == []


def test_a_bar_under_the_pointer_explains_itself_and_a_click_selects_it(visitors: Visitors) -> None:
    stage = Stage(visitors, timeline())
    box = canvas_of(stage)
    find = """([x, y]) => { const at = document.querySelector("canvas").getContext("2d")
        .getImageData(x * devicePixelRatio, y * devicePixelRatio, 1, 1).data; return [at[0], at[1], at[2]] }"""
    middle = 30 + 6 + 7
    x = next(
        x
        for x in range(int(box["width"]) - 1, 200, -2)
        if stage.page.evaluate(find, [x, middle]) == [168, 50, 31]
    )
    stage.page.mouse.move(box["x"] + x, box["y"] + middle)
    expect(stage.find(".ry-tip")).to_contain_text("jobs.flights.load #2")
    expect(stage.find(".ry-tip")).to_contain_text("failed, timeout")

    stage.page.mouse.click(box["x"] + x, box["y"] + middle)
    assert stage.saved("selected") == ["load-2"]


# SPEC: WDG-07
def test_1000_jobs_and_5000_runs_are_drawn_in_a_second_and_scroll_at_30_frames(visitors: Visitors) -> None:
    runs = [run_row(i, job=f"jobs.team.job_{i % 1000:04}", minutes_ago=i) for i in range(5000)]
    stage = Stage(visitors, timeline(height=600))
    took = stage.page.evaluate(
        """async (head) => {
            const start = performance.now();
            model.tell("msg:custom", { kind: "frame", seq: 1, head }, []);
            await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
            return performance.now() - start;
        }""",
        dict(runs_frame(runs, is_all=True, ticks=[]).head),
    )
    drawn = stage.page.evaluate("() => document.querySelector('.ry').__runyard")
    assert (drawn["runs"], drawn["lanes"]) == (5000, 1000)
    assert took < 1000

    frames = stage.page.evaluate(
        """async () => {
            const [list, times] = [document.querySelector(".ry-frame"), []];
            for (let i = 0; i < 40; i++) {
                list.scrollTop += 97;
                await new Promise(requestAnimationFrame);
                times.push(document.querySelector(".ry").__runyard.drawMs);
            }
            return times.sort((a, b) => a - b);
        }"""
    )
    assert frames[len(frames) // 2] < 1000 / 30


def test_10000_bars_are_redrawn_in_ten_milliseconds(visitors: Visitors) -> None:
    runs = [run_row(i, job=f"jobs.team.job_{i % 20:02}", minutes_ago=2 * i) for i in range(10_000)]
    stage = Stage(visitors, timeline(height=900))
    stage.feed(runs_frame(runs, is_all=True))
    times = stage.page.evaluate(
        """async () => {
            const times = [];
            for (let i = 0; i < 20; i++) {
                document.querySelector(".ry-frame").dispatchEvent(new Event("scroll"));
                await new Promise(requestAnimationFrame);
                times.push(document.querySelector(".ry").__runyard.drawMs);
            }
            return times.sort((a, b) => a - b);
        }"""
    )
    # The fastest, since others use this machine too.
    assert times[0] < 10


def test_a_phone_shows_the_timeline_without_scrolling_sideways(visitors: Visitors) -> None:
    stage = Stage(visitors, timeline(), size=PHONE)
    expect(stage.find("canvas")).to_be_visible()
    assert stage.overflow() == 0


def test_a_view_that_is_taken_away_leaves_nothing_running(visitors: Visitors) -> None:
    stage = Stage(visitors, timeline())
    stage.page.evaluate("() => leave()")
    expect(stage.find("canvas")).to_have_count(0)
    stage.feed(runs_frame([run_row(9)]))
