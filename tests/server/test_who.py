"""What people are called who did something in a workspace."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.support.sites import Site, site

from runyard_server.client.feeds.rows import job_row

CODE = """
from runyard import run, trigger

@run.job(trigger=trigger.schedule("0 6 * * *"))
def load():
    pass

__all__ = ["load"]
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


def test_who_is_no_member_any_more_is_asked_for_once_and_has_left(yard: Site) -> None:
    gone = "00000000-0000-7000-8000-000000000000"
    assert yard.client.who(gone) == "somebody who left"
    later = yard.add_member()
    assert yard.client.who(later) != "somebody who left"
    assert yard.client.who(gone) == "somebody who left"
