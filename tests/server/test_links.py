"""Public links: what they open, to whom, and that it ends at once."""

from __future__ import annotations

import asyncio
import json
import logging
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import TypeAdapter
from sqlalchemy import Connection, select
from starlette.types import Receive, Scope, Send
from tests.support.api import JSON, OWNER_KEY, ROUTES, Api
from tests.support.patience import PATIENCE_SECONDS
from tests.support.two_apps import OTHER, REPORT, TwoApps
from tests.support.upstreams import served
from tests.support.visits import socket, visitor
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from runyard.core.runs import Reason, RunStatus
from runyard.core.store.tables import links
from runyard_server import schemas
from runyard_server.app_door import LINK_STARTS_SECONDS
from runyard_server.credentials import APP_COOKIE, COOKIE
from runyard_server.links import LINK_COOKIE
from runyard_server.open_visits import CUT_CODE

SCHEDULED: JSON = {**REPORT, "triggers": ["http:", "schedule:0 6 * * *"]}


@pytest.fixture
def apps(api: Api, tmp_path: Path) -> TwoApps:
    """Return two apps and settings for the profile under which links show them, on each kind of database."""
    apps = TwoApps(api, tmp_path)
    apps.give_access(tmp_path)
    return apps


@pytest.fixture
def local_apps(local_api: Api, tmp_path: Path) -> TwoApps:
    """Return the same on SQLite."""
    apps = TwoApps(local_api, tmp_path)
    apps.give_access(tmp_path)
    return apps


def unpublish(apps: TwoApps) -> JSON:
    return apps.api.post(f"{apps.api.here}/jobs/{apps.report}/-unpublish")


# Publishing -----------------------------------------------------------------------------------------------


# SPEC: PUB-04, PUB-06, PUB-07
def test_a_link_has_a_long_token_of_which_only_the_hash_is_stored(apps: TwoApps) -> None:
    job = apps.api.post(f"{apps.api.here}/jobs/{apps.report}/-publish")
    TypeAdapter(schemas.Job).validate_python(job)
    link = httpx.URL(job["public_url"])
    assert (link.host, link.path[:8]) == (apps.host(apps.report), "/-/link/")
    token = link.path.rpartition("/")[2]
    assert len(token) * 6 >= 128
    listed = apps.api.get(f"{apps.api.here}/jobs/{apps.report}", key=apps.api.add_user("viewer"))
    assert listed["public_url"] == job["public_url"], "members can copy it later"

    def stored(connection: Connection) -> list[Any]:
        return [dict(row) for row in connection.execute(select(links)).mappings()]

    (row,) = apps.api.runtime.database.read(stored)
    assert row["id"] == job["public_secret"]
    assert token not in str(row)
    again = apps.publish()
    assert again != link
    assert unpublish(apps)["public_url"] is None
    assert unpublish(apps)["public_secret"] is None, "a second time changes nothing"
    assert len({apps.publish(), apps.publish(), again, link}) == 4


# SPEC: PUB-04, PUB-12
def test_an_old_link_a_revoked_one_and_one_that_never_was_look_the_same(apps: TwoApps) -> None:
    old = apps.publish()
    cookie = apps.enter(old)
    new = apps.publish()
    answers = [apps.ask(old.path), apps.ask("/-/link/never"), apps.ask("/", cookie=cookie)]
    apps.enter(new)
    unpublish(apps)
    answers += [apps.ask(new.path), apps.ask("/-/link/"), apps.ask("/", cookie=f"{LINK_COOKIE}=x.y")]
    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.text for answer in answers}) == 1
    assert apps.ask(apps.publish().path, job_id=apps.other).status_code == 404, "it is for one app"


# SPEC: PUB-12
@pytest.mark.parametrize("how", ["archived", "paused"])
def test_a_link_rests_while_its_job_is_archived_or_paused(apps: TwoApps, how: str) -> None:
    apps.api.deploy(SCHEDULED, OTHER)
    link = apps.publish()
    cookie = apps.enter(link)
    job = f"{apps.api.here}/jobs/{apps.report}"
    if how == "paused":
        apps.api.post(f"{job}/-pause")
    else:
        apps.api.deploy(OTHER)
    for answer in (apps.ask(link.path), apps.ask("/", cookie=cookie)):
        assert (answer.status_code, answer.text) == (404, apps.ask("/-/link/never").text)
    if how == "paused":
        apps.api.post(f"{job}/-resume")
    else:
        apps.api.deploy(SCHEDULED, OTHER)
    assert apps.ask("/", cookie=cookie).status_code == 503, "known again"


# SPEC: PUB-05
def test_what_cannot_be_shown_under_access_is_not_published(api: Api, tmp_path: Path) -> None:
    apps = TwoApps(api, tmp_path)
    publishing = f"{api.here}/jobs/{apps.report}/-publish"
    refused = api.post(publishing, status=409)["detail"]
    assert ".dlt/access.config.toml" in refused
    assert ".dlt/access.secrets.toml" in refused
    apps.give_access(tmp_path)
    batch = {**REPORT, "job_ref": "jobs.nb.batch", "triggers": []}
    batch["entry_point"] = {**REPORT["entry_point"], "job_type": "batch"}
    receipt = api.deploy({**REPORT, "require": {"profile": "prod"}}, batch)["job_receipt"]
    (batch_id,) = (row["job"]["id"] for row in receipt["succeeded"] if row["outcome"] == "created")
    assert "requires the profile `prod`" in api.post(publishing, status=409)["detail"]
    assert "batch" in api.post(f"{api.here}/jobs/{batch_id}/-publish", status=400)["detail"]
    gone = f"{api.here}/jobs/{apps.other}"
    assert "not deployed" in api.post(f"{gone}/-publish", status=409)["detail"]
    assert api.post(f"{gone}/-unpublish")["public_url"] is None


# Entering -------------------------------------------------------------------------------------------------


# SPEC: PUB-03, PUB-06, PUB-11
def test_a_link_becomes_a_cookie_that_names_a_viewer_of_its_own(local_apps: TwoApps) -> None:
    link = local_apps.publish()
    entered = local_apps.ask(link.path)
    cookie = entered.headers["set-cookie"].lower()
    for word in (f"{LINK_COOKIE}=", "httponly", "samesite=lax"):
        assert word in cookie
    assert "domain" not in cookie
    assert entered.headers["referrer-policy"] == "no-referrer"
    assert entered.headers["x-robots-tag"] == "noindex"
    mine, other = local_apps.enter(link), local_apps.enter(link)
    assert mine != other
    again = local_apps.ask(link.path, cookie=mine).headers["set-cookie"]
    assert again.partition(";")[0] == mine, "who comes again is who they were"
    changed = mine[:-1] + ("A" if mine[-1] != "A" else "E")
    forged = mine.replace(mine.partition("=")[2][:8], "00000000")
    assert local_apps.ask("/", cookie=forged).status_code == 404
    assert local_apps.ask("/", cookie=changed[:-2]).status_code == 404


# SPEC: PUB-05
def test_the_credential_of_a_link_opens_nothing_else(local_apps: TwoApps) -> None:
    api = local_apps.api
    link = local_apps.publish()
    cookie = local_apps.enter(link).partition("=")[2]
    token = link.path.rpartition("/")[2]
    run = local_apps.start()
    cookies = "; ".join(f"{name}={cookie}" for name in (LINK_COOKIE, APP_COOKIE, COOKIE))
    named = {
        "workspace_id": api.workspace_id,
        "organization_id": api.organization_id,
        "snapshot_id": run,
        "job_id": local_apps.report,
        "run_id": run,
    }
    for route in ROUTES.values():
        path = re.sub(r"\{(\w+)[^}]*\}", lambda part: named.get(part[1], "1"), route.path)
        for method in route.methods or ():
            without = api.request(method, path, key=None, json={})
            for headers in (
                {"cookie": cookies},
                {"authorization": f"Bearer {cookie}"},
                {"authorization": f"Bearer {token}"},
            ):
                answer = api.request(method, path, key=None, json={}, headers=headers)
                api.forget_cookies()
                # What needs no credential at all answers as it answers nobody.
                is_refused = answer.status_code in (401, 403)
                assert is_refused or (answer.status_code, answer.text) == (without.status_code, without.text)
    assert local_apps.ask("/", job_id=local_apps.other, cookie=f"{LINK_COOKIE}={cookie}").status_code == 404
    assert local_apps.ask("/", authorization=f"Bearer {token}").status_code == 401
    answer = api.request("GET", f"/apps/{run}/", key=None, headers={"cookie": cookies})
    assert answer.status_code == 401


# SPEC: PUB-06
def test_no_log_of_the_server_has_the_token(local_apps: TwoApps, caplog: pytest.LogCaptureFixture) -> None:
    link = local_apps.publish()
    token = link.path.rpartition("/")[2]
    caplog.set_level(logging.DEBUG)

    async def story() -> None:
        async with (
            served(local_apps.api.app) as door,
            visitor(door, link.host) as client,
        ):
            for method in ("GET", "POST", "HEAD"):
                await client.request(method, link.path)

    local_apps.api.run_async(story())
    # What this test itself sends is logged by the client that it uses.
    told = [record for record in caplog.records if not record.name.startswith(("httpx", "httpcore"))]
    assert token not in " ".join(record.getMessage() for record in told)


# Starting -------------------------------------------------------------------------------------------------


# SPEC: PUB-05, PUB-11
def test_a_link_starts_a_stopped_app_under_access_and_once_a_minute_at_most(local_apps: TwoApps) -> None:
    api, cookie = local_apps.api, local_apps.enter(local_apps.publish())
    for _ in range(3):
        page = local_apps.ask("/", cookie=cookie)
        assert (page.status_code, page.headers["x-robots-tag"]) == (503, "noindex")
        assert 'http-equiv="refresh"' in page.text
    (run,) = api.get(f"{api.here}/job-runs")["items"]
    assert (run["profile"], run["triggered_by"]) == ("access", None)
    api.move(run["id"], RunStatus.CANCELLED, reason=Reason.USER_CANCEL)
    local_apps.ask("/", cookie=cookie)
    assert local_apps.runs() == ["cancelled"]
    api.clock.turn(LINK_STARTS_SECONDS)
    local_apps.ask("/app.js", cookie=cookie, sec_fetch_dest="script")
    assert local_apps.runs() == ["cancelled"], "only a page starts it"
    local_apps.ask("/", cookie=cookie)
    assert sorted(local_apps.runs()) == ["cancelled", "pending"]


def test_a_link_does_not_start_what_failed_or_has_lost_its_settings(
    local_apps: TwoApps, tmp_path: Path
) -> None:
    api, cookie = local_apps.api, local_apps.enter(local_apps.publish())
    api.upload("configurations", tmp_path / "none", {"config.toml": ""})
    assert "not open just now" in local_apps.ask("/", cookie=cookie).text
    assert local_apps.runs() == []
    local_apps.give_access(tmp_path / "again")
    run = api.start_job(local_apps.report)["id"]
    api.move(run, RunStatus.STARTING, RunStatus.FAILED, reason=Reason.EXCEPTION)
    api.clock.turn(LINK_STARTS_SECONDS)
    page = local_apps.ask("/", cookie=cookie)
    assert "not open just now" in page.text
    assert "<form" not in page.text
    own = f"http://{local_apps.host(local_apps.report)}"
    assert local_apps.ask("/-/start", method="POST", cookie=cookie, origin=own).status_code == 303
    assert local_apps.runs() == ["failed"]


# Seeing ---------------------------------------------------------------------------------------------------


class Door:
    """A real server with the report running behind it, for browsers that have cookies."""

    def __init__(self, apps: TwoApps, port: int, client: httpx.AsyncClient) -> None:
        self.apps, self.client = apps, client
        self._host, self._port = apps.host(apps.report), port

    def headers(self, cookie: str) -> dict[str, str]:
        return {"origin": f"http://{self._host}:{self._port}", "cookie": cookie}

    def socket(self, cookie: str, session: str = "s_aaaaaa") -> connect:
        return socket(self._port, f"/ws?session_id={session}", self._host, self.headers(cookie))

    async def act(self, action: str) -> None:
        """Do something to the report as its owner."""
        headers = {"host": "localhost", "authorization": f"Bearer {OWNER_KEY}"}
        path = f"{self.apps.api.here}/jobs/{self.apps.report}/-{action}"
        (await self.client.post(path, headers=headers)).raise_for_status()


@asynccontextmanager
async def opened(
    apps: TwoApps, run: str, app: Callable[[Scope, Receive, Send], Awaitable[None]]
) -> AsyncIterator[Door]:
    async with (
        served(app) as port,
        served(apps.api.app) as door,
        visitor(door, apps.host(apps.report)) as client,
    ):
        apps.listen(run, port)
        try:
            yield Door(apps, door, client)
        finally:
            await apps.api.server.proxy.close()


async def endless(scope: Scope, receive: Receive, send: Send) -> None:
    """Tell who asks, then go on for as long as they stay."""
    headers = {name.decode(): value.decode() for name, value in scope["headers"]}
    seen = json.dumps(headers)
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.send", "text": seen})
        while (await receive())["type"] != "websocket.disconnect":
            pass
        return
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send(
        {"type": "http.response.body", "body": seen.encode() + b"\n", "more_body": scope["path"] != "/"}
    )
    if scope["path"] != "/":
        while (await receive())["type"] != "http.disconnect":
            pass


# SPEC: PUB-03, PUB-11
def test_a_guest_sees_the_app_as_nobody_and_a_member_as_themselves(local_apps: TwoApps) -> None:
    guest, member = local_apps.enter(local_apps.publish()), local_apps.cookie()
    run = local_apps.start()

    async def story() -> None:
        async with opened(local_apps, run, endless) as door:
            answer = await door.client.get("/", headers=door.headers(f"{guest}; a=b"))
            assert answer.headers["x-robots-tag"] == "noindex"
            seen = answer.json()
            assert (seen["x-runyard-user"], seen["x-runyard-role"], seen["cookie"]) == ("", "public", "a=b")
            assert "x-runyard-token" not in seen
            answer = await door.client.get("/", headers=door.headers(f"{guest}; {member}"))
            assert "x-robots-tag" not in answer.headers
            assert answer.json()["x-runyard-role"] == "owner"
            foreign = {**door.headers(guest), "origin": "http://evil.example"}
            assert (await door.client.post("/", headers=foreign)).status_code == 403
            del foreign["origin"]
            assert (await door.client.post("/", headers=foreign)).status_code == 403

    local_apps.api.run_async(story())


# SPEC: PUB-05
def test_a_run_under_another_profile_is_not_shown(local_apps: TwoApps) -> None:
    cookie = local_apps.enter(local_apps.publish())
    api = local_apps.api
    receipt = api.post(f"{api.here}/jobs/-trigger", {"job_ids": [local_apps.report], "profile": "prod"})
    api.move(receipt["succeeded"][0]["job_run_id"], RunStatus.STARTING, RunStatus.RUNNING)
    local_apps.listen(receipt["succeeded"][0]["job_run_id"], 9)
    page = local_apps.ask("/", cookie=cookie)
    assert (page.status_code, "not open just now" in page.text) == (503, True)


# SPEC: SEC-07
def test_no_guest_drives_the_session_of_another(local_apps: TwoApps) -> None:
    link = local_apps.publish()
    ann, bob = (local_apps.enter(link) for _ in range(2))
    run = local_apps.start()

    async def story() -> None:
        async with opened(local_apps, run, endless) as door, door.socket(ann):

            async def act(cookie: str) -> int:
                headers = {**door.headers(cookie), "marimo-session-id": "s_aaaaaa"}
                return (await door.client.post("/", headers=headers)).status_code

            assert await act(ann) == 200
            assert await act(bob) == 403
            with pytest.raises(InvalidStatus, match="403"):
                await door.socket(bob)
            async with door.socket(bob, "s_bbbbbb"):
                pass

    local_apps.api.run_async(story())


async def until_closed(socket: ClientConnection) -> ConnectionClosed:
    while True:
        try:
            await socket.recv()
        except ConnectionClosed as closed:
            return closed


# SPEC: PUB-02
@pytest.mark.parametrize("how", ["unpublish", "publish", "pause", "archive"])
def test_what_is_open_through_a_link_is_cut_off_with_it(apps: TwoApps, how: str) -> None:
    apps.api.deploy(SCHEDULED, OTHER)
    guest, member = apps.enter(apps.publish()), apps.cookie()
    run = apps.start()

    async def end(door: Door) -> None:
        if how == "archive":
            body = {"job_definition_engine_version": 2, "job_definition_hash": "h", "jobs": [OTHER]}
            headers = {"host": "localhost", "authorization": f"Bearer {OWNER_KEY}"}
            body |= {"deployment_module": "__deployment__", "description": None, "dry_run": False}
            answer = await door.client.post(f"{apps.api.here}/-deploy", json=body, headers=headers)
            answer.raise_for_status()
        else:
            await door.act(how)

    async def story() -> None:
        async with (
            opened(apps, run, endless) as door,
            door.socket(guest) as socket,
            door.socket(guest, "s_cccccc") as second,
            door.socket(member, "s_bbbbbb") as members,
            door.client.stream("GET", "/endless", headers=door.headers(guest)) as stream,
        ):
            chunks = stream.aiter_raw()
            assert await anext(chunks)
            for each in (socket, second, members):
                assert await each.recv()
            with apps.api.at_once():
                await end(door)
                for each in (socket, second):
                    closed = await until_closed(each)
                    assert closed.rcvd is not None
                    assert closed.rcvd.code == CUT_CODE
                    assert "does not work any more" in closed.rcvd.reason
                with pytest.raises(httpx.RemoteProtocolError):
                    await anext(chunks)
            with pytest.raises(InvalidStatus, match="404"):
                await door.socket(guest)
            await members.send("still here")
            assert members.close_code is None
            async with asyncio.timeout(PATIENCE_SECONDS):
                while apps.api.server.proxy.sockets.of(run) > 1:
                    await asyncio.sleep(0.01)

    apps.api.run_async(story())


def test_other_changes_cut_nobody_off(local_apps: TwoApps) -> None:
    guest = local_apps.enter(local_apps.publish())
    run = local_apps.start()

    async def story() -> None:
        async with opened(local_apps, run, endless) as door, door.socket(guest) as socket:
            await socket.recv()
            for action in ("pause", "resume"):
                headers = {"host": "localhost", "authorization": f"Bearer {OWNER_KEY}"}
                path = f"{local_apps.api.here}/jobs/{local_apps.other}/-{action}"
                await door.client.post(path, headers=headers)
            await door.client.post("/", headers=door.headers(guest))
            pong = await socket.ping()
            await pong
            assert socket.close_code is None

    local_apps.api.run_async(story())
