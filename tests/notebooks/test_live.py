"""Counting what changes on the server."""

from __future__ import annotations

import asyncio

from tests.support.patience import PATIENCE_SECONDS

from runyard_notebooks.live import Watch
from runyard_server.client import Client


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


def test_when_nothing_more_is_told_the_page_asks_once_more_and_hears_why(client: Client) -> None:
    async def look() -> None:
        counts: asyncio.Queue[int] = asyncio.Queue()
        with Client(client.target.server, "dlt_u_of-somebody-who-left", client.workspace.id) as stranger:
            Watch(counts.put_nowait).follow(stranger)
            assert await asyncio.wait_for(counts.get(), PATIENCE_SECONDS) == 1

    asyncio.run(look())
