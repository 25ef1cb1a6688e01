"""What people are called who did something in a workspace."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import httpx
import pytest
from tests.support.people import add_user, join
from tests.support.sites import Site, site

from runyard.core.store import jobs
from runyard_server.client import Client
from runyard_server.client.feeds.rows import job_row
from runyard_server.client.feeds.state import JobsFeed

CODE = """
from runyard import run, trigger

@run.job(trigger=trigger.schedule("0 6 * * *"))
def load():
    pass

@run.job
def check():
    pass

@run.job
def clean():
    pass

__all__ = ["check", "clean", "load"]
"""


@pytest.fixture(scope="module")
def yard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with site(tmp_path_factory.mktemp("who"), {"__deployment__.py": CODE}) as yard:
        yield yard


def test_members_are_listed_with_their_roles(yard: Site) -> None:
    viewer = yard.add_member("viewer")
    members = {member.user_id: member.role for member in yard.client.members()}
    assert members == {yard.server.installation.owner_id: "owner", viewer: "viewer"}


# SPEC: TRG-20, TRG-21
def test_a_row_says_who_paused_a_job_and_who_set_its_schedule(yard: Site) -> None:
    client = yard.client
    client.pause(client.job("load").id)
    row = job_row(client.set_schedule(client.job("load").id, "0 7 * * *"), client.who)
    assert row["paused_by"] == "Owner"
    assert row["paused_at"] > 0
    assert row["override"]["by"] == "Owner"
    assert row["override"]["replaces"] == "daily at 06:00 UTC"


class Asked(httpx.HTTPTransport):
    """Knows what was asked of the server."""

    def __init__(self) -> None:
        super().__init__()
        self.paths: list[str] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.paths.append(request.url.path)
        return super().handle_request(request)


@pytest.fixture
def asked() -> Asked:
    return Asked()


@pytest.fixture
def client(yard: Site, asked: Asked) -> Iterator[Client]:
    """Return a client that knows nobody yet."""
    target = yard.client.target
    with Client(target.server, target.api_key, yard.client.workspace.id, asked) as client:
        yield client


def lists_of_members(asked: Asked) -> int:
    return sum(path.endswith("/members") for path in asked.paths)


def test_a_member_is_asked_for_once(yard: Site, client: Client, asked: Asked) -> None:
    owner = yard.server.installation.owner_id
    assert [client.who(owner), client.who(owner)] == ["Owner", "Owner"]
    assert lists_of_members(asked) == 1


def test_who_left_is_found_again_after_coming_back(yard: Site, client: Client, asked: Asked) -> None:
    away = add_user(yard.server.runtime, "ada")
    assert client.who(away) == "somebody who left"
    join(yard.server.runtime, client.workspace.id, away, "viewer")
    assert [client.who(away), client.who(away)] == ["ada", "ada"]
    assert lists_of_members(asked) == 2


def test_a_list_of_jobs_asks_once_for_who_left(yard: Site, client: Client, asked: Asked) -> None:
    runtime, away = yard.server.runtime, add_user(yard.server.runtime, "ada")
    paused = [client.job(name) for name in ("check", "clean")]
    for job in paused:
        runtime.database.write(partial(jobs.set_paused, job_id=job.id, at=runtime.clock.now(), user_id=away))
    rows = {row["id"]: row for row in JobsFeed(client).now().head["rows"]}
    assert [rows[job.id]["paused_by"] for job in paused] == ["somebody who left"] * 2
    assert lists_of_members(asked) == 1
