"""The graph of jobs as people use it."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Locator, expect
from tests.support.browsers import PHONE, Visitors
from tests.support.rows import Told, job_row, jobs_frame, run_row
from tests.support.stages import Stage

from runyard_widgets.job_graph import JobGraph

pytestmark = pytest.mark.slow

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
    dashes = [
        stage.find(f".ry-edge.ry-{kind}").evaluate("(path) => getComputedStyle(path).strokeDasharray")
        for kind in ("follow", "freshness")
    ]
    assert dashes[0] == "none" != dashes[1]
    expect(node(stage, "load")).to_contain_text("✓ completed")
    expect(node(stage, "clean")).to_contain_text("paused")
    expect(node(stage, "report")).to_contain_text("app")

    stage.feed(jobs_frame([job_row("load", latest=run_row(2, status="running"))]))
    expect(node(stage, "load")).to_contain_text("▶ running")

    node(stage, "load").click()
    assert stage.saved("selected") == ["jobs.flights.load"]
    node(stage, "load").dblclick()
    assert stage.page.url.endswith("#/jobs/jobs.flights.load")


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
    assert stage.page.url.endswith("#/jobs/jobs.flights.clean")


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
    before = node(stage, "load").bounding_box()
    canvas = stage.find("svg[role=group]").bounding_box()
    assert before is not None
    assert canvas is not None
    stage.page.mouse.move(canvas["x"] + 5, canvas["y"] + 5)
    stage.page.mouse.down()
    stage.page.mouse.move(canvas["x"] + 45, canvas["y"] + 15, steps=4)
    stage.page.mouse.up()
    moved = node(stage, "load").bounding_box()
    assert moved is not None
    assert moved["x"] > before["x"] + 20
    assert stage.saved("selected") is None

    stage.page.get_by_role("button", name="Zoom in").click()
    stage.page.get_by_role("button", name="Show the whole graph").click()
    assert node(stage, "load").bounding_box() == pytest.approx(before, abs=1)


def test_the_wheel_stays_the_pages_unless_control_is_held(visitors: Visitors) -> None:
    stage = Stage(visitors, graph())
    shown = stage.find("svg[role=group] > g")
    before = shown.get_attribute("transform")
    stage.find("svg[role=group]").hover()
    stage.page.mouse.wheel(0, -200)
    expect(shown).to_have_attribute("transform", before or "")

    stage.page.keyboard.down("Control")
    stage.page.mouse.wheel(0, -200)
    stage.page.keyboard.up("Control")
    expect(shown).not_to_have_attribute("transform", before or "")


def test_500_jobs_are_drawn_within_a_second(visitors: Visitors) -> None:
    jobs = [job_row(f"job_{i}") for i in range(500)]
    edges = [edge(f"job_{i // 2}", f"job_{i}") for i in range(1, 500)]
    stage = Stage(visitors, JobGraph(Told(jobs_frame(jobs, is_all=True, edges=edges))))
    stage.feed(jobs_frame(jobs, is_all=True, edges=edges))
    expect(stage.find(".ry-node")).to_have_count(500)
    # The budget is one second on a machine of its own; a busy one is given three.
    assert stage.page.evaluate("() => drawnAfter") < 3000


def test_a_phone_shows_the_graph_without_scrolling_sideways(visitors: Visitors) -> None:
    stage = Stage(visitors, graph(), size=PHONE)
    expect(node(stage, "load")).to_be_visible()
    assert stage.overflow() == 0


def test_no_jobs_yet_says_what_to_do(visitors: Visitors) -> None:
    stage = Stage(
        visitors, JobGraph(Told(jobs_frame([], is_all=True)), empty="Deploy with `runyard deploy`.")
    )
    expect(stage.find(".ry-note")).to_have_text("Deploy with runyard deploy.")
