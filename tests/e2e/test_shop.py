"""A workspace written for dlt's own platform runs unmodified, whichever of the two clients deploys it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support import shop
from tests.support.dlthub import Published
from tests.support.servers import Installation, new_workspace, serving_here
from tests.support.workspaces import make_workspace

from runyard_server.client import Client, Run
from runyard_server.client.deploying import Deployer

FUNCTIONS = {
    "jobs.ingest.load_customers",
    "jobs.ingest.load_orders",
    "jobs.transform.alarm",
    "jobs.transform.revenue",
}
MODULES = {"jobs.report", "jobs.shop_mcp", "jobs.workspace.dashboard"}

JANUARY = [f"revenue 2026-01-0{day} 240.0" for day in (1, 2, 3)]
"""What the three days of orders add up to."""


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    with serving_here(tmp_path / "data") as served, new_workspace(served, "shop") as client:
        yield client


def lines(client: Client, run: Run) -> list[str]:
    ended = client.wait(run.id)
    said = [line.text for line in client.logs(run.id)]
    assert ended.is_completed, "\n".join(said)
    return said


def started(client: Client, selector: str, *, refresh: bool = False) -> Run:
    (answer,) = client.trigger([selector], refresh=refresh).started
    assert answer.run is not None
    return answer.run


# SPEC: CMP-11
@pytest.mark.slow
def test_it_is_deployed_and_scheduled_and_its_windows_and_its_refresh_cascade(
    client: Client, tmp_path: Path
) -> None:
    root = make_workspace(tmp_path / "shop", shop.files(tmp_path / "warehouse.duckdb", documented=True))
    receipt = Deployer(client, root, env=os.environ).deploy()
    assert receipt is not None
    assert {changed.job.job_ref for changed in receipt.jobs} == FUNCTIONS | MODULES
    assert client.job("load_customers").next_scheduled_run_at is not None
    assert lines(client, started(client, "load_customers")) == ["customers 3"]

    for is_again in (False, True):
        run = started(client, "load_orders", refresh=is_again)
        assert lines(client, run) == ["orders 72"]
        follow_up = client.find_run("revenue")
        assert run.id in client.run(follow_up.id).causes
        assert lines(client, follow_up) == [
            *JANUARY,
            "after job.success:jobs.ingest.load_orders refresh True",
        ]


# SPEC: CMP-11
@pytest.mark.slow
def test_the_published_client_deploys_it_and_ours_finds_its_functions_unchanged(tmp_path: Path) -> None:
    with Installation(tmp_path / "server") as installation:
        published = Published(
            tmp_path / "shop", tmp_path / "home", installation, shop.files(tmp_path / "warehouse.duckdb")
        )
        published("workspace connect tests")
        assert "7 added, 0 updated, 0 archived" in published("deploy")
        receipt = Deployer(installation.client, published.root, env=os.environ).deploy()
        assert receipt is not None
        outcomes = {changed.job.job_ref: (changed.outcome, changed.fields) for changed in receipt.jobs}
        assert {ref for ref, (outcome, _) in outcomes.items() if outcome == "unchanged"} == FUNCTIONS
        assert {ref for ref, (outcome, _) in outcomes.items() if outcome == "updated"} == MODULES
        assert "orders 72" in published("run load_orders -f")
