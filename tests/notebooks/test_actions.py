"""What the buttons do, on a real server, and what is said of it."""

from __future__ import annotations

import asyncio

import pytest
from tests.support.patience import PATIENCE_SECONDS

from runyard.core.errors import InvalidRequest
from runyard_notebooks.actions import Desk, Notice, attempt, read_settings
from runyard_notebooks.routes import Addresses
from runyard_server.client import Client


def started(client: Client, notice: Notice) -> str:
    """Return the run that a notice leads to, after checking that it is one of the workspace."""
    return client.run(notice.href.rpartition("/")[2]).id


# SPEC: UI-05
def test_a_job_is_started_with_what_differs_for_this_run(client: Client, desk: Desk) -> None:
    notice = desk.start(client.job("load").id, refresh=True, values={"rows": "1", "other": "a=b"})
    assert notice.text.startswith("Started load #")
    run = client.wait(started(client, notice))
    assert run.refresh
    assert [line.text for line in client.logs(run.id) if line.stream == "stdout"] == ["row 0"]
    again = client.wait(started(client, desk.start_again(run.id)))
    assert not again.refresh, "nobody asked for it a second time"


# SPEC: UI-05
def test_a_run_is_cancelled_and_run_again(client: Client, desk: Desk) -> None:
    first = started(client, desk.start(client.job("stuck").id))
    assert desk.cancel([first]) == Notice("Asked the run to stop.")
    assert client.wait(first).status == "cancelled"
    assert desk.cancel([first]).is_refusal
    again = started(client, desk.start_again(first))
    assert again != first
    assert "2 runs" not in desk.cancel([again, first]).text
    assert client.wait(again).status == "cancelled"


def test_cancelling_nothing_says_what_to_do_first(desk: Desk) -> None:
    assert "Tick the runs" in desk.cancel([]).remedy


# SPEC: UI-04
def test_a_job_is_paused_and_goes_on(client: Client, desk: Desk) -> None:
    job = client.job("load")
    assert "load is paused" in desk.pause(job.id).text
    assert client.job("load").is_paused
    assert "load goes on" in desk.resume(job.id).text
    assert not client.job("load").is_paused


# SPEC: TRG-20
def test_who_resumes_a_job_may_let_it_make_up_for_what_it_missed(client: Client, desk: Desk) -> None:
    job = client.job("check")
    desk.pause(job.id)
    assert desk.resume(job.id, catch_up=True).text == "check goes on. There is nothing to make up for."
    desk.pause(job.id)
    client.wait(started(client, desk.start(client.job("load").id)))
    assert "makes up now for what it missed" in desk.resume(job.id, catch_up=True).text
    assert not client.job("check").is_paused


# SPEC: PUB-01
def test_a_link_is_given_away_and_taken_back(client: Client, desk: Desk) -> None:
    job = client.job("report")
    assert "report has a public link" in desk.publish(job.id).text
    assert client.job("report").public_url
    assert "is gone" in desk.unpublish(job.id).text
    assert client.job("report").public_url is None


def test_what_the_server_refuses_is_its_own_sentence(client: Client, desk: Desk) -> None:
    refused = attempt(lambda: desk.publish(client.job("load").id))
    assert refused.is_refusal
    assert refused.text
    assert "Traceback" not in refused.text + refused.remedy


def test_settings_are_one_on_each_line() -> None:
    assert read_settings("a=1\n\n b = x=y \n") == {"a": "1", "b": "x=y"}
    with pytest.raises(InvalidRequest, match="`rows` is no setting"):
        read_settings("rows")


def test_a_desk_tells_how_it_went_without_holding_up_the_loop(client: Client) -> None:
    heard: list[Notice | None] = []
    told = asyncio.Event()

    def hear(notice: Notice | None) -> None:
        heard.append(notice)
        if notice is not None:
            told.set()

    async def press() -> None:
        desk = Desk(client, Addresses(client.workspace.id), "", hear, lambda _: None)
        desk.do(lambda: desk.cancel([]))
        assert heard == []
        await asyncio.wait_for(told.wait(), PATIENCE_SECONDS)

    asyncio.run(press())
    assert [notice.text if notice else None for notice in heard] == [None, "No run is selected."]


def test_the_menu_of_a_row_acts_on_that_row(client: Client) -> None:
    told = asyncio.Event()
    heard: list[Notice] = []

    def hear(notice: Notice | None) -> None:
        if notice is not None:
            heard.append(notice)
            told.set()

    async def choose() -> None:
        desk = Desk(client, Addresses(client.workspace.id), "", hear, lambda _: None)
        table = desk.job_table()
        job = client.job("load")
        table.requested = {"name": "pause", "id": job.id, "ref": job.job_ref, "n": 1}
        await asyncio.wait_for(told.wait(), PATIENCE_SECONDS)
        table.close()

    asyncio.run(choose())
    try:
        assert client.job("load").is_paused
    finally:
        client.resume(client.job("load").id)
    assert "load is paused" in heard[0].text


# SPEC: PUB-01
def test_the_menu_of_an_app_leads_to_where_its_link_is_managed(client: Client) -> None:
    went: list[str] = []
    desk = Desk(client, Addresses("w"), "", lambda _: None, went.append)
    table = desk.job_table()
    assert [action["for"] for action in table.actions if action["label"] == "Manage public link"] == [
        ["interactive"]
    ]
    table.requested = {"name": "link", "id": client.job("report").id, "ref": "jobs.report", "n": 1}
    table.close()
    assert went == ["/w/w/jobs/jobs.report"]


def test_who_may_not_act_gets_no_menus_and_buttons_that_say_why(client: Client) -> None:
    desk = Desk(
        client, Addresses(client.workspace.id), "You are a viewer here.", lambda _: None, lambda _: None
    )
    assert desk.job_table().actions == []
    assert desk.run_table().actions == []
    assert 'title="You are a viewer here."' in desk.button("Run now", lambda: desk.cancel([]))
