"""The notebook and the MCP server of the example run as apps: answered by real clients, on loopback only."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastmcp import Client
from fastmcp.client.transports import StreamableHttpTransport
from mcp import MCPError
from tests.support.apps import LOOPBACK, get, listening_on, stop_all, until_serving
from tests.support.flights import EXAMPLE, flights_site, publish
from tests.support.patience import PATIENCE_SECONDS
from tests.support.servers import API_KEY
from tests.support.workspaces import discovered
from tests.support.worlds import World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """Return a running world with the apps of the example, and a little of what it publishes."""
    jobs = discovered(EXAMPLE).manifest["jobs"]
    apps = [job for job in jobs if job["job_ref"] in ("jobs.flights_mcp", "jobs.flights_report")]
    world = World(tmp_path / "data")
    world.upload({file.name: file.read_text() for file in EXAMPLE.glob("*.py")})
    world.deploy(*apps)
    publish(world.folder)
    world.runtime.start()
    yield world
    stop_all(world)
    world.close()


# SPEC: APP-01, APP-03, APP-06
def test_the_notebook_and_the_tools_of_the_example_answer(world: World) -> None:
    notebook, tools = (until_serving(world, name) for name in ("flights_report", "flights_mcp"))
    assert "New York departures 2013" in get(notebook["port"])
    (answer,) = asyncio.run(ask(f"http://127.0.0.1:{tools['port']}/mcp"))
    assert (answer["miles"], answer["flights"], answer["mean_delay_minutes"]) == ("0 to 1", 4, 10.0)
    assert listening_on(notebook["port"]) | listening_on(tools["port"]) == {LOOPBACK}


# SPEC: APP-03, APP-05
@pytest.mark.slow
def test_the_tools_of_the_example_are_called_through_the_server_with_a_key(tmp_path: Path) -> None:
    with flights_site(tmp_path) as flights:
        publish(flights.folder)
        job = flights.serve("flights_mcp")
        (run,) = flights.client.runs(job_id=job.id)
        address = f"{flights.origin}/apps/{run.id}/mcp"
        with pytest.raises(MCPError):
            asyncio.run(ask(address))
        (answer,) = asyncio.run(ask(address, API_KEY))
    assert (answer["miles"], answer["flights"], answer["mean_delay_minutes"]) == ("0 to 1", 4, 10.0)


# SPEC: DEP-18
@pytest.mark.slow
def test_the_data_page_of_the_example_answers(tmp_path: Path) -> None:
    with flights_site(tmp_path) as flights:
        job = flights.serve("jobs.workspace.dashboard")
        (run,) = flights.client.runs(job_id=job.id)
        key = {"authorization": f"Bearer {API_KEY}"}
        page = httpx.get(
            f"{flights.origin}/apps/{run.id}/", headers=key, trust_env=False, timeout=PATIENCE_SECONDS
        )
    assert "<marimo-" in page.text
    assert "dlt" in page.text


async def ask(address: str, key: str | None = None) -> Any:
    async with Client(StreamableHttpTransport(address, auth=key)) as client:
        answer = await client.call_tool("delays_by_visibility")
        assert answer.structured_content is not None
        return answer.structured_content["result"]
