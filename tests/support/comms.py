"""A comm that only records: what a kernel would send to browsers, and the browser's messages handed in."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from comm.base_comm import BaseComm
from tests.support.patience import PATIENCE_SECONDS


class RecordingComm(BaseComm):
    """In place of the kernel's: set it as `comm.create_comm`."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        self.sent: list[tuple[dict[str, Any], list[bytes]]] = []
        self.is_open = False
        self._news = asyncio.Event()
        super().__init__(*arguments, **named)

    def publish_msg(
        self, msg_type: str, data: Any = None, metadata: Any = None, buffers: Any = None, **keys: Any
    ) -> None:
        del metadata, keys
        self.is_open = msg_type != "comm_close"
        self.sent.append((data or {}, [bytes(buffer) for buffer in buffers or ()]))
        self._news.set()

    def say(self, kind: str, **message: Any) -> None:
        """Hand in a message of a browser's view."""
        content = {"kind": kind, "view": "v", **message}
        self.handle_msg({"content": {"data": {"method": "custom", "content": content}}, "buffers": []})

    def custom(self, kind: str) -> list[dict[str, Any]]:
        """Every custom message of that kind, oldest first, a buffer as its "body"."""
        return [
            {**data["content"], "body": buffers[0] if buffers else None}
            for data, buffers in self.sent
            if data.get("method") == "custom" and data["content"]["kind"] == kind
        ]

    async def until(self, kind: str, count: int) -> list[dict[str, Any]]:
        """The messages of that kind once there are `count`."""
        await self._heard(lambda: len(self.custom(kind)) >= count)
        return self.custom(kind)

    async def until_state(self, name: str, value: Any) -> None:
        """Wait until a trait is sent with this value."""
        await self._heard(lambda: value in self.states(name)[-1:])

    async def _heard(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not holds():
                self._news.clear()
                await self._news.wait()

    def states(self, name: str) -> list[Any]:
        """Every value a trait was sent with after the start."""
        updates = (data["state"] for data, _ in self.sent[1:] if data.get("method") == "update")
        return [state[name] for state in updates if name in state]


def heads(messages: list[dict[str, Any]]) -> list[Mapping[str, Any]]:
    return [message["head"] for message in messages]
