"""Logs over HTTP: stored, followed, and of a job that really runs."""

from __future__ import annotations

import contextlib
import json
import tracemalloc
from pathlib import Path

import pytest
from pydantic import TypeAdapter
from tests.support.api import JSON, Api
from tests.support.worlds import batch_job

from runyard.core.clock import to_datetime
from runyard.core.node.attempt_log import SHIM, STDERR, STDOUT, AttemptLog
from runyard.core.runs import Reason, RunStatus
from runyard_server import schemas, streams

MIB = 1024 * 1024


def running(api: Api, tmp_path: Path) -> str:
    """Return the id of a run that is under way."""
    (job,) = api.prepare(tmp_path, batch_job("load"))
    run_id: str = api.start_job(job["id"])["id"]
    api.move(run_id, RunStatus.STARTING, RunStatus.RUNNING)
    return run_id


def log_of(api: Api, run_id: str, attempt: int = 1) -> AttemptLog:
    directory = api.runtime.run_directory(run_id) / str(attempt)
    directory.mkdir(parents=True)
    return AttemptLog(str(directory), 100 * MIB)


def complete(api: Api, run_id: str) -> None:
    api.move(run_id, RunStatus.COMPLETED, reason=Reason.OK)
    api.runtime.logs.finish(run_id)


def logs_path(api: Api, run_id: str, name: str = "logs") -> str:
    return f"/logs/v1/workspaces/{api.workspace_id}/job-runs/{run_id}/{name}"


def lines_of(frames: list[str]) -> list[JSON]:
    """Return the log lines in frames, each of which has to be one as the contract says."""
    found = []
    for frame in frames:
        if not frame.startswith(":"):
            event, data = frame.split("\n")
            assert event == "event: log"
            found.append(json.loads(data.removeprefix("data: ")))
    return found


# SPEC: RUN-17
def test_a_stored_log_has_time_stream_and_number_of_every_line(local_api: Api, tmp_path: Path) -> None:
    run_id = running(local_api, tmp_path)
    log = log_of(local_api, run_id)
    log.write(STDOUT, [b"one", "zwölf\r100 %".encode()])
    log.write(STDERR, [b"bad \xff"])
    log.write(SHIM, [b"exit code 0"])
    log.close()
    complete(local_api, run_id)
    response = local_api.request("GET", logs_path(local_api, run_id))
    assert response.headers["content-type"] == "application/x-ndjson"
    lines = [json.loads(line) for line in response.text.splitlines()]
    assert [(line["line_num"], line["io_stream"], line["source"], line["content"]) for line in lines] == [
        (0, "stdout", "user", "one"),
        (1, "stdout", "user", "zwölf\r100 %"),
        (2, "stderr", "user", "bad \ufffd"),
        (3, "other", "runner", "exit code 0"),
    ]
    assert {line["stage"] for line in lines} == {"run"}
    assert all(line["reported_at"].endswith("+00:00") for line in lines)
    TypeAdapter(list[schemas.LogLine]).validate_python(lines)


# SPEC: DGR-06
def test_the_build_of_the_environment_comes_first(local_api: Api, tmp_path: Path) -> None:
    run_id = running(local_api, tmp_path)
    for attempt, text in ((0, b"installing"), (1, b"hello")):
        log = log_of(local_api, run_id, attempt)
        log.write(STDOUT, [text])
        log.close()
    complete(local_api, run_id)
    lines = [json.loads(x) for x in local_api.request("GET", logs_path(local_api, run_id)).text.splitlines()]
    assert [(line["line_num"], line["stage"], line["source"], line["content"]) for line in lines] == [
        (0, "build", "setup", "installing"),
        (1, "run", "user", "hello"),
    ]


# SPEC: CMP-10
def test_a_stream_waits_for_a_run_that_has_not_started_and_closes_when_it_ends(
    local_api: Api, tmp_path: Path
) -> None:
    (job,) = local_api.prepare(tmp_path, batch_job("load"))
    run_id = local_api.start_job(job["id"])["id"]

    async def story() -> list[str]:
        seen: list[str] = []
        async with contextlib.aclosing(
            local_api.frames(logs_path(local_api, run_id, "log-stream"))
        ) as frames:
            seen.append(await anext(frames))
            log = log_of(local_api, run_id)
            for text in (b"one", b"two"):
                log.write(STDOUT, [text])
                local_api.runtime.logs.wake(run_id)
                seen.append(await anext(frames))
            log.close()
            local_api.move(run_id, RunStatus.STARTING, RunStatus.RUNNING)
            complete(local_api, run_id)
            return seen + [frame async for frame in frames]

    frames = local_api.run_async(story())
    assert [(line["line_num"], line["content"]) for line in lines_of(frames)] == [(0, "one"), (1, "two")]


def test_a_stream_replays_from_the_start_on_every_connect(local_api: Api, tmp_path: Path) -> None:
    run_id = running(local_api, tmp_path)
    log = log_of(local_api, run_id)
    log.write(STDOUT, [b"%d" % number for number in range(2500)])
    log.close()
    complete(local_api, run_id)
    for _ in range(2):
        response = local_api.request("GET", logs_path(local_api, run_id, "log-stream"))
        assert response.headers["content-type"].startswith("text/event-stream")
        assert response.headers["x-accel-buffering"] == "no"
        lines = lines_of(response.text.split("\n\n")[:-1])
        assert [line["line_num"] for line in lines] == list(range(2500))


def test_a_long_log_is_never_in_memory_as_a_whole(local_api: Api, tmp_path: Path) -> None:
    run_id = running(local_api, tmp_path)
    log = log_of(local_api, run_id)
    texts = [b"x" * 100] * 1000
    for _ in range(30):
        log.write(STDOUT, texts)
    log.close()
    size = log.size_bytes
    tracemalloc.start()
    sent = sum(len(chunk) for chunk in streams.stored_log(local_api.runtime.run_directory(run_id)))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert sent > size > 3 * MIB
    assert peak < 2 * MIB


def frames_of(content: bytes) -> list[tuple[JSON, list[str]]]:
    """Return heads and lines of compact frames."""
    found = []
    while content:
        line, _, content = content.partition(b"\n")
        head = json.loads(line)
        body, content = content[: head["size"]], content[head["size"] :]
        lines = body.decode().split("\n") if body else []
        assert head.pop("count") == len(lines)
        assert head.pop("size") == len(body)
        found.append((head, lines))
    return found


@pytest.mark.parametrize(
    ("asked", "first", "numbers"),
    [
        ("first=1200&limit=3", 1200, [1200, 1201, 1202]),
        ("first=-2", 2498, [2498, 2499]),
        ("first=-9999&limit=1", 0, [0]),
        ("first=2499&limit=10", 2499, [2499]),
        ("first=2500", 2500, []),
    ],
)
def test_a_part_of_a_log_is_read_from_its_start_or_its_end(
    local_api: Api, tmp_path: Path, asked: str, first: int, numbers: list[int]
) -> None:
    run_id = running(local_api, tmp_path)
    for attempt, start in ((0, 0), (1, 100)):
        log = log_of(local_api, run_id, attempt)
        log.write(STDOUT, [b"%d" % number for number in range(start, 2500 if attempt else 100)])
        log.close()
    response = local_api.request("GET", f"{logs_path(local_api, run_id, 'lines')}?{asked}")
    assert response.headers["content-type"] == streams.LINES_MEDIA
    ((head, lines),) = frames_of(response.content)
    assert head == {"first": first, "total": 2500, "is_over": False}
    assert [int(line.partition("\t")[2]) for line in lines] == numbers


def test_a_line_of_a_part_says_stream_time_and_text(local_api: Api, tmp_path: Path) -> None:
    run_id = running(local_api, tmp_path)
    log = log_of(local_api, run_id)
    before = local_api.clock.now() // 1000
    log.write(STDOUT, ["zwölf\r100 %\tfertig".encode()])
    log.write(STDERR, [b"bad \xff"])
    log.write(SHIM, [b"exit code 0"])
    log.close()
    complete(local_api, run_id)
    ((head, lines),) = frames_of(local_api.request("GET", logs_path(local_api, run_id, "lines")).content)
    assert head["is_over"] is True
    marks, texts = zip(*(line.split("\t", 1) for line in lines), strict=True)
    assert texts == ("zwölf\r100 %\tfertig", "bad \ufffd", "exit code 0")
    assert [mark[0] for mark in marks] == ["O", "E", "S"]
    assert all(before <= int(mark[1:]) <= before + 60_000 for mark in marks)


def test_a_run_that_has_not_started_has_an_empty_part(local_api: Api, tmp_path: Path) -> None:
    run_id = running(local_api, tmp_path)
    content = local_api.request("GET", f"{logs_path(local_api, run_id, 'lines')}?first=-5").content
    assert frames_of(content) == [({"first": 0, "total": 0, "is_over": False}, [])]


def test_a_part_ends_behind_its_share_of_bytes_and_never_before_a_line(
    local_api: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "RANGE_BYTES", 1)
    run_id = running(local_api, tmp_path)
    log = log_of(local_api, run_id)
    for _ in range(3):
        log.write(STDOUT, [b"x" * 200_000])
    log.close()
    content = local_api.request("GET", logs_path(local_api, run_id, "lines")).content
    ((head, lines),) = frames_of(content)
    assert (head["total"], len(lines)) == (3, 1)


def test_lines_are_followed_from_any_line_until_the_run_is_over(local_api: Api, tmp_path: Path) -> None:
    run_id = running(local_api, tmp_path)
    log = log_of(local_api, run_id)
    log.write(STDOUT, [b"%d" % number for number in range(2500)])
    log.close()
    complete(local_api, run_id)
    for asked, first in (("", 0), ("?first=1234", 1234), ("?first=-10", 2490), ("?first=2500", 2500)):
        path = f"{logs_path(local_api, run_id, 'line-stream')}{asked}"
        frames = frames_of(local_api.request("GET", path).content)
        assert [frames[0][0]["first"], frames[-1][0]["first"]] == [first, 2500]
        assert [head["is_over"] for head, _ in frames] == [False] * (len(frames) - 1) + [True]
        texts = [line.partition("\t")[2] for _, lines in frames for line in lines]
        assert texts == [str(number) for number in range(first, 2500)]


# SPEC: LIM-04
def test_the_log_of_a_real_run_streams_until_it_ends(local_api: Api, tmp_path: Path) -> None:
    code = "import sys\n\n\ndef load():\n    print('loaded')\n    print('warned', file=sys.stderr)\n"
    (job,) = local_api.prepare(tmp_path, batch_job("load"), texts={"etl.py": code})
    local_api.start_loops()
    before = to_datetime(local_api.clock.now()).isoformat()
    run_id = local_api.start_job(job["id"])["id"]
    response = local_api.request("GET", logs_path(local_api, run_id, "log-stream"))
    lines = lines_of(response.text.split("\n\n")[:-1])
    printed = {(line["io_stream"], line["content"]) for line in lines if line["source"] == "user"}
    assert {("stdout", "loaded"), ("stderr", "warned")} <= printed
    assert all(line["reported_at"] > before for line in lines)
    ended = local_api.get(f"{local_api.here}/job-runs/{run_id}")
    assert (ended["status"], ended["reason"], ended["exit_code"]) == ("completed", "ok", 0)


def test_a_data_plane_token_reads_logs_and_nothing_of_the_control_plane(
    local_api: Api, tmp_path: Path
) -> None:
    run_id = running(local_api, tmp_path)
    log_of(local_api, run_id).close()
    issued = local_api.post(f"{local_api.here}/-issue-dataplane-token")
    assert issued["expires_at"] > local_api.clock.now() // 1_000_000
    token = issued["token"]
    assert local_api.request("GET", logs_path(local_api, run_id), key=token).status_code == 200
    assert local_api.request("GET", local_api.here, key=token).status_code == 403
    other = f"/logs/v1/workspaces/{local_api.foreign_workspace()}/job-runs/{run_id}/logs"
    assert local_api.request("GET", other, key=token).status_code == 404
    local_api.clock.turn(3700)
    assert local_api.request("GET", logs_path(local_api, run_id), key=token).status_code == 401
