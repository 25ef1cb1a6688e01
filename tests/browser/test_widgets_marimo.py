"""Widgets in an analyst's own marimo notebook: one line each, live, and no stream is left behind."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect
from tests.support.attempts import Gate
from tests.support.browsers import Album, Visitors, eventually
from tests.support.notebooks import marimo_app
from tests.support.servers import API_KEY
from tests.support.sites import Site, site

pytestmark = pytest.mark.slow

JOBS = """
from runyard import run


@run.job(trigger="every:1h")
def extract():
    print("extracted")


@run.job(trigger=extract.success)
def transform():
    print("transformed")


@run.job
def talks():
    for number in range(300):
        print("line", number)
    {wait}
    print("second")
    {wait}
    print("third")
"""

LOG_NOTEBOOK = """
import marimo

app = marimo.App()


@app.cell
def _():
    import marimo as mo

    again = mo.ui.button(value=0, on_click=lambda times: times + 1, label="Again")
    again
    return again, mo


@app.cell
def _(again, mo):
    from runyard.widgets import LogTail

    mo.vstack([mo.md(f"made again {again.value} times"), LogTail(job="talks")])
    return
"""

GRAPH_NOTEBOOK = """
import marimo

app = marimo.App(width="full")


@app.cell
def _():
    import marimo as mo
    from runyard.widgets import JobGraph, RunTimeline

    timeline = mo.ui.anywidget(RunTimeline())
    graph = mo.ui.anywidget(JobGraph())
    mo.vstack([timeline, graph])
    return graph, mo, timeline


@app.cell
def _(graph, mo):
    mo.md("chosen: " + ", ".join(graph.widget.selected_jobs["ref"]))
    return
"""

COUNTING_NOTEBOOK = """
import marimo

app = marimo.App()


@app.cell
def _():
    import asyncio

    import marimo as mo
    from runyard_notebooks.live import counting
    from runyard_server.client import Client

    changed, watch = counting()
    client = Client()
    read = []
    return asyncio, changed, client, mo, read, watch


@app.cell
def _(client, watch):
    watch.follow(client)
    return


@app.cell
async def _(asyncio, changed, mo, read):
    read.append(changed())
    # The first time it still waits for an answer when the next change comes.
    while len(read) == 1 and changed() == read[0]:
        await asyncio.sleep(0.01)
    mo.md(f"read {len(read)} times")
    return
"""


class Stage:
    """A site with jobs, and the gate at which `talks` waits twice."""

    def __init__(self, place: Site, gate: Gate) -> None:
        self.place, self.gate = place, gate

    def streams(self, run_id: str) -> int:
        """Return how many follow the log of a run at the server."""
        return len(self.place.server.runtime.logs._followers.get(run_id, ()))


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    root = tmp_path_factory.mktemp("stage")
    gate = Gate(root / "gate")
    code = JOBS.format(wait=gate.wait.strip())
    with site(root, {"etl.py": code, "__deployment__.py": "from etl import *\n"}) as place:
        yield Stage(place, gate)


# SPEC: WDG-02, WDG-03, WDG-05, WDG-06
def test_a_log_grows_in_marimo_and_re_runs_leave_one_stream(
    stage: Stage, visitors: Visitors, album: Album, tmp_path: Path
) -> None:
    run_id = stage.place.start("talks")
    notebook = tmp_path / "log.py"
    notebook.write_text(LOG_NOTEBOOK)
    with marimo_app(notebook, stage.place) as address, visitors.new() as page:
        page.goto(address)
        log = page.get_by_role("log")
        expect(log).to_contain_text("line 299")
        expect(log).not_to_contain_text("second")
        threading.Thread(target=stage.gate.open).start()
        expect(log).to_contain_text("second")
        for times in range(1, 6):
            page.get_by_role("button", name="Again").click()
            expect(page.get_by_text(f"made again {times} times")).to_be_visible()
            expect(log).to_contain_text("second")
        eventually(page, lambda: stage.streams(run_id), (1).__eq__)
        album.snap(page, "widget-log-marimo")
        page.reload()
        expect(log).to_contain_text("second")
        threading.Thread(target=stage.gate.open).start()
        expect(log).to_contain_text("third")
        expect(page.get_by_text("✓ completed")).to_be_visible()
        assert API_KEY not in page.content()


# SPEC: WDG-01, WDG-04
def test_a_timeline_and_a_graph_live_in_marimo_and_a_choice_reaches_python(
    stage: Stage, visitors: Visitors, album: Album, tmp_path: Path
) -> None:
    notebook = tmp_path / "graph.py"
    notebook.write_text(GRAPH_NOTEBOOK)
    with marimo_app(notebook, stage.place) as address, visitors.new() as page:
        page.goto(address)
        expect(page.get_by_role("button", name="transform, batch, never ran, after extract")).to_be_visible()
        stage.place.client.wait(stage.place.start("extract"))
        page.get_by_role("button", name="transform, batch, completed, after extract").click()
        expect(page.get_by_text("chosen: jobs.etl.transform")).to_be_visible()
        album.snap(page, "widget-graph-marimo")


# SPEC: UI-02
def test_what_changes_while_a_cell_asks_is_asked_for_again(
    stage: Stage, visitors: Visitors, tmp_path: Path
) -> None:
    notebook = tmp_path / "counting.py"
    notebook.write_text(COUNTING_NOTEBOOK)
    with marimo_app(notebook, stage.place) as address, visitors.new() as page:
        page.goto(address)
        expect(page.get_by_text(re.compile(r"^read \d+ times$"))).not_to_have_text("read 1 times")
