"""A workspace written for dlt's own platform runs unmodified, whichever of the two clients deploys it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support import shop
from tests.support.dlthub import Published
from tests.support.servers import Installation, server_here
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
    with server_here(tmp_path / "data", "shop") as client:
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


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Published]:
    """The published client, connected to a workspace of its own on a server of its own."""
    place = tmp_path_factory.mktemp("published")
    with Installation(place / "server") as installation:
        files = shop.files(place / "warehouse.duckdb")
        published = Published(place / "shop", place / "home", installation, files)
        published("workspace connect tests")
        assert "7 added, 0 updated, 0 archived" in published("deploy")
        yield published


# SPEC: CMP-11
@pytest.mark.slow
def test_the_published_client_deploys_it_and_ours_finds_its_functions_unchanged(published: Published) -> None:
    receipt = Deployer(published.client, published.root, env=os.environ).deploy()
    assert receipt is not None
    outcomes = {changed.job.job_ref: changed.outcome for changed in receipt.jobs}
    assert {ref for ref, outcome in outcomes.items() if outcome == "unchanged"} == FUNCTIONS
    assert {ref for ref, outcome in outcomes.items() if outcome == "updated"} == MODULES
    assert "orders 72" in published("run load_orders -f")


# SPEC: CMP-04
# Jobs, scripts and exit codes are in `test_published_client`.
@pytest.mark.slow
def test_the_published_client_runs_a_pipeline_by_name_and_serves_a_notebook(published: Published) -> None:
    assert "customers 3" in published("pipeline run customers -f")
    said = published("serve report.py")
    report = published.client.job("report")
    assert report.job_url is not None
    assert report.job_url in said
    assert published.client.find_run("report").status == "running"


# SPEC: CMP-05
# Its other commands are in `test_published_client`.
@pytest.mark.slow
def test_the_published_client_says_under_which_profile_and_whether_from_scratch(published: Published) -> None:
    client = published.client
    said = published("job trigger tag:ingest --dry-run")
    assert "load_customers" in said
    assert "load_orders" in said
    # Of a job that never completed every run is a refresh.
    before = client.wait(started(client, "load_customers").id)
    published("job trigger load_customers --refresh --profile access")
    run = client.wait(client.find_run("load_customers").id)
    assert (run.number, run.profile, run.refresh) == (before.number + 1, "access", True)
