"""Interactive runs for tests: started, asked, looked at from outside, stopped."""

from __future__ import annotations

import socket
import sys
import urllib.request
from pathlib import Path

from sqlalchemy import RowMapping
from tests.support.patience import PATIENCE_SECONDS
from tests.support.worlds import WORKSPACE, World

LISTEN = "0A"
"""The state of a listening socket in /proc/net/tcp."""

LOOPBACK = f"{int.from_bytes(socket.inet_aton('127.0.0.1'), sys.byteorder):08X}"
"""How /proc/net/tcp writes the loopback address."""


def until_serving(world: World, selector: str) -> RowMapping:
    """Start an app and return its run once it answers."""
    run_id = world.start_one(selector)["id"]
    world.until(lambda: world.run(run_id)["status"] not in ("pending", "starting"))
    run = world.run(run_id)
    assert run["status"] == "running", [run["message"], *world.lines(run_id)]
    return run


def stop_all(world: World) -> None:
    """Stop what runs and wait for it: processes outlive their server."""
    ids = [run["id"] for run in world.runs()]
    world.runtime.run_control.cancel(WORKSPACE, ids, dry_run=False, user_id=None)
    world.until_quiet()


def get(port: int, path: str = "/") -> str:
    """Return what an app answers."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=PATIENCE_SECONDS) as answer:
        text: str = answer.read().decode()
        return text


def listening_on(port: int) -> set[str]:
    """Return the addresses on which somebody listens on a port, as the kernel writes them."""
    rows = [
        line.split()
        for table in ("tcp", "tcp6")
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]
    ]
    return {
        row[1].split(":")[0] for row in rows if row[3] == LISTEN and int(row[1].split(":")[1], 16) == port
    }
