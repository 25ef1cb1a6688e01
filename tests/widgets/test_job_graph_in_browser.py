"""The graph of jobs as people use it."""

from __future__ import annotations

import math
import re
from typing import Any

import pytest
from playwright.sync_api import Locator, expect
from tests.support.browsers import PHONE, Visitors, box_of, eventually
from tests.support.rows import Told, job_row, jobs_frame, run_row
from tests.support.stages import Stage

from runyard_widgets.job_graph import JobGraph

pytestmark = pytest.mark.slow

ZOOM_PER_PX = 0.0025
"""By how much of a logarithm the wheel zooms."""

JOBS = [
    job_row("load", latest=run_row(1)),
    job_row("clean", is_paused=True),
    job_row("report", kind="interactive"),
]


def edge(source: str, target: str, kind: str = "follow") -> dict[str, str]:
    return {"source": f"jobs.flights.{source}", "target": f"jobs.flights.{target}", "kind": kind}


def graph(**traits: Any) -> JobGraph:
    edges = [edge("load", "clean"), edge("clean", "report", "freshness")]
    return JobGraph(Told(jobs_frame(JOBS, is_all=True, edges=edges)), **traits)


def node(stage: Stage, name: str) -> Locator:
    return stage.page.get_by_role("button", name=re.compile(f"^{name},"))


# SPEC: UI-13
def test_edges_are_drawn_apart_statuses_are_live_and_a_click_leads_to_the_job(visitors: Visitors) -> None:
    stage = Stage(visitors, graph(href="#/jobs/{ref}"))
    expect(stage.find(".ry-edge.ry-follow")).to_have_css("stroke-dasharray", "none")
    expect(stage.find(".ry-edge.ry-freshness")).not_to_have_css("stroke-dasharray", "none")
    expect(node(stage, "load")).to_contain_text("✓ completed")
    expect(node(stage, "clean")).to_contain_text("paused")
    expect(node(stage, "report")).to_contain_text("app")

    stage.feed(jobs_frame([job_row("load", latest=run_row(2, status="running"))]))
    expect(node(stage, "load")).to_contain_text("▶ running")

    node(stage, "load").click()
    stage.expect_saved("selected", ["jobs.flights.load"])
    node(stage, "load").dblclick()
    stage.expect_address("#/jobs/jobs.flights.load")


# SPEC: WDG-09
def test_a_graph_is_walked_along_its_edges_by_keyboard(visitors: Visitors) -> None:
    stage = Stage(visitors, graph(href="#/jobs/{ref}"))
    node(stage, "load").focus()
    for key in ("ArrowRight", "ArrowRight", "ArrowLeft", " "):
        stage.page.keyboard.press(key)

    expect(node(stage, "clean")).to_be_focused()
    expect(node(stage, "clean")).to_have_attribute("aria-pressed", "true")
    described = "clean, batch, never ran, paused, after load, before report"
    expect(node(stage, "clean")).to_have_attribute("aria-label", described)
    stage.page.keyboard.press("Enter")
    stage.expect_address("#/jobs/jobs.flights.clean")


def test_a_job_that_comes_or_goes_is_drawn_and_the_others_keep_their_selection(visitors: Visitors) -> None:
    stage = Stage(visitors, graph())
    node(stage, "clean").click()

    stage.feed(
        jobs_frame([job_row("publish")], gone=["jobs.flights.report"], edges=[edge("load", "publish")])
    )

    expect(stage.find(".ry-node")).to_have_count(3)
    expect(node(stage, "publish")).to_be_visible()
    expect(node(stage, "clean")).to_have_attribute("aria-pressed", "true")
    expect(stage.find(".ry-edge")).to_have_count(1)


def test_dragging_and_pinching_move_the_drawing_and_fit_brings_it_back(visitors: Visitors) -> None:
    stage = Stage(visitors, graph())
    before, canvas = box_of(node(stage, "load")), box_of(stage.find("svg[role=group]"))
    stage.page.mouse.move(canvas["x"] + 5, canvas["y"] + 5)
    stage.page.mouse.down()
    stage.page.mouse.move(canvas["x"] + 45, canvas["y"] + 15, steps=4)
    stage.page.mouse.up()
    eventually(stage.page, lambda: box_of(node(stage, "load"))["x"], lambda x: x > before["x"] + 20)

    stage.page.get_by_role("button", name="Zoom in").click()
    stage.page.get_by_role("button", name="Show the whole graph").click()
    there = pytest.approx(before, abs=1)
    eventually(stage.page, lambda: box_of(node(stage, "load")), lambda box: box == there)
    node(stage, "clean").click()
    stage.expect_saved("selected", ["jobs.flights.clean"])


def test_the_wheel_stays_the_pages_unless_control_is_held(visitors: Visitors) -> None:
    stage = Stage(visitors, graph())
    width = box_of(node(stage, "load"))["width"]
    stage.find("svg[role=group]").hover()
    stage.page.mouse.wheel(0, -20)
    stage.page.keyboard.down("Control")
    stage.page.mouse.wheel(0, -20)
    stage.page.keyboard.up("Control")
    # One step of the two, and none of the page's.
    larger = pytest.approx(width * math.exp(20 * ZOOM_PER_PX), rel=0.01)
    eventually(stage.page, lambda: box_of(node(stage, "load"))["width"], lambda width: width == larger)


def test_each_of_500_jobs_is_drawn(visitors: Visitors) -> None:
    jobs = [job_row(f"job_{i}") for i in range(500)]
    edges = [edge(f"job_{i // 2}", f"job_{i}") for i in range(1, 500)]
    stage = Stage(visitors, JobGraph(Told(jobs_frame(jobs, is_all=True, edges=edges))))
    stage.feed(jobs_frame(jobs, is_all=True, edges=edges))
    expect(stage.find(".ry-node")).to_have_count(500)


def test_a_phone_shows_the_graph_without_scrolling_sideways(visitors: Visitors) -> None:
    stage = Stage(visitors, graph(), size=PHONE)
    expect(node(stage, "load")).to_be_visible()
    stage.expect_no_overflow()


def test_no_jobs_yet_says_what_to_do(visitors: Visitors) -> None:
    stage = Stage(
        visitors, JobGraph(Told(jobs_frame([], is_all=True)), empty="Deploy with `runyard deploy`.")
    )
    expect(stage.find(".ry-note")).to_have_text("Deploy with runyard deploy.")
