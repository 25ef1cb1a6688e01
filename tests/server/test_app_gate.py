"""The way to an app: its own host, a ticket, a cookie of that host, and what else opens nothing."""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.support.api import ORIGIN, OWNER_KEY, Api
from tests.support.two_apps import OTHER, REPORT, TwoApps
from tests.support.upstreams import mirror, served
from tests.support.visits import socket, visitor
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from runyard.core.runs import Reason, RunStatus
from runyard_server.app_hosts import app_origin
from runyard_server.credentials import APP_COOKIE, COOKIE
from runyard_server.tickets import TICKET_SECONDS
from runyard_server.tokens import LIFETIME_SECONDS, TokenKind


def tell(apps: TwoApps, story: Callable[[str], Coroutine[Any, Any, None]]) -> None:
    """Run a story while the report runs and tells what it sees; the story is given the id of the run."""
    run = apps.start()

    async def work() -> None:
        async with served(mirror) as port:
            apps.listen(run, port)
            try:
                await story(run)
            finally:
                await apps.api.server.proxy.close()

    apps.api.run_async(work())


@pytest.fixture
def apps(local_api: Api, tmp_path: Path) -> TwoApps:
    return TwoApps(local_api, tmp_path)


# Entering -------------------------------------------------------------------------------------------------


# SPEC: SEC-07
def test_a_member_enters_with_a_ticket_that_becomes_a_cookie_of_that_host(apps: TwoApps) -> None:
    address = httpx.URL(apps.ticket())
    entered = apps.ask(address.raw_path.decode())
    assert (entered.status_code, entered.headers["location"]) == (303, "/")
    cookie = entered.headers["set-cookie"].lower()
    assert cookie.startswith(f"{APP_COOKIE}=")
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert "domain" not in cookie
    assert entered.headers["referrer-policy"] == "no-referrer"


# SPEC: SEC-07
def test_a_ticket_works_once_for_half_a_minute_and_one_app(apps: TwoApps) -> None:
    spent, late, foreign = (httpx.URL(apps.ticket()).raw_path.decode() for _ in range(3))
    assert apps.ask(spent).status_code == 303
    assert apps.ask(spent).status_code == 401
    assert apps.ask(foreign, job_id=apps.other).status_code == 401
    assert apps.ask(foreign).status_code == 401, "trying it elsewhere spent it"
    apps.api.clock.turn(TICKET_SECONDS)
    assert apps.ask(late).status_code == 401
    assert apps.ask("/-/enter").status_code == 401


# SPEC: SEC-07
def test_a_cookie_opens_its_own_app_and_nothing_else(apps: TwoApps) -> None:
    cookie = apps.cookie()
    assert apps.ask(cookie=cookie).status_code == 503, "known, but the app is not running"
    assert apps.ask(job_id=apps.other, cookie=cookie).status_code == 401
    token = cookie.partition("=")[2]
    for headers in ({"cookie": f"{COOKIE}={token}"}, {"authorization": f"Bearer {token}"}):
        assert apps.api.request("GET", "/api/v1/me", key=None, headers=headers).status_code in (401, 403)
        assert apps.api.request("GET", apps.api.here, key=None, headers=headers).status_code in (401, 403)
    apps.api.clock.turn(LIFETIME_SECONDS[TokenKind.APP])
    assert apps.ask(cookie=cookie).status_code == 401


def test_the_cookie_of_the_server_opens_no_app(apps: TwoApps) -> None:
    sign_in = apps.api.server.owner_url("").rpartition("=")[2]
    session = apps.api.request("POST", "/sign-in", key=None, data={"token": sign_in}).cookies[COOKIE]
    apps.api.forget_cookies()
    response = apps.ask(cookie=f"{COOKIE}={session}; {APP_COOKIE}={session}")
    assert response.status_code == 401
    assert f'href="{ORIGIN}/apps/open/{apps.report}"' in response.text
    opened = apps.api.request(
        "GET", f"/apps/open/{apps.report}", key=None, headers={"cookie": f"{COOKIE}={session}"}
    )
    assert opened.status_code == 303


def test_who_has_no_part_in_an_app_does_not_learn_that_it_exists(apps: TwoApps) -> None:
    nowhere = apps.api.request("GET", "/apps/open/00000000-0000-4000-8000-000000000000")
    stranger = apps.api.request("GET", f"/apps/open/{apps.report}", key=None)
    assert (nowhere.status_code, stranger.status_code) == (404, 401)
    for path in ("/", "/-/enter?ticket=x", "/api/v1/me", "/healthz"):
        response = apps.api.request("GET", path, headers={"host": "report-00000000.localhost"})
        assert response.status_code == 404
        assert "Nothing is served here" in response.text


def test_an_app_that_was_switched_off_looks_like_none(apps: TwoApps) -> None:
    cookie = apps.cookie()
    apps.api.deploy(OTHER)
    assert apps.ask(cookie=cookie).status_code == 404


def test_apps_are_below_the_name_that_was_chosen(tmp_path: Path) -> None:
    public = "https://runyard.example.org"
    with Api(tmp_path / "data", public_url=public, apps_host="apps.example.org") as api:
        apps = TwoApps(api, tmp_path)
        label = apps.host(apps.report).partition(".")[0]
        address = httpx.URL(apps.ticket())
        assert f"{address.scheme}://{address.host}" == f"https://{label}.apps.example.org"
        headers = {"host": f"{label}.apps.example.org"}
        entered = api.request("GET", address.raw_path.decode(), key=None, headers=headers)
        cookie = entered.headers["set-cookie"]
        assert cookie.startswith(f"__Host-{APP_COOKIE}="), "no other app can set it"
        assert "secure" in cookie.lower()
        known = api.request("GET", "/", key=None, headers={**headers, "cookie": cookie.partition(";")[0]})
        assert known.status_code == 503
        assert api.request("GET", "/", key=None, headers={"host": f"{label}.localhost"}).status_code == 421


@pytest.mark.parametrize(
    ("origin", "expected"),
    [
        ("http://localhost:8321", "http://a-1.localhost:8321"),
        ("http://127.0.0.1", "http://a-1.localhost"),
        ("https://[::1]:1", "https://a-1.localhost:1"),
    ],
)
def test_an_app_has_the_scheme_and_the_port_of_the_server(origin: str, expected: str) -> None:
    assert app_origin(origin, "a-1", "localhost") == expected


# Forwarding -----------------------------------------------------------------------------------------------


# SPEC: APP-06, SEC-08
def test_requests_and_sockets_pass_with_a_cookie_and_not_without(apps: TwoApps) -> None:
    cookie, host = apps.cookie(), apps.host(apps.report)

    async def story(_run: str) -> None:
        async with (
            served(apps.api.app) as door,
            visitor(door, host) as client,
        ):
            seen = (await client.get("/api/v1/me?x", headers={"cookie": f"{cookie}; a=b"})).json()
            assert seen["path"] == "/api/v1/me", "the app has its whole host to itself"
            assert seen["cookie"] == "a=b"
            assert (seen["x-runyard-role"], seen["host"]) == ("owner", f"{host}:{door}")
            assert "@" in seen["x-runyard-user"]
            assert (await client.get("/")).status_code == 401

            def opening(**headers: str) -> connect:
                return socket(door, "/ws?session_id=s_abcdef", host, headers)

            async with opening(cookie=cookie, origin=f"http://{host}:{door}") as opened:
                assert json.loads(await opened.recv())["path"] == "/ws"
            with pytest.raises(InvalidStatus, match="401"):
                await opening()
            for origin in ("http://evil.example", f"http://localhost:{door}"):
                with pytest.raises(InvalidStatus, match="403"):
                    await opening(cookie=cookie, origin=origin)

    tell(apps, story)


# SPEC: SEC-06
@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"origin": "http://HOST"}, 503),
        ({"sec_fetch_site": "same-origin"}, 503),
        ({"origin": "http://localhost"}, 403),
        ({"sec_fetch_site": "same-site"}, 403),
        ({}, 403),
    ],
)
def test_a_change_has_to_come_from_a_page_of_the_app(
    apps: TwoApps, headers: dict[str, str], status: int
) -> None:
    given = {name: value.replace("HOST", apps.host(apps.report)) for name, value in headers.items()}
    assert apps.ask("/x", method="POST", cookie=apps.cookie(), **given).status_code == status


# SPEC: SEC-07, APP-05
def test_programs_use_a_key_on_either_host_and_browsers_find_no_app_on_ours(apps: TwoApps) -> None:
    host, cookie = apps.host(apps.report), apps.cookie()
    foreign = apps.api.start_job(apps.other)["id"]

    async def story(run: str) -> None:
        transport = httpx.ASGITransport(apps.api.app)
        async with httpx.AsyncClient(transport=transport, base_url=ORIGIN) as client:
            key = {"authorization": f"Bearer {OWNER_KEY}"}
            seen = (await client.get("/mcp", headers={"host": host, **key})).json()
            assert "authorization" not in seen
            assert (await client.post("/mcp", headers={"host": host, **key})).status_code == 200
            below = await client.post(f"/apps/{run}/mcp", headers=key)
            assert below.json()["path"] == "/mcp"
            assert "set-cookie" not in below.headers
            assert (await client.get(f"/apps/{run}", headers=key)).json()["path"] == "/"
            for headers in ({}, {"cookie": cookie}, {"authorization": "Bearer dlt_u_nobody"}):
                assert (await client.get(f"/apps/{run}/", headers=headers)).status_code == 401
            assert (await client.get(f"/apps/{foreign}/", headers=key)).status_code == 503
            nobody = "00000000-0000-4000-8000-000000000000"
            assert (await client.get(f"/apps/{nobody}/", headers=key)).status_code == 404

    tell(apps, story)


# SPEC: SEC-07
def test_nobody_drives_the_session_of_another_viewer(apps: TwoApps) -> None:
    viewers = [{"cookie": apps.cookie(key=apps.api.add_user("developer"))} for _ in range(2)]
    host = apps.host(apps.report)

    async def story(_run: str) -> None:
        async with (
            served(apps.api.app) as door,
            visitor(door, host) as client,
        ):
            own = {"origin": f"http://{host}:{door}"}

            def opened(viewer: dict[str, str], session: str) -> connect:
                return socket(door, f"/ws?session_id={session}", host, {**viewer, **own})

            async def act(viewer: dict[str, str], session: str) -> int:
                headers = {**own, **viewer, "marimo-session-id": session}
                path = "/api/kernel/set_ui_element_value"
                return (await client.post(path, headers=headers)).status_code

            ann, bob = viewers
            assert await act(bob, "s_aaaaaa") == 403, "nobody has opened it"
            async with opened(ann, "s_aaaaaa"):
                pass
            assert await act(ann, "s_aaaaaa") == 200
            assert await act(bob, "s_aaaaaa") == 403
            with pytest.raises(InvalidStatus, match="403"):
                await opened(bob, "s_aaaaaa")
            async with opened(ann, "s_aaaaaa"), opened(bob, "s_bbbbbb"), opened(ann, "room"):
                assert await act(bob, "s_bbbbbb") == 200

            async def listen(viewer: dict[str, str], session: str) -> int:
                path = f"/sse?session_id={session}&kiosk=true"
                return (await client.get(path, headers={**own, **viewer})).status_code

            assert [await listen(bob, "s_aaaaaa"), await listen(ann, "s_aaaaaa")] == [403, 200]
            assert [await listen(bob, "s_dddddd"), await act(ann, "s_dddddd")] == [200, 403], (
                "it has opened it"
            )
            stable = {**own, **bob, "marimo-stable-session-id": "sess_0123456789"}
            assert (await client.post("/api/kernel/execute", headers=stable)).status_code == 403
            async with opened(bob, "room"):
                pass

    tell(apps, story)


# An app that is not there ---------------------------------------------------------------------------------


# SPEC: UI-19
def test_a_page_of_a_stopped_app_starts_it_once_and_asks_again_by_itself(apps: TwoApps) -> None:
    cookie = apps.cookie()
    for _ in range(3):
        response = apps.ask("/", cookie=cookie)
        assert response.status_code == 503
        assert 'http-equiv="refresh"' in response.text
        assert response.text.count("<script") == 1
        assert "script-src 'sha256-" in response.headers["content-security-policy"], "that one and no other"
    assert apps.runs() == ["pending"]


def test_what_an_old_tab_goes_on_asking_for_starts_nothing(apps: TwoApps) -> None:
    cookie = apps.cookie()
    assert apps.ask("/api/status", cookie=cookie, sec_fetch_dest="empty").status_code == 503
    assert apps.runs() == []


def test_an_app_that_declines_to_be_started_by_hand_says_so(apps: TwoApps) -> None:
    cookie = apps.cookie()
    apps.api.deploy({**REPORT, "expose": {"manual": False}}, OTHER)
    for path, method in (("/", "GET"), ("/-/start", "POST")):
        response = apps.ask(path, method=method, cookie=cookie, origin=f"http://{apps.host(apps.report)}")
        assert response.status_code == 503
        assert "not running" in response.text
    assert apps.runs() == []


def test_who_may_not_start_an_app_is_told_so(apps: TwoApps) -> None:
    cookie = apps.cookie(key=apps.api.add_user("viewer"))
    response = apps.ask(cookie=cookie)
    assert response.status_code == 503
    assert "ask a developer" in response.text
    own = f"http://{apps.host(apps.report)}"
    apps.ask("/-/start", method="POST", cookie=cookie, origin=own)
    assert apps.runs() == []


def test_an_app_that_failed_starts_again_by_its_button_only(apps: TwoApps) -> None:
    cookie, own = apps.cookie(), f"http://{apps.host(apps.report)}"
    run = apps.api.start_job(apps.report)["id"]
    apps.api.move(run, RunStatus.STARTING, RunStatus.FAILED, reason=Reason.EXCEPTION)
    page = apps.ask(cookie=cookie)
    assert "failed" in page.text
    assert "refresh" not in page.text
    assert apps.runs() == ["failed"]
    assert apps.ask("/-/start", cookie=cookie).status_code == 303
    assert apps.runs() == ["failed"], "an address alone starts nothing"
    started = apps.ask("/-/start", method="POST", cookie=cookie, origin=own)
    assert 'http-equiv="refresh"' in started.text
    assert sorted(apps.runs()) == ["failed", "pending"]


def test_a_program_that_asks_for_a_stopped_app_starts_it_and_hears_when_to_come_back(apps: TwoApps) -> None:
    response = apps.ask("/mcp", method="POST", authorization=f"Bearer {OWNER_KEY}")
    assert (response.status_code, response.json()["code"]) == (503, "RY1600")
    assert apps.runs() == ["pending"]
