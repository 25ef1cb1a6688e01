"""The door: one line per widget, which finds the server as the command line does."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.servers import API_KEY
from tests.support.sites import Site, site

import runyard
from runyard import widgets
from runyard.core.errors import InvalidRequest, Unavailable
from runyard_server.client import Client
from runyard_server.client.feeds import JobsFeed, feed_of

JOBS = """
from runyard import run


@run.job
def load_flights():
    print("loaded")


@run.job(trigger=load_flights.success)
def publish():
    pass
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    files = {"etl.py": JOBS, "__deployment__.py": "from etl import *\n"}
    with site(tmp_path_factory.mktemp("site"), files) as place:
        place.client.wait(place.start("load_flights"))
        yield place


@pytest.fixture
def here(place: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """Return a site that the environment names, seen from a directory that is no workspace."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RUNYARD_SERVER", place.origin)
    monkeypatch.setenv("RUNYARD_API_KEY", API_KEY)
    monkeypatch.setenv("RUNYARD_WORKSPACE", place.client.workspace.id)
    yield place
    while widgets._CLIENTS:
        widgets._CLIENTS.popitem()[1].close()


# SPEC: WDG-02
def test_one_line_shows_the_log_of_a_job(here: Site) -> None:
    tail = widgets.LogTail(job="load_flights")
    assert "loaded" in repr(tail)
    (run,) = here.client.runs(job_id=here.client.job("load_flights").id)
    assert "loaded" in repr(widgets.LogTail(run=run.id))
    assert tail.href == f"{here.origin}/w/{here.client.workspace.id}/runs/{{id}}"


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("name", ["RunTimeline", "RunTable", "JobGraph", "JobTable"])
def test_one_line_shows_runs_and_jobs(name: str) -> None:
    widget = getattr(widgets, name)(height=99, href="")
    assert "jobs.etl.load_flights" in repr(widget)
    assert (widget.height, widget.href) == (99, "")


@pytest.mark.usefixtures("here")
def test_widgets_share_a_client_unless_they_are_given_one(place: Site) -> None:
    for _ in range(2):
        widgets.JobTable()
    assert len(widgets._CLIENTS) == 1
    with Client(place.origin, API_KEY, place.client.workspace.id) as own:
        own.close()
        with pytest.raises(RuntimeError, match="closed"):
            widgets.JobTable(client=own)


# SPEC: WDG-03
@pytest.mark.usefixtures("here")
def test_no_key_reaches_the_browser() -> None:
    for name in widgets.__all__:
        widget = getattr(widgets, name)(**({"job": "load_flights"} if name == "LogTail" else {}))
        state = {key: value for key, value in widget.get_state().items() if not key.startswith("_")}
        assert "load_flights" in json.dumps(state)
        assert API_KEY not in json.dumps(state)
        assert API_KEY not in repr(widget)


@pytest.mark.usefixtures("here")
def test_of_an_unknown_job_the_widget_names_those_that_sound_alike() -> None:
    tail = widgets.LogTail(job="load_flight")
    assert "load_flights" in repr(tail)
    assert tail.snapshot == {"trouble": repr(tail)}


@pytest.mark.usefixtures("here")
def test_wrong_arguments_are_an_error_of_the_cell() -> None:
    with pytest.raises(InvalidRequest, match="one run or of one job"):
        widgets.LogTail()


def test_a_deployed_app_leads_nowhere_that_a_stranger_may_not_go(
    here: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUNTIME__RUN_ID", "0f0e0d0c-0b0a-4908-8706-050403020100")
    assert widgets.RunTable().href == ""
    assert widgets.RunTable(href="#/{id}").href == "#/{id}"
    assert here.origin not in json.dumps(widgets.JobGraph().snapshot)


def test_without_a_server_the_widget_says_how_to_start_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RUNYARD_SERVER", "http://127.0.0.1:9")
    assert "runyard dev" in repr(widgets.RunTable())


def test_a_widget_made_without_a_server_shows_what_there_is_when_it_is_back(here: Site) -> None:
    def make() -> JobsFeed:
        answers = next(tries)
        if not answers:
            raise Unavailable("The server does not answer.")
        return JobsFeed(here.client)

    tries = iter([False, False, True])
    feed = feed_of(make)
    with pytest.raises(Unavailable):
        feed.now()
    frame = asyncio.run(anext(feed.frames()))
    assert "jobs.etl.load_flights" in json.dumps(frame.head)


@pytest.mark.parametrize(
    ("env", "way_out"),
    [
        ({}, "Run `pip install anywidget`."),
        ({"RUNTIME__RUN_ID": "1"}, "Add it to the dependencies in `pyproject.toml` and deploy again."),
    ],
)
def test_without_the_packages_it_is_said_how_to_get_them(env: dict[str, str], way_out: str) -> None:
    code = "import sys; sys.modules['anywidget'] = None\nfrom runyard.widgets import JobTable\nJobTable()"
    command = [sys.executable, "-c", code]
    ended = subprocess.run(command, env=os.environ | env, capture_output=True, text=True, check=False)
    assert ended.stderr.splitlines()[-1] == (
        f"ModuleNotFoundError: Widgets need `anywidget`, which is not installed here. {way_out}"
    )


def test_the_door_imports_nothing_before_it_is_used() -> None:
    code = "import sys, runyard; runyard.widgets.LogTail; print(sorted({'anywidget', 'httpx'} & set(sys.modules)))"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout == "[]\n"


def test_the_door_is_closed() -> None:
    assert runyard.__all__ == sorted(runyard.__all__)
    shown = {name for name in vars(widgets) if not name.startswith("_")}
    assert shown - {"annotations", "contextmanager", "os", "TYPE_CHECKING"} == set(widgets.__all__)
