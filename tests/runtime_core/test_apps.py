"""Stories of interactive runs, with real processes: an app starts, answers on loopback, and stops."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastmcp import Client
from tests.support.apps import LOOPBACK, get, listening_on, stop_all, until_serving
from tests.support.worlds import WORKSPACE, World

from runyard.core.node import attempt_dir, linux
from runyard.core.run_control import ALREADY_RUNNING
from runyard.core.store import jobs, runs, shown_runs

APPS = """
    import os

    def page():
        async def app(scope, receive, send):
            if scope["type"] == "http":
                await send({"type": "http.response.start", "status": 200, "headers": []})
                await send({"type": "http.response.body", "body": os.environ["PORT"].encode()})
        return app

    async def tools():
        from fastmcp import FastMCP

        server = FastMCP("tools")

        @server.tool
        def double(number: int) -> int:
            return 2 * number

        return server

    def way_back():
        names = ("RUNYARD_SERVER", "RUNYARD_API_KEY", "RUNYARD_WORKSPACE", "RUNTIME__DLTHUB_DSN")
        said = " ".join(os.environ.get(name, "nothing") for name in names)

        async def app(scope, receive, send):
            if scope["type"] == "http":
                await send({"type": "http.response.start", "status": 200, "headers": []})
                await send({"type": "http.response.body", "body": said.encode()})
        return app

    def number():
        return 7

    def crash():
        raise ValueError("no such table")

    def leave():
        pass

    def silent():
        print("waiting", flush=True)
        open(os.environ["RUNYARD_DATA_DIR"] + "/gate").read()
"""

SERVER = """
    from fastmcp import FastMCP

    mcp = FastMCP("half")

    @mcp.tool
    def halve(number: int) -> float:
        return number / 2
"""

NOTEBOOK = """
    import marimo

    app = marimo.App()

    @app.cell
    def _():
        secret_name = "not for browsers"
        return (secret_name,)
"""


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = make_world(tmp_path)
    yield world
    stop_all(world)
    world.close()


def make_world(tmp_path: Path) -> World:
    world = World(
        tmp_path / "data",
        issue_key=lambda run: f"a-key-of-{run['id']}",
        issue_beacon_key=lambda run: f"a-beacon-of-{run['id']}.{run['attempt']}",
    )
    world.upload({"apps.py": APPS, "half.py": SERVER, "book.py": NOTEBOOK})
    world.runtime.start()
    return world


def app(
    module: str, function: str | None = None, launcher: str = "runyard.core.launchers.job"
) -> dict[str, Any]:
    return {
        "engine_version": 2,
        "job_ref": f"jobs.{module}.{function}" if function else f"jobs.{module}",
        "entry_point": {
            "module": module,
            "function": function,
            "job_type": "interactive",
            "launcher": launcher,
        },
        "triggers": ["http:"],
        "execute": {"concurrency": 1},
        "expose": {"manual": True, "interface": "gui"},
    }


def call_tool(port: int, name: str, number: int) -> Any:
    async def ask() -> Any:
        async with Client(f"http://127.0.0.1:{port}/mcp") as client:
            return (await client.call_tool(name, {"number": number})).data

    return asyncio.run(ask())


# SPEC: APP-04, APP-06, DEC-18
def test_what_a_function_returns_is_served_on_loopback_only(world: World) -> None:
    world.deploy(app("apps", "page"))
    run = until_serving(world, "page")
    assert get(run["port"]) == str(run["port"])
    assert listening_on(run["port"]) == {LOOPBACK}
    history = world.runtime.database.read(lambda c: shown_runs.history(c, run["id"]))
    assert [row["to_status"] for row in history] == ["pending", "starting", "running"]


def test_an_app_is_given_a_key_to_read_its_workspace_with_and_where_to_tell_of_pipelines(
    world: World,
) -> None:
    world.deploy(app("apps", "way_back"))
    run = until_serving(world, "way_back")
    key, beacon = f"a-key-of-{run['id']}", f"a-beacon-of-{run['id']}.1"
    told = ["http://127.0.0.1:1", key, WORKSPACE, f"http://127.0.0.1:1/beacon/{beacon}"]
    assert get(run["port"]).split() == told
    holder = attempt_dir.read_json(str(world.runtime.run_directory(run["id"]) / "1"), attempt_dir.LOCK)
    commands = [
        Path(f"/proc/{pid}/cmdline").read_text() for pid in (holder["pid"], *linux.descendants(holder["pid"]))
    ]
    assert any("way_back" in command for command in commands), "the app is among them"
    for secret in (key, beacon):
        assert not any(secret in command for command in commands)
        assert not any(secret in line for line in world.lines(run["id"]))


# SPEC: APP-03, APP-06, DEC-18
def test_an_mcp_server_of_a_module_or_a_function_is_called_by_a_real_client(world: World) -> None:
    world.deploy(app("half", launcher="runyard.core.launchers.mcp"), app("apps", "tools"))
    half, tools = until_serving(world, "jobs.half"), until_serving(world, "tools")
    assert call_tool(half["port"], "halve", 7) == 3.5
    assert call_tool(tools["port"], "double", 7) == 14
    assert listening_on(half["port"]) | listening_on(tools["port"]) == {LOOPBACK}


# SPEC: APP-01, APP-06
def test_a_notebook_named_with_dlts_launcher_is_served_on_loopback_without_its_source(world: World) -> None:
    world.deploy(app("book", launcher="dlt._workspace.deployment.launchers.marimo"))
    run = until_serving(world, "book")
    page = get(run["port"])
    assert "<marimo-" in page
    assert "not for browsers" not in page
    assert "cdn.jsdelivr.net" not in page
    assert listening_on(run["port"]) == {LOOPBACK}


@pytest.mark.parametrize(
    ("function", "words"),
    [
        ("crash", "ValueError: no such table"),
        ("number", "made 7, which cannot be served"),
        ("leave", "It ended without a word."),
    ],
)
def test_an_app_that_ends_before_it_answers_did_not_start_and_says_why(
    world: World, function: str, words: str
) -> None:
    world.deploy(app("apps", function))
    run = world.until_ended(world.start_one(function)["id"])
    assert (run["status"], run["reason"]) == ("failed", "start_failed")
    assert words in run["message"]


def test_an_app_is_started_once_however_often_it_is_asked_for(world: World) -> None:
    world.deploy(app("apps", "page"))
    run = until_serving(world, "page")
    [answer] = world.runtime.run_control.start(
        WORKSPACE, job_ids=[world.job("jobs.apps.page")["id"]], selectors=None, user_id=None
    )
    assert (answer.status, answer.reasons) == (ALREADY_RUNNING, ("It is already running.",))
    assert answer.run is not None
    assert answer.run["id"] == run["id"]
    assert len(world.runs()) == 1


# SPEC: RUN-09
def test_an_app_is_cancelled_while_it_serves_and_while_it_starts(world: World) -> None:
    world.deploy(app("apps", "page"), app("apps", "silent"))
    serving = until_serving(world, "page")
    world.gate()
    starting = world.start_one("silent")
    world.until(lambda: world.run(starting["id"])["status"] == "starting")
    stop_all(world)
    ended = [world.run(run["id"]) for run in (serving, starting)]
    assert [(run["status"], run["reason"]) for run in ended] == [("cancelled", "user_cancel")] * 2
    assert listening_on(serving["port"]) == set()


# SPEC: SCH-03
def test_a_server_that_is_started_again_finds_the_app(tmp_path: Path) -> None:
    world = make_world(tmp_path)
    world.deploy(app("apps", "page"))
    run = until_serving(world, "page")
    job_id = world.job("jobs.apps.page")["id"]
    world.close()
    assert get(run["port"]) == str(run["port"])
    world = World(tmp_path / "data")
    world.runtime.start()
    found = world.runtime.database.read(lambda c: runs.serving(c, job_id))
    assert found is not None
    assert (found["id"], found["port"]) == (run["id"], run["port"])
    stop_all(world)
    assert world.run(run["id"])["status"] == "cancelled"
    assert world.runtime.database.read(lambda c: runs.serving(c, job_id)) is None
    world.close()


# SPEC: SEC-07
def test_a_label_is_made_of_the_name_and_stays(world: World) -> None:
    named = app("apps", "page") | {"expose": {"manual": True, "display_name": "Delays & more, 2013!"}}
    world.deploy(named)
    label = world.job("jobs.apps.page")["label"]
    assert label.startswith("delays-more-2013-")
    world.deploy(app("apps", "page"))
    assert world.job("jobs.apps.page")["version"] == 2
    assert world.job("jobs.apps.page")["label"] == label
    found = world.runtime.database.read(lambda c: jobs.by_label(c, label))
    assert found is not None
    assert found["job_ref"] == "jobs.apps.page"
