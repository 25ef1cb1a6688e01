"""The changes of a workspace as they happen, and where a reader goes on."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

import pytest
from pydantic import TypeAdapter
from tests.support.api import JSON, Api
from tests.support.worlds import batch_job

from runyard.core.runs import RunStatus
from runyard_server import schemas, streams


def event_of(frame: str) -> JSON:
    """Return the change in a frame, after checking that frame and change agree."""
    fields = dict(line.split(": ", 1) for line in frame.split("\n"))
    event: JSON = json.loads(fields["data"])
    assert (int(fields["id"]), fields["event"]) == (event["id"], event["kind"])
    return event


# SPEC: API-06
def test_what_changes_is_told_in_order_and_as_it_happens(api: Api, tmp_path: Path) -> None:
    (job,) = api.prepare(tmp_path, batch_job("load"))
    run_id = api.start_job(job["id"])["id"]

    async def story() -> list[str]:
        async with contextlib.aclosing(api.frames(f"{api.here}/events")) as frames:
            start = await anext(frames)
            assert start.startswith("id: "), "where to resume is known before anything happens"
            api.move(run_id, RunStatus.STARTING)
            first = await anext(frames)
            api.move(run_id, RunStatus.RUNNING)
            return [first, await anext(frames)]

    events = [event_of(frame) for frame in api.run_async(story())]
    assert [(event["kind"], event["run_id"], event["job_id"]) for event in events] == [
        ("run.starting", run_id, job["id"]),
        ("run.running", run_id, job["id"]),
    ]
    TypeAdapter(list[schemas.Event]).validate_python(events)


# SPEC: API-06
def test_a_reader_goes_on_after_the_last_change_it_saw(api: Api, tmp_path: Path) -> None:
    (job,) = api.prepare(tmp_path, batch_job("load"))
    run_id = api.start_job(job["id"])["id"]
    api.move(run_id, RunStatus.STARTING, RunStatus.RUNNING)
    path = f"{api.here}/events"
    # The first frame only says where the reader stands.
    everything = [event_of(frame) for frame in api.read_events(f"{path}?after=0", 7)[1:]]
    assert [event["kind"] for event in everything[-3:]] == ["run.pending", "run.starting", "run.running"]
    seen = everything[-3]["id"]
    for frames in (
        api.read_events(f"{path}?after={seen}", 3),
        api.read_events(path, 3, headers={"last-event-id": str(seen)}),
        api.read_events(f"{path}?after=0", 3, headers={"last-event-id": str(seen)}),
    ):
        assert frames[0] == f"id: {seen}"
        assert [event_of(frame) for frame in frames[1:]] == everything[-2:]


def test_changes_of_another_workspace_are_not_told(local_api: Api, tmp_path: Path) -> None:
    (job,) = local_api.prepare(tmp_path, batch_job("load"))
    path = f"/api/v1/organizations/{local_api.organization_id}/workspaces"
    other = local_api.ok("POST", path, 201, json={"name": "other", "description": None})["id"]
    local_api.start_job(job["id"])
    local_api.deploy(batch_job("load"), batch_job("more"))

    async def story() -> str:
        async with contextlib.aclosing(
            local_api.frames(f"/api/v1/workspaces/{other}/events?after=0")
        ) as frames:
            return await anext(frames)

    assert local_api.run_async(story()) == "id: 0"


def test_silence_is_broken_by_a_comment(local_api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "KEEP_ALIVE_SECONDS", 0.01)
    assert local_api.read_events(f"{local_api.here}/events", 2)[1] == ": keep-alive"


def test_a_reader_that_leaves_is_forgotten(local_api: Api) -> None:
    local_api.read_events(f"{local_api.here}/events", 1)
    assert not local_api.server.changes._watchers
