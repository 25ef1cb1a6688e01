"""Visitors of a server on a port of loopback: requests and web sockets under the name that a browser would use.

They wait for an answer as long as a test does: what libraries wait of their own accord, some seconds, a busy machine
may need.
"""

from __future__ import annotations

from typing import Any

import httpx
from tests.support.patience import PATIENCE_SECONDS
from websockets.asyncio.client import connect

from runyard.core.health import LOOPBACK


def visitor(port: int, host: str = "localhost", **headers: str) -> httpx.AsyncClient:
    """Return a client of a host on a port, which sends these headers with every request."""
    return httpx.AsyncClient(
        base_url=f"http://{LOOPBACK}:{port}",
        headers={"host": f"{host}:{port}", **headers},
        trust_env=False,
        timeout=PATIENCE_SECONDS,
    )


def socket(port: int, path: str, host: str = "localhost", headers: Any = None, **options: Any) -> connect:
    """Return a web socket that opens when it is awaited or entered; `headers` are any that `websockets` takes."""
    return connect(
        f"ws://{host}:{port}{path}",
        host=LOOPBACK,
        port=port,
        additional_headers=headers,
        proxy=None,
        open_timeout=PATIENCE_SECONDS,
        ping_timeout=PATIENCE_SECONDS,
        **options,
    )
