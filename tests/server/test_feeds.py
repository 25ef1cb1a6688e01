"""What widgets are fed with, from a real server: logs from their end, state and what differs, one stream for all."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import aclosing
from pathlib import Path
from typing import Any, TypeVar

import pytest
from tests.support.attempts import Gate
from tests.support.patience import PATIENCE_SECONDS
from tests.support.servers import Installation
from tests.support.sites import PROJECT, Site, site
from tests.support.workspaces import make_workspace

from runyard.core.clock import MICROSECONDS
from runyard.core.errors import InvalidRequest, NotFound, NotSignedIn
from runyard.core.store.jobs import start_counting
from runyard_server.client import Client
from runyard_server.client.deploying import Deployer
from runyard_server.client.feeds import JobsFeed, LogFeed, RunsFeed, state
from runyard_server.client.streaming import KEPT_LINES
from runyard_widgets.feeds import Frame

# No tick comes while a test looks: one would be told of too.
JOBS = """
from runyard import run, trigger


@run.job
def talks():
    for number in range(1500):
        print("line", number)


@run.job
def waits():
    print("first")
    {wait_1}
    print("second")


@run.job
def floods():
    print("first")
    {wait_2}
    for number in range(50_000):
        print("line", number)


@run.job(trigger="every:1h", expose={{"tags": ["ingest"], "display_name": "Load"}})
def load():
    "Loads."


@run.job(trigger=load.success)
def publish():
    print("published")


@run.job(trigger="0 3 1 1 *", freshness=load.is_fresh)
def report():
    pass


@run.job(trigger="every:2h", freshness=load.is_fresh)
def held_back():
    pass


@run.job
def silent():
    pass
"""

T = TypeVar("T")


class Yard:
    """A served workspace with jobs, two of which wait at gates."""

    def __init__(self, place: Site, gates: list[Gate]) -> None:
        self.client = place.client
        self.server = place.server
        self.origin = place.origin
        self.gates = gates

    def start(self, job: str) -> str:
        """Return the id of a new run."""
        (started,) = self.client.trigger([job]).started
        assert started.run is not None
        return started.run.id

    def complete(self, job: str) -> str:
        """Return the id of a new run that has completed."""
        run = self.client.wait(self.start(job))
        assert run.is_completed, run
        return run.id


@pytest.fixture(scope="module")
def yard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Yard]:
    root = tmp_path_factory.mktemp("yard")
    gates = [Gate(root / name) for name in ("one", "two")]
    code = JOBS.format(wait_1=gates[0].wait.strip(), wait_2=gates[1].wait.strip())
    files = {"etl.py": code, "__deployment__.py": "from etl import *\n"}
    with site(root, files) as place:
        yield Yard(place, gates)


def told(work: Coroutine[Any, Any, T]) -> T:
    """Return what a story on an event loop comes to."""

    async def bounded() -> T:
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await work

    return asyncio.run(bounded())


async def until(frames: AsyncIterator[Frame], holds: Callable[[Frame], bool]) -> list[Frame]:
    """Return the next frames, the last of which is the first for which this holds."""
    found = []
    async for frame in frames:
        found.append(frame)
        if holds(frame):
            return found
    raise AssertionError(f"the feed ended: {found}")


def texts(frames: list[Frame]) -> list[str]:
    """Return the lines in frames of a log, which say how many they are."""
    found = []
    for frame in frames:
        if frame.head["kind"] == "log":
            lines = frame.body.decode().split("\n") if frame.body else []
            assert len(lines) == frame.head["count"]
            found += [line.partition("\t")[2] for line in lines]
    return found


def has(text: str) -> Callable[[Frame], bool]:
    return lambda frame: text in texts([frame])


def row(frame: Frame, **fields: Any) -> dict[str, Any]:
    """Return the row of a frame with these values."""
    (found,) = (r for r in frame.head["rows"] if all(r[name] == value for name, value in fields.items()))
    return dict(found)


# Logs -----------------------------------------------------------------------------------------------


def test_a_log_is_told_from_its_end_until_its_run_is_over(yard: Yard) -> None:
    run_id = yard.complete("talks")

    async def story() -> list[Frame]:
        return [frame async for frame in LogFeed(yard.client, run=run_id).frames()]

    first, *rest = told(story())
    assert first.head["kind"] == "run"
    run = first.head["run"]
    assert (run["id"], run["job"], run["status"]) == (run_id, "jobs.etl.talks", "completed")
    assert run["trigger"] == "by hand"
    assert run["created_at"] <= run["started_at"] <= run["finished_at"]
    assert rest[0].head["first"] == 500
    assert texts(rest) == [f"line {number}" for number in range(500, 1500)]
    assert (rest[-1].head["total"], rest[-1].head["is_over"]) == (1500, True)


# SPEC: WDG-05
def test_lines_are_told_as_they_are_printed(yard: Yard) -> None:
    run_id = yard.start("waits")

    async def story() -> list[Frame]:
        async with aclosing(LogFeed(yard.client, run=run_id).frames()) as frames:
            seen = await until(frames, has("first"))
            assert not seen[-1].head["is_over"]
            await asyncio.to_thread(yard.gates[0].open)
            return [*seen, *[frame async for frame in frames]]

    frames = told(story())
    assert texts(frames) == ["first", "second"]
    runs = [frame.head["run"] for frame in frames if frame.head["kind"] == "run"]
    assert [runs[0]["finished_at"], runs[-1]["status"]] == [None, "completed"]


def test_the_log_of_a_job_waits_for_a_run_and_goes_on_with_the_next_one(yard: Yard) -> None:
    async def story() -> list[int]:
        feed = LogFeed(yard.client, job="publish")
        assert feed.now().head == {
            "kind": "log",
            "first": 0,
            "count": 0,
            "total": 0,
            "is_over": False,
            "run": None,
        }
        numbers = []
        async with aclosing(feed.frames()) as frames:
            pulled = asyncio.create_task(until(frames, has("published")))
            for again in (True, False):
                await asyncio.to_thread(yard.complete, "publish")
                seen = await pulled
                numbers += [frame.head["run"]["number"] for frame in seen if frame.head["kind"] == "run"]
                assert texts(seen) == ["published"]
                if again:
                    pulled = asyncio.create_task(until(frames, has("published")))
        return numbers

    assert sorted(set(told(story()))) == [1, 2]
    now = LogFeed(yard.client, job="publish").now()
    assert (now.head["run"]["number"], texts([now])) == (2, ["published"])


# SPEC: WDG-05
def test_what_is_not_pulled_is_skipped_instead_of_queued(yard: Yard) -> None:
    run_id = yard.start("floods")

    async def story() -> list[Frame]:
        async with aclosing(LogFeed(yard.client, run=run_id).frames()) as frames:
            await until(frames, has("first"))
            await asyncio.to_thread(yard.gates[1].open)
            await asyncio.to_thread(yard.client.wait, run_id)
            return [frame async for frame in frames]

    frames = told(story())
    lines = texts(frames)
    assert lines[-1] == "line 49999"
    assert len(lines) < 50_000
    assert max(frame.head["count"] for frame in frames if frame.head["kind"] == "log") <= KEPT_LINES
    skipped = next(frame for frame in frames if frame.head.get("count"))
    assert skipped.head["first"] > 1


def test_any_lines_can_be_asked_for(yard: Yard) -> None:
    feed = LogFeed(yard.client, run=yard.complete("talks"))

    async def story() -> Frame:
        return await feed.ask({"kind": "range", "first": 700, "count": 3})

    frame = told(story())
    assert texts([frame]) == ["line 700", "line 701", "line 702"]
    assert (frame.head["first"], frame.head["total"]) == (700, 1500)


@pytest.mark.parametrize(
    "request_", [{"kind": "rows"}, {"kind": "range"}, {"kind": "range", "first": -1, "count": 5}, {}]
)
def test_what_a_log_does_not_know_is_refused(yard: Yard, request_: dict[str, Any]) -> None:
    feed = LogFeed(yard.client, job="silent")
    with pytest.raises(ValueError, match="range of lines"):
        told(feed.ask(request_))


def test_a_log_is_that_of_one_run_or_one_job(yard: Yard) -> None:
    with pytest.raises(InvalidRequest):
        LogFeed(yard.client)
    with pytest.raises(NotFound, match="talks"):
        LogFeed(yard.client, job="talk")


# Runs -----------------------------------------------------------------------------------------------


# SPEC: WDG-05
def test_runs_are_told_whole_and_then_only_those_that_changed(yard: Yard) -> None:
    before = yard.complete("silent")

    async def story() -> list[Frame]:
        async with aclosing(RunsFeed(yard.client).frames()) as frames:
            first = await anext(frames)
            assert first.head["is_all"]
            assert row(first, id=before)["status"] == "completed"
            run_id = await asyncio.to_thread(yard.start, "silent")
            return await until(frames, lambda frame: row(frame, id=run_id)["status"] == "completed")

    frames = told(story())
    assert {len(frame.head["rows"]) for frame in frames} == {1}
    assert not any(frame.head["is_all"] or frame.head["gone"] for frame in frames)


def test_runs_beyond_the_limit_go(yard: Yard) -> None:
    feed = RunsFeed(yard.client, job="silent", limit=2)
    ids = [yard.complete("silent") for _ in range(2)]

    async def story() -> list[Frame]:
        async with aclosing(feed.frames()) as frames:
            first = await anext(frames)
            assert [r["id"] for r in first.head["rows"]] == ids[::-1]
            await asyncio.to_thread(yard.complete, "talks")
            await asyncio.to_thread(yard.complete, "silent")
            return [await anext(frames)]

    (frame,) = told(story())
    assert [r["job"] for r in frame.head["rows"]] == ["jobs.etl.silent"]
    assert frame.head["gone"] == ids[:1]


def test_the_timeline_knows_when_jobs_are_due_next(yard: Yard) -> None:
    head = RunsFeed(yard.client, with_ticks=True).now().head
    due = {tick["job"]: tick["at"] for tick in head["ticks"]}
    assert set(due) == {"jobs.etl.load", "jobs.etl.report", "jobs.etl.held_back"}
    assert due["jobs.etl.report"] > head["now"]


# Jobs -----------------------------------------------------------------------------------------------


def test_jobs_are_told_with_their_graph_and_their_last_runs(yard: Yard) -> None:
    run_ids = [yard.complete("silent") for _ in range(2)]
    head = JobsFeed(yard.client).now().head
    assert {(edge["source"], edge["target"], edge["kind"]) for edge in head["edges"]} == {
        ("jobs.etl.load", "jobs.etl.publish", "follow"),
        ("jobs.etl.load", "jobs.etl.report", "freshness"),
        ("jobs.etl.load", "jobs.etl.held_back", "freshness"),
    }
    load = row(Frame(head), ref="jobs.etl.load")
    assert (load["name"], load["title"], load["kind"], load["tags"]) == ("load", "Load", "batch", ["ingest"])
    assert load["triggers"] == ["every hour"]
    silent = row(Frame(head), ref="jobs.etl.silent")
    assert [run["id"] for run in silent["recent"]][-2:] == run_ids
    assert (silent["latest"]["id"], silent["latest"]["job"]) == (run_ids[-1], "jobs.etl.silent")


def test_of_jobs_only_those_that_changed_are_told_again(yard: Yard) -> None:
    async def story() -> list[Frame]:
        async with aclosing(JobsFeed(yard.client).frames()) as frames:
            await anext(frames)
            job = await asyncio.to_thread(yard.client.job, "report")
            await asyncio.to_thread(yard.client.pause, job.id)
            paused = await anext(frames)
            await asyncio.to_thread(yard.client.resume, job.id)
            return [paused, await anext(frames)]

    paused, resumed = told(story())
    assert [row(paused, ref="jobs.etl.report")["is_paused"], len(paused.head["rows"])] == [True, 1]
    assert row(resumed, ref="jobs.etl.report")["is_paused"] is False
    assert "edges" not in resumed.head


def test_a_tick_that_comes_to_nothing_is_noticed(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    # As if whatever is due were due in this moment.
    monkeypatch.setattr(state, "_seconds_until", lambda due: 0.1 if due else None)
    job, runtime = yard.client.job("held_back"), yard.server.runtime

    def due_in_an_hour() -> int:
        """Let the job be due then, as a tick does that is gated: nobody is told."""
        now = runtime.clock.now()
        at = now + 3600 * MICROSECONDS
        runtime.database.write(
            lambda connection: start_counting(connection, job.id, next_due_at=at, anchor_at=now)
        )
        return at // 1000

    async def story() -> None:
        async with aclosing(JobsFeed(yard.client).frames()) as frames:
            await anext(frames)
            at = await asyncio.to_thread(due_in_an_hour)
            await until(frames, lambda frame: any(r["next_at"] == at for r in frame.head["rows"]))

    told(story())


def test_many_changes_at_once_are_told_of(yard: Yard) -> None:
    async def story() -> set[str]:
        async with aclosing(RunsFeed(yard.client).frames()) as frames:
            await anext(frames)
            missing = {await asyncio.to_thread(yard.complete, job) for job in ("silent", "talks") * 4}
            while missing:
                rows = (await anext(frames)).head["rows"]
                missing -= {r["id"] for r in rows if r["status"] == "completed"}
            return missing

    assert not told(story())


# Streams --------------------------------------------------------------------------------------------


def test_all_feeds_of_an_event_loop_share_one_stream_of_changes(yard: Yard) -> None:
    watchers = yard.server.changes._watchers

    async def story() -> int:
        feeds = [RunsFeed(yard.client).frames(), JobsFeed(yard.client).frames()]
        feeds.append(LogFeed(yard.client, job="talks").frames())
        for frames in feeds:
            await anext(frames)
        count = len(watchers)
        for frames in feeds:
            await frames.aclose()
        while watchers:  # the server hears of it a moment later
            await asyncio.sleep(0)
        return count

    assert told(story()) == 1


def test_a_key_that_is_refused_is_not_told(yard: Yard) -> None:
    with (
        Client(yard.origin, "dlt_u_taken-back", yard.client.workspace.id) as client,
        pytest.raises(NotSignedIn) as refused,
    ):
        RunsFeed(client)
    assert "taken-back" not in str(refused.value)


@pytest.mark.slow
def test_feeds_go_on_when_a_killed_server_is_back(tmp_path: Path) -> None:
    gate = Gate(tmp_path / "gate")
    code = f"from runyard import run\n@run.job\ndef waits():\n    print('first')\n    {gate.wait}    print('second')\n"
    root = make_workspace(tmp_path / "site", {**PROJECT, "__deployment__.py": code})
    with Installation(tmp_path / "home") as installation:
        client = installation.client
        Deployer(client, root, env=os.environ, python=Path(sys.executable)).deploy()
        (started,) = client.trigger(["waits"]).started
        assert started.run is not None
        run_id = started.run.id

        async def story() -> list[Frame]:
            log, runs = LogFeed(client, run=run_id).frames(), RunsFeed(client).frames()
            async with aclosing(log), aclosing(runs):
                seen = await until(log, has("first"))
                await anext(runs)
                await asyncio.to_thread(installation.kill)
                await asyncio.to_thread(installation.start)
                await asyncio.to_thread(gate.open)
                await until(runs, lambda frame: row(frame, id=run_id)["status"] == "completed")
                return seen + [frame async for frame in log]

        assert texts(told(story())) == ["first", "second"]
