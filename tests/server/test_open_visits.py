"""Signing out: what a browser has open ends with it, in the panel and in apps."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest
from starlette.types import Receive, Scope, Send
from tests.support.api import Api
from tests.support.two_apps import TwoApps
from tests.support.upstreams import served
from tests.support.visits import socket, visitor
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from runyard.core.runs import RunStatus
from runyard_server.credentials import COOKIE
from runyard_server.open_visits import CUT_CODE


async def staying(_scope: Scope, receive: Receive, send: Send) -> None:
    """Open every socket, and keep it."""
    await receive()
    await send({"type": "websocket.accept"})
    while (await receive())["type"] != "websocket.disconnect":
        pass


def sign_in(api: Api) -> str:
    """Return the cookie of a browser of the owner."""
    token = api.server.owner_url("").rpartition("=")[2]
    return f"{COOKIE}={api.server.sign_ins.spend(token)}"


def enter(apps: TwoApps, session: str) -> str:
    """Return the cookie of an app's host that a signed-in browser gets there."""
    opened = apps.api.request("GET", f"/apps/open/{apps.report}", key=None, headers={"cookie": session})
    entered = apps.ask(httpx.URL(opened.headers["location"]).raw_path.decode())
    return entered.headers["set-cookie"].partition(";")[0]


# SPEC: SEC-06, SEC-07
@pytest.mark.parametrize("where", ["panel", "app"])
def test_signing_out_closes_what_that_browser_has_open_and_nothing_else(
    local_api: Api, tmp_path: Path, where: str
) -> None:
    apps, server = TwoApps(local_api, tmp_path), local_api.server
    sessions = [sign_in(local_api) for _ in range(2)]
    if where == "panel":
        server.runtime.panel.start(None)
        panel = server.runtime.panel.newest_run()
        assert panel is not None
        run, host, path, cookies = panel["id"], "localhost", "/panel/ws", sessions
        local_api.move(run, RunStatus.STARTING, RunStatus.RUNNING)
    else:
        run, host, path = apps.start(), apps.host(apps.report), "/ws"
        cookies = [enter(apps, session) for session in sessions]

    async def story() -> None:
        async with served(staying) as port, served(local_api.app) as door:
            apps.listen(run, port)
            own = f"http://{host}:{door}"

            def opened(cookie: str) -> connect:
                return socket(door, path, host, {"cookie": cookie, "origin": own})

            async with (
                opened(cookies[0]) as closing,
                opened(cookies[1]) as staying_open,
                visitor(door) as client,
            ):
                headers = {"cookie": sessions[0], "origin": f"http://localhost:{door}"}
                with local_api.at_once():
                    await client.post("/sign-out", headers=headers)
                    with pytest.raises(ConnectionClosed) as closed:
                        await closing.recv()
                assert closed.value.rcvd is not None
                assert closed.value.rcvd.code == CUT_CODE
                await (await staying_open.ping())
                assert staying_open.close_code is None
            await server.proxy.close()

    local_api.run_async(story())


# SPEC: SEC-07
def test_the_cookie_of_an_app_ends_with_the_sign_in_that_it_was_given_for(
    local_api: Api, tmp_path: Path
) -> None:
    apps = TwoApps(local_api, tmp_path)
    session = sign_in(local_api)
    cookie, by_key = enter(apps, session), apps.cookie()
    assert apps.ask(cookie=cookie).status_code == 503, "known, but the app is not running"
    late = local_api.request("GET", f"/apps/open/{apps.report}", key=None, headers={"cookie": session})
    headers = {"cookie": session, "sec-fetch-site": "same-origin"}
    assert local_api.request("POST", "/sign-out", key=None, headers=headers).status_code == 303
    assert apps.ask(cookie=cookie).status_code == 401
    entered = apps.ask(httpx.URL(late.headers["location"]).raw_path.decode())
    assert apps.ask(cookie=entered.headers["set-cookie"].partition(";")[0]).status_code == 401
    assert apps.ask(cookie=by_key).status_code == 503
