"""Two people at one real notebook, with accounts or without: each has a session, and neither touches the other's."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.support.api import Api
from tests.support.servers import environment
from tests.support.two_apps import TwoApps
from tests.support.upstreams import served
from tests.support.visits import socket, visitor
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus

NOTEBOOK = """
import marimo

app = marimo.App()


@app.cell
def _():
    import marimo as mo
    slider = mo.ui.slider(0, 10)
    slider
    return mo, slider


@app.cell
def _(mo, slider):
    seen = mo.app_meta().request.headers
    mo.md(f"value={slider.value} user={seen['x-runyard-user']} cookie={seen.get('cookie', 'none')}")
    return
"""

SLIDER = re.compile(r"object-id=\\?'([^'\\]+)\\?'")


@contextmanager
def marimo(notebook: Path, home: Path) -> Iterator[int]:
    """Run a notebook as its launcher does, and tell its port."""
    command = [sys.executable, "-u", "-m", "marimo", "-y", "run", str(notebook), "--headless", "--no-token"]
    env = {**environment(home), "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            for line in process.stdout:
                if found := re.search(r"http://[^:]+:(\d+)", line):
                    yield int(found[1])
                    break
        finally:
            process.terminate()


async def until(socket: ClientConnection, word: str) -> str:
    """Return the first message with this word."""
    async for message in socket:
        if word in (text := message if isinstance(message, str) else message.decode()):
            return text
    raise AssertionError(f"the socket ended before {word}")


# SPEC: APP-01, APP-05, PUB-03
@pytest.mark.slow
@pytest.mark.parametrize("who", ["members", "guests"])
def test_two_viewers_of_a_notebook_have_a_session_each_and_only_that(
    local_api: Api, tmp_path: Path, who: str
) -> None:
    apps = TwoApps(local_api, tmp_path)
    if who == "members":
        cookies = [apps.cookie(key=local_api.add_user("developer")) for _ in range(2)]
    else:
        apps.give_access(tmp_path)
        link = apps.publish()
        cookies = [apps.enter(link) for _ in range(2)]
    ann, bob = ({"cookie": cookie} for cookie in cookies)
    host = apps.host(apps.report)
    notebook = tmp_path / "nb.py"
    notebook.write_text(NOTEBOOK)

    async def story() -> None:
        async with (
            served(local_api.app) as door,
            visitor(door, host) as client,
        ):
            own = {"origin": f"http://{host}:{door}"}

            def opened(viewer: dict[str, str], session: str) -> connect:
                headers = {**viewer, **own}
                return socket(door, f"/ws?session_id={session}", host, headers, max_size=None)

            async def move_slider(viewer: dict[str, str], session: str, slider: str, value: int) -> int:
                return (
                    await client.post(
                        "/api/kernel/set_ui_element_value",
                        headers={**own, **viewer, "marimo-session-id": session, "marimo-server-token": token},
                        json={"objectIds": [slider], "values": [value]},
                    )
                ).status_code

            page = (await client.get("/", headers={**own, **ann})).text
            assert "marimo" in page
            assert "mo.ui.slider(0, 10)" not in page, "the source stays with the server"
            found = re.search(r'"serverToken": ?"([^"]+)"', page)
            token = "" if found is None else found[1]
            async with opened(ann, "s_aaaaaa") as anns, opened(bob, "s_bbbbbb") as bobs:
                slider = SLIDER.search(await until(anns, "marimo-slider"))
                assert slider is not None
                text = await until(anns, "value=0")
                assert ("@" in text) == (who == "members")
                assert "cookie=none" in text, "the notebook has no cookie of ours"
                await until(bobs, "value=0")
                assert await move_slider(bob, "s_aaaaaa", slider[1], 9) == 403
                with pytest.raises(InvalidStatus, match="403"):
                    await opened(bob, "s_aaaaaa")
                listening = await client.get("/sse?session_id=s_aaaaaa&kiosk=true", headers={**own, **bob})
                assert listening.status_code == 403
                assert await move_slider(ann, "s_aaaaaa", slider[1], 3) == 200
                assert "value=3" in await until(anns, "value=")
        await local_api.server.proxy.close()

    with marimo(notebook, tmp_path) as port:
        apps.listen(apps.start(), port)
        local_api.run_async(story())
