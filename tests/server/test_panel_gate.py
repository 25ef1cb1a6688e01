"""The way to the control panel: who may go it, as whom, and what there is to see while the panel is not there."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import RowMapping
from starlette.requests import cookie_parser
from tests.support.api import ORIGIN, OWNER_KEY, Api
from tests.support.upstreams import mirror, served
from tests.support.visits import socket, visitor
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from runyard.core.runs import Reason, RunStatus
from runyard.core.store import runs
from runyard_server import panel_gate
from runyard_server.credentials import COOKIE
from runyard_server.sign_in import ASKED_COOKIE, landing

DOCUMENT = {"sec-fetch-dest": "document"}
SOCKET = "/panel/ws?session_id=s_abcdef"


class Browser:
    """A signed-in browser at a server."""

    def __init__(self, api: Api, user_id: str = "") -> None:
        self.api = api
        path = api.server.sign_ins.issue(user_id or api.server.installation.owner_id)
        token = path.rpartition("=")[2]
        self.cookie = f"{COOKIE}={api.server.sign_ins.spend(token)}"

    def ask(self, path: str, method: str = "GET", **headers: str) -> httpx.Response:
        sent = {"cookie": self.cookie, "sec-fetch-site": "same-origin", **headers}
        return self.api.request(method, path, key=None, headers=sent)


@pytest.fixture
def browser(local_api: Api) -> Browser:
    return Browser(local_api)


def panel_run(api: Api) -> RowMapping | None:
    return api.runtime.panel.newest_run()


def tell(api: Api, story: Callable[[int], Coroutine[Any, Any, None]]) -> None:
    """Run a story while the panel tells what it sees; the story is given the port of the server."""
    api.runtime.panel.start(None)
    run = panel_run(api)
    assert run is not None
    api.move(run["id"], RunStatus.STARTING, RunStatus.RUNNING)

    async def work() -> None:
        async with served(mirror) as port, served(api.app) as door:
            api.runtime.database.write(lambda connection: runs.set_port(connection, run["id"], port))
            try:
                await story(door)
            finally:
                await api.server.proxy.close()

    api.run_async(work())


# While it is not there -------------------------------------------------------------------------------------


def test_who_is_not_signed_in_sees_how_to(local_api: Api) -> None:
    for headers in ({}, {"authorization": f"Bearer {OWNER_KEY}"}, {"cookie": f"{COOKIE}=x"}):
        answer = local_api.request("GET", "/panel/", key=None, headers={**headers, **DOCUMENT})
        assert answer.status_code == 401
        assert "A runyard server" in answer.text
    assert panel_run(local_api) is None, "a stranger starts nothing"


def test_a_manifest_that_browsers_ask_for_without_cookies_is_empty_and_no_error(local_api: Api) -> None:
    headers = {"sec-fetch-dest": "manifest"}
    answer = local_api.request("GET", "/panel/manifest.json", key=None, headers=headers)
    assert (answer.status_code, answer.json()) == (200, {})


def test_asking_for_the_page_starts_the_panel_once(browser: Browser) -> None:
    assert browser.ask("/panel").headers["location"] == "/panel/"
    assert browser.ask("/panel/api/status", **{"sec-fetch-dest": "empty"}).status_code == 503
    assert panel_run(browser.api) is None, "what an old tab goes on asking for starts nothing"
    for _ in range(2):
        starting = browser.ask("/panel/", **DOCUMENT)
        assert (starting.status_code, "Starting" in starting.text) == (503, True)
    run = panel_run(browser.api)
    assert run is not None
    assert (run["number"], run["status"]) == (1, "pending")


def test_signing_in_starts_the_panel(local_api: Api) -> None:
    token = local_api.server.owner_url("").rpartition("=")[2]
    assert panel_run(local_api) is None
    local_api.request("POST", "/sign-in", key=None, data={"token": token})
    assert panel_run(local_api) is not None


def test_a_panel_that_failed_says_why_and_starts_by_its_button(browser: Browser) -> None:
    api = browser.api
    browser.ask("/panel/", **DOCUMENT)
    run = panel_run(api)
    assert run is not None
    api.move(run["id"], RunStatus.STARTING, RunStatus.FAILED, reason=Reason.START_FAILED)
    for _ in range(2):
        page = browser.ask("/panel/", **DOCUMENT)
        assert page.status_code == 503
        assert 'href="/"' in page.text
        assert run["id"] in page.text, "it says where the log is"
    assert panel_run(api) == api.runtime.database.read(lambda c: runs.by_id(c, run["id"]))
    assert browser.ask("/panel/-/start", "POST", **{"sec-fetch-site": "cross-site"}).status_code == 403
    again = browser.ask("/panel/-/start", "POST")
    assert (again.status_code, again.headers["location"]) == (303, "/panel/")
    newest = panel_run(api)
    assert newest is not None
    assert newest["number"] == 2


def test_without_marimo_the_page_says_how_to_install_it(
    browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(panel_gate, "find_spec", lambda _name: None)
    page = browser.ask("/panel/", **DOCUMENT)
    assert page.status_code == 503
    assert "pip install" in page.text
    assert panel_run(browser.api) is None


# Forwarding ------------------------------------------------------------------------------------------------


# SPEC: SEC-06, SEC-08
def test_the_panel_learns_who_looks_and_only_a_session_gets_a_token(browser: Browser) -> None:
    api = browser.api

    async def story(door: int) -> None:
        own = {"cookie": f"{browser.cookie}; a=b", "x-runyard-token": "mine", "x-runyard-role": "owner"}
        async with visitor(door) as client:
            seen = (await client.get("/panel/api/x?y", headers=own)).json()
        assert (seen["path"], seen["cookie"], seen["x-forwarded-prefix"]) == ("/api/x", "a=b", "/panel")
        assert seen["x-runyard-user"] == "owner@localhost"
        assert seen["x-runyard-role"] == ""
        assert "x-runyard-token" not in seen

        page = {"cookie": browser.cookie, "origin": f"http://localhost:{door}"}
        async with socket(door, SOCKET, headers=page) as opened:
            token = httpx.Response(200, text=str(await opened.recv())).json()["x-runyard-token"]
        bearer = {"authorization": f"Bearer {token}"}
        async with visitor(door) as client:
            assert (await client.get("/api/v1/me", headers=bearer)).status_code == 200
            await client.post("/sign-out", headers={**own, "origin": f"http://localhost:{door}"})
            assert (await client.get("/api/v1/me", headers=bearer)).status_code == 401
            assert (await client.get("/panel/", headers=own)).status_code == 401
        with pytest.raises(InvalidStatus, match="401"):
            await socket(door, SOCKET, headers=page)

    tell(api, story)


# SPEC: SEC-06, SEC-08
def test_a_socket_of_another_site_or_of_somebody_elses_session_is_refused(local_api: Api) -> None:
    ann = Browser(local_api)
    bob_key = local_api.add_user("developer")
    bob = Browser(local_api, local_api.server.credentials.actor(f"Bearer {bob_key}", None).user_id)

    async def story(door: int) -> None:
        def opened(browser: Browser, origin: str) -> connect:
            return socket(door, SOCKET, headers={"cookie": browser.cookie, "origin": origin})

        own = f"http://localhost:{door}"
        with pytest.raises(InvalidStatus, match="403"):
            await opened(ann, "http://evil.example")
        async with opened(ann, own):
            pass
        with pytest.raises(InvalidStatus, match="403"):
            await opened(bob, own)
        headers = {"cookie": bob.cookie, "origin": own, "marimo-session-id": "s_abcdef"}
        async with visitor(door) as client:
            assert (await client.post("/panel/api/kernel/x", headers=headers)).status_code == 403

    tell(local_api, story)


# Addresses -------------------------------------------------------------------------------------------------


def test_addresses_that_clients_print_lead_to_their_page(browser: Browser) -> None:
    workspace = browser.api.workspace_id
    for path, page in {
        "": "",
        "/": "",
        "/jobs/jobs.etl.load": "jobs/jobs.etl.load",
        "/runs/0190": "runs/0190",
        "/pipelines/flights": "jobs?pipeline=flights",
        "/pipelines": "",
        "/jobs/11111111-1111-4111-8111-111111111111": "jobs/11111111-1111-4111-8111-111111111111",
    }.items():
        answer = browser.ask(f"/w/{workspace}{path}")
        assert (answer.status_code, answer.headers["location"]) == (303, f"/panel/#/w/{workspace}/{page}")


def test_a_stranger_comes_back_to_the_page_they_asked_for(local_api: Api) -> None:
    path = f"/w/{local_api.workspace_id}/runs/0190"
    asked = local_api.request("GET", path, key=None)
    assert asked.status_code == 401
    assert cookie_parser(asked.headers["set-cookie"])[ASKED_COOKIE] == path
    token = local_api.server.owner_url("").rpartition("=")[2]
    entered = local_api.request("POST", "/sign-in", key=None, data={"token": token})
    assert (entered.status_code, entered.headers["location"]) == (303, path)
    assert not local_api.request("GET", "/panel/", key=None).headers.get("location")


@pytest.mark.parametrize(
    "asked",
    [
        None,
        "",
        "//evil.example",
        "https://evil.example/w/1",
        "/\\evil.example",
        "/w/x\r\nset-cookie: a=b",
        "/w/x?y#z",
        "/api/v1/me",
        "/sign-out",
        "javascript:alert(1)",
    ],
)
def test_signing_in_leads_nowhere_else(asked: str | None) -> None:
    assert landing(asked) == "/panel/"


def test_the_home_page_leads_to_the_panel_and_out(browser: Browser) -> None:
    home = browser.ask("/").text
    assert 'href="/panel/"' in home
    assert 'action="/sign-out"' in home


def test_the_panel_is_found_behind_a_public_address(tmp_path: Path) -> None:
    with Api(tmp_path / "data", public_url="https://runyard.example.org") as api:
        browser = Browser(api)
        browser.cookie = f"__Host-{browser.cookie}"
        named = {"host": "runyard.example.org", **DOCUMENT}
        assert browser.ask("/panel/", **named).status_code == 503
        assert panel_run(api) is not None
        assert browser.ask("/panel/", **{**named, "host": "other.example.org"}).status_code == 421
        assert ORIGIN not in browser.ask("/panel", **named).headers["location"]
