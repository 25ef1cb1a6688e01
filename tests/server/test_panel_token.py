"""The token that acts for a viewer of the real panel: it is in the kernel of their session, and nowhere else."""

from __future__ import annotations

import asyncio
import re
import threading
from pathlib import Path

import pytest
from tests.support.patience import PATIENCE_SECONDS
from tests.support.servers import API_KEY, serving_here
from tests.support.visits import socket, visitor

from runyard.core.logs import iter_lines
from runyard.core.node import attempt_dir, linux
from runyard_notebooks.strings import NO_IDENTITY
from runyard_server.cli.serving import Serving
from runyard_server.client import Client
from runyard_server.credentials import COOKIE

TOKEN = re.compile(r"eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]{8,}")
"""What a signed token looks like."""


def start_panel(served: Serving) -> str:
    """Return the run of the panel once it serves."""
    runtime, changed = served.server.runtime, threading.Event()
    runtime.database.on_change(changed.set)
    runtime.panel.start(None)
    while (run := runtime.panel.newest_run()) is None or run["status"] != "running":
        assert changed.wait(PATIENCE_SECONDS), "the panel does not start"
        changed.clear()
    return str(run["id"])


async def use(served: Serving) -> list[str]:
    """Open the panel as its owner, save its page as a file, and return everything that the browser was sent."""
    token = served.server.owner_url("").rpartition("=")[2]
    cookie = f"{COOKIE}={served.server.sign_ins.spend(token)}"
    own = {"cookie": cookie, "origin": served.origin}
    port = int(served.origin.rpartition(":")[2])
    async with visitor(port, **own) as client:
        page = (await client.get("/panel/")).text
        key = re.search(r'"serverToken": ?"([^"]+)"', page)
        said = []
        async with socket(port, "/panel/ws?session_id=s_aaaaaa", headers=own, max_size=None) as opened:
            async with asyncio.timeout(PATIENCE_SECONDS):
                while "completed-run" not in (message := str(await opened.recv())):
                    said.append(message)
            headers = {"marimo-session-id": "s_aaaaaa", "marimo-server-token": key[1] if key else ""}
            body = {"download": True, "files": [], "includeCode": True}
            export = await client.post("/panel/api/export/html", headers=headers, json=body)
            export.raise_for_status()
    return [page, *said, export.text]


# SPEC: SEC-07
@pytest.mark.slow
def test_the_token_of_a_viewer_is_in_no_page_message_export_log_or_process_list(tmp_path: Path) -> None:
    with serving_here(tmp_path / "data") as served, Client(served.origin, API_KEY) as client:
        client.create_workspace("looked-at")
        directory = served.server.runtime.run_directory(start_panel(served))
        seen = asyncio.run(use(served))
        everything = "".join(seen)
        assert NO_IDENTITY not in everything, "it ran as somebody"
        assert '"type":"exception"' not in everything
        log = [line.text for line in iter_lines(directory)]
        holder = attempt_dir.read_json(str(directory / "1"), attempt_dir.LOCK)["pid"]
        processes = [
            Path(f"/proc/{pid}/{what}").read_text()
            for pid in (holder, *linux.descendants(holder))
            for what in ("cmdline", "environ")
        ]
        for text in (*seen, *log, *processes):
            assert not TOKEN.search(text)
            assert API_KEY not in text
