"""Counting what changes on the server."""

from __future__ import annotations

import asyncio

from runyard_notebooks.live import Watch
from runyard_server.client import Client

PATIENCE_SECONDS = 20.0


# SPEC: UI-02
def test_a_change_on_the_server_is_counted(client: Client) -> None:
    async def look() -> None:
        counts: asyncio.Queue[int] = asyncio.Queue()
        watch = Watch(counts.put_nowait)
        watch.follow(client)
        watch.follow(client)
        assert await asyncio.wait_for(counts.get(), PATIENCE_SECONDS) == 1
        await asyncio.to_thread(client.pause, client.job("load").id)
        assert await asyncio.wait_for(counts.get(), PATIENCE_SECONDS) == 2
        await asyncio.to_thread(client.resume, client.job("load").id)
        assert await asyncio.wait_for(counts.get(), PATIENCE_SECONDS) == 3
        watch.stop()

    asyncio.run(look())
