"""The client against a real server, and what it makes of answers that a real one gives rarely."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import httpx
import pytest
from tests.support.servers import server_here
from tests.support.workspaces import make_workspace

import runyard
from runyard.core import errors
from runyard_server.client import Client, SeveralWorkspaces
from runyard_server.client.connection import Target
from runyard_server.client.deploying import Deployer
from runyard_server.client.wire import Wire

JOBS = """
from runyard import run

@run.job()
def count():
    for number in range(3):
        print("line", number)

__all__ = ["count"]
"""

FILES = {
    "pyproject.toml": '[project]\nname = "tests"\nversion = "1"\n',
    "__deployment__.py": JOBS,
    ".dlt/config.toml": "",
}

Answer = Callable[[httpx.Request], httpx.Response]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_workspace(tmp_path_factory.mktemp("workspace"), FILES)


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory, root: Path) -> Iterator[Client]:
    with server_here(tmp_path_factory.mktemp("data")) as found:
        Deployer(found, root, env=os.environ).deploy()
        yield found


def answering(answer: Answer, key: str | None = "dlt_u_key") -> Wire:
    return Wire(Target("http://server:1", key), httpx.MockTransport(answer))


# Against a real server ------------------------------------------------------------------------------


# SPEC: API-08
def test_a_list_goes_on_page_by_page(client: Client) -> None:
    refs = {job.job_ref for job in client.jobs()}
    assert {job.job_ref for job in client.jobs(page_items=1)} == refs
    assert len(refs) == 2


# SPEC: API-08
def test_a_job_is_found_by_every_form_of_its_name(client: Client) -> None:
    job = client.job("count")
    assert job.definition.entry_point.function == "count"
    for name in ("jobs.__deployment__.count", "__deployment__.count", job.id):
        assert client.job(name).id == job.id


# SPEC: RUN-06
def test_a_run_is_waited_for_and_read(client: Client) -> None:
    (started,) = client.trigger(["count"]).started
    assert started.run is not None
    run = client.wait(started.run.id)
    assert run.is_completed
    assert run.started_at is not None
    assert run.finished_at is not None
    assert run.created_at <= run.started_at <= run.finished_at
    followed, stored = list(client.follow(run.id)), list(client.logs(run.id))
    assert followed == stored
    assert [(line.number, line.text) for line in stored] == [(n, f"line {n}") for n in range(3)]


# SPEC: API-06
def test_events_go_on_after_the_one_last_seen(client: Client) -> None:
    (started,) = client.trigger(["count"]).started
    assert started.run is not None
    client.wait(started.run.id)
    mine = (event for event in client.events(after=0) if event.run_id == started.run.id)
    first, second = islice(mine, 2)
    assert (first.kind, second.kind) == ("run.pending", "run.starting")
    assert next(client.events(after=second.id - 1)) == second


# SPEC: VER-02, RCN-19
def test_only_what_changed_travels_and_the_server_still_has_all(client: Client, root: Path) -> None:
    deployer = Deployer(client, root, env=os.environ)
    assert not deployer.sync_code().is_new
    (root / "new.py").write_text("print('new')\n")
    synced = deployer.sync_code()
    assert synced.is_new
    assert (synced.changes.added, synced.changes.updated) == (("new.py",), ())
    assert synced.version is not None
    paths = {row["relative_path"] for row in client.deployment_files(synced.version.id)}
    assert paths == {"pyproject.toml", "__deployment__.py", "new.py"}


# SPEC: RUN-12
def test_stopping_what_has_ended_changes_nothing(client: Client) -> None:
    (started,) = client.trigger(["count"]).started
    assert started.run is not None
    run = client.wait(started.run.id)
    receipt = client.cancel([run.id])
    assert receipt.cancelled == ()
    assert [row.job_run_id for row in receipt.ended_before] == [run.id]
    assert client.run(run.id).status == "completed"


def test_what_is_not_there_is_said_by_name(client: Client) -> None:
    with pytest.raises(errors.NotFound, match="There is no job `cuont`"):
        client.job("cuont")
    with pytest.raises(errors.NotFound, match="has no run 77"):
        client.find_run("count", 77)


# SPEC: API-08
def test_the_package_offers_the_client() -> None:
    assert runyard.Client is Client


# What goes wrong ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, "RY1105", errors.InvalidManifest),
        (400, None, errors.InvalidRequest),
        (401, "RY1400", errors.NotSignedIn),
        (403, None, errors.Forbidden),
        (404, "RY1200", errors.NotFound),
        (409, "RY1201", errors.AmbiguousName),
        (409, "RY1301", errors.Declined),
        (409, "something_else", errors.Conflict),
        (413, None, errors.TooLarge),
        (500, "RY1000", errors.RunyardError),
        (503, None, errors.Unavailable),
        (507, "RY1501", errors.StorageFull),
    ],
)
# SPEC: API-04
def test_an_error_is_raised_as_what_its_code_or_status_names(
    status: int, code: str | None, kind: type[errors.RunyardError]
) -> None:
    wire = answering(lambda _: httpx.Response(status, json={"detail": "It is so.", "code": code}))
    with pytest.raises(errors.RunyardError, match=r"It is so\.") as raised:
        wire.get("/x")
    assert type(raised.value) is kind


@pytest.mark.parametrize(
    ("extra", "reasons"),
    [
        ({"reasons": ["a", "b"]}, ("a", "b")),
        (["a"], ("a",)),
        ([{"key": "job", "message": "is odd"}, {"detail": "b"}], ("job: is odd", "b")),
        (None, ()),
        ("text", ()),
    ],
)
# SPEC: API-04
def test_single_reasons_are_read_in_every_form_of_the_contract(
    extra: object, reasons: tuple[str, ...]
) -> None:
    wire = answering(lambda _: httpx.Response(400, json={"detail": "No.", "extra": extra}))
    with pytest.raises(errors.InvalidRequest) as raised:
        wire.get("/x")
    assert raised.value.reasons == reasons


# SPEC: JCF-09
@pytest.mark.parametrize(
    ("extra", "name"), [({"reasons": [], "input": "limit"}, "limit"), ({"reasons": ["a"]}, ""), (["a"], "")]
)
def test_an_error_says_of_which_input_it_is(extra: object, name: str) -> None:
    wire = answering(lambda _: httpx.Response(400, json={"detail": "No.", "extra": extra}))
    with pytest.raises(errors.InvalidRequest) as raised:
        wire.get("/x")
    assert raised.value.input_name == name


@pytest.mark.parametrize("status", [200, 302, 502])
def test_an_answer_that_is_no_json_object_is_an_error_too(status: int) -> None:
    with pytest.raises(errors.RunyardError):
        answering(lambda _: httpx.Response(status, text="<html>")).get("/x")


def test_a_server_that_is_not_there_is_named_with_what_to_run() -> None:
    def refuse(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    with pytest.raises(errors.Unavailable, match=r"http://server:1 does not answer.*runyard dev"):
        answering(refuse).get("/x")


# SPEC: AUT-05
def test_a_key_does_not_follow_a_redirect_to_another_server() -> None:
    asked: list[httpx.Request] = []

    def redirect(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(307, headers={"location": "http://elsewhere:1/"})

    with pytest.raises(errors.RunyardError):
        answering(redirect).get("/x")
    assert [request.url.host for request in asked] == ["server"]


# Streams --------------------------------------------------------------------------------------------


def test_a_stream_of_events_is_read_with_comments_ids_and_long_data() -> None:
    text = (
        ': hello\n\nid: 7\nevent: run.completed\ndata: {"a":\ndata: 1}\n\nevent: dropped\n\ndata:{"b": 2}\n\n'
    )
    with answering(lambda _: httpx.Response(200, text=text)).events("/x") as events:
        found = [(event.id, event.name, event.data) for event in events]
    assert found == [("7", "run.completed", {"a": 1}), ("7", "message", {"b": 2})]


def test_a_stream_that_breaks_is_opened_again_after_the_last_event(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runyard_server.client.client.RECONNECT_PAUSE_SECONDS", 0.0)
    asked: list[str | None] = []

    class Broken(httpx.SyncByteStream):
        def __iter__(self) -> Iterator[bytes]:
            yield b'id: 4\nevent: run.starting\ndata: {"run_id": "r"}\n\nid: 5\n'
            raise httpx.ReadError("gone")

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.headers.get("last-event-id"))
        if len(asked) == 1:
            return httpx.Response(200, stream=Broken())
        if len(asked) == 2:
            raise httpx.ConnectError("restarting")
        return httpx.Response(200, text='id: 6\nevent: run.completed\ndata: {"run_id": "r"}\n\n')

    workspace = "00000000-0000-4000-8000-000000000001"
    known = {"id": workspace, "name": "w", "organization_id": "o", "created_at": "2024-01-01T00:00:00Z"}

    def route(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/events"):
            return answer(request)
        return httpx.Response(200, json={**known, "updated_at": known["created_at"]})

    with Client("http://server:1", "dlt_u_key", workspace, httpx.MockTransport(route)) as found:
        events = list(islice(found.events(), 2))
    assert [(event.id, event.kind) for event in events] == [(4, "run.starting"), (6, "run.completed")]
    assert asked == [None, "4", "4"]


# SPEC: WS-16
@pytest.mark.parametrize(
    ("memberships", "wanted", "found"),
    [
        ([("a", "owner"), ("b", "viewer")], None, "a"),
        ([("b", "viewer")], None, "b"),
        ([("a", "owner"), ("b", "viewer")], "b", "b"),
        ([("tests", "viewer"), ("tests", "owner")], "tests", "tests"),
    ],
)
def test_what_one_owns_goes_before_what_one_was_invited_to(
    memberships: list[tuple[str, str]], wanted: str | None, found: str
) -> None:
    with Client("http://server:1", "dlt_u_key", wanted, transport=belonging(memberships)) as caller:
        assert caller.workspace.name == found
        assert caller.workspace.role == dict(memberships)[found]


def test_of_several_workspaces_that_one_was_invited_to_none_is_guessed() -> None:
    transport = belonging([("a", "viewer"), ("b", "developer")])
    with Client("http://server:1", "dlt_u_key", transport=transport) as caller:
        assert [workspace.role for workspace in caller.workspaces()] == ["viewer", "developer"]
        with pytest.raises(SeveralWorkspaces):
            assert caller.workspace


def belonging(memberships: list[tuple[str, str]]) -> httpx.MockTransport:
    """Return a server on which the caller is a member of workspaces, given as name and role."""
    organization = {"id": "o", "name": "here"}
    now = "2026-01-01T00:00:00Z"
    listed = [
        {
            "role": role,
            "workspace": {
                "id": f"{name}-{role}",
                "name": name,
                "organization_id": "o",
                "created_at": now,
                "updated_at": now,
            },
        }
        for name, role in memberships
    ]

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/me"):
            return httpx.Response(200, json={"workspace_memberships": listed})
        return httpx.Response(200, json={"items": [organization], "total": 1, "limit": 100, "offset": 0})

    return httpx.MockTransport(answer)
