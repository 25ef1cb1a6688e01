"""A session of the panel without a browser: the web socket it gets outputs by, the requests that drive its kernel."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable, Mapping
from threading import Condition, Thread
from typing import Any

import httpx
from playwright.sync_api import Page
from websockets.sync.client import connect

from benchmarks.served import PATIENCE_SECONDS

VIEW = "bench"
"""The one view of each widget."""


def signed_in_as(page: Page) -> httpx.Client:
    """Return a connection that is signed in as a browser is, at the same host."""
    url = httpx.URL(page.url)
    origin = f"{url.scheme}://{url.netloc.decode()}"
    cookies = {cookie["name"]: cookie["value"] for cookie in page.context.cookies(origin)}
    return httpx.Client(base_url=origin, headers={"origin": origin}, cookies=cookies)


class Visit:
    """A viewer of the overview, which has two widgets; acknowledges frames as a browser does: they stay live."""

    def __init__(self, visitor: httpx.Client, route: str) -> None:
        self._http, self._session = visitor, f"s_{secrets.token_hex(3)}"
        self._moved = Condition()
        self._router = ""
        self._widgets: set[str] = set()
        self._is_settled = False
        began = time.perf_counter()
        origin = str(visitor.base_url).rstrip("/")
        cookies = "; ".join(f"{name}={value}" for name, value in visitor.cookies.items())
        self._socket = connect(
            f"{origin.replace('http', 'ws', 1)}/panel/ws?session_id={self._session}",
            additional_headers={"cookie": cookies, "origin": origin},
            compression=None,
            max_size=None,
        )
        self._reader = Thread(target=self._read, daemon=True)
        self._reader.start()
        self._wait(lambda: self._router)
        self._send(self._router, {"method": "update", "state": {"route": route}, "bufferPaths": []})
        self._wait(lambda: len(self._widgets) == 2 and self._is_settled)
        self.open_milliseconds = (time.perf_counter() - began) * 1000
        for widget in self._widgets:
            self._send(widget, {"method": "custom", "content": {"kind": "attach", "view": VIEW}})

    def close(self) -> None:
        """Leave, as who closes a tab."""
        self._socket.close()
        self._reader.join()

    def _wait(self, holds: Callable[[], object]) -> None:
        with self._moved:
            if not self._moved.wait_for(holds, PATIENCE_SECONDS):
                raise TimeoutError("the panel did not show what was waited for")

    def _read(self) -> None:
        for text in self._socket:
            message = json.loads(text)
            with self._moved:
                if message["op"] == "completed-run":
                    self._is_settled = True
                elif message["op"] == "model-lifecycle":
                    self._is_settled = False
                    self._take(message["data"]["model_id"], message["data"]["message"])
                self._moved.notify_all()

    def _take(self, model: str, message: Mapping[str, Any]) -> None:
        match message:
            case {"method": "open", "state": {"route": _}}:
                self._router = model
            case {"method": "open", "state": {"snapshot": _}}:
                self._widgets.add(model)
            case {"method": "close"}:
                self._widgets.discard(model)
            case {"method": "custom", "content": {"kind": "frame", "seq": number}}:
                self._send(
                    model,
                    {"method": "custom", "content": {"kind": "ack", "view": VIEW, "seq": number}},
                )

    def _send(self, model: str, message: Mapping[str, Any]) -> None:
        # Refused is what is sent while the session ends, which no figure is about.
        self._http.post(
            "/panel/api/kernel/set_model_value",
            json={"modelId": model, "message": message, "buffers": []},
            headers={"marimo-session-id": self._session},
        )
