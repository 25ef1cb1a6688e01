"""What is switched on and off by a command: schedules and public links, on a real server."""

from __future__ import annotations

import re
from collections.abc import Iterator

import httpx
import pytest
from tests.server.cli.conftest import Shell
from tests.server.cli.test_serve import SHOP
from tests.support.patience import PATIENCE_SECONDS
from tests.support.servers import server_here

from runyard_server.client import Client

HOURLY = """
from runyard import run, trigger

@run.job(trigger="every:1h")
def hourly(): pass

@run.job(trigger="every:2h")
def rarely(): pass

@run.job()
def by_hand(): pass

@run.job(trigger=by_hand.success)
def after(): pass
"""

DEPLOYMENT = """
from hourly import after, by_hand, hourly, rarely
from shop import shop

__all__ = ["after", "by_hand", "hourly", "rarely", "shop"]
"""


@pytest.fixture
def client(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Client]:
    """Return a server of its own, which commands speak to, with jobs of each kind deployed."""
    for name, text in (("hourly", HOURLY), ("shop", SHOP), ("__deployment__", DEPLOYMENT)):
        (shell.root / f"{name}.py").write_text(text)
    with server_here(tmp_path_factory.mktemp("data")) as client:
        monkeypatch.setenv("RUNYARD_SERVER", client.target.server)
        deployed = shell("deploy")
        assert deployed.code == 0, deployed.err
        yield client


# SPEC: CLI-31
def test_schedules_are_paused_and_resumed_by_name_or_pattern(shell: Shell, client: Client) -> None:
    paused = shell("--json job pause hourly")
    assert (paused.code, [row["is_paused"] for row in paused.document]) == (0, [True])
    assert "paused" in shell("job info hourly").out
    assert re.search("^jobs.hourly.hourly .* paused ", shell("job list hourly").out, re.MULTILINE)
    again = shell("job pause every:*")
    assert again.code == 0
    assert "jobs.hourly.hourly is paused already" in again.err
    assert {job.definition.name for job in client.jobs() if job.is_paused} == {"hourly", "rarely"}
    assert shell("job resume every:*").code == 0
    assert "was not paused" in shell("job resume hourly").err
    assert not any(job.is_paused for job in client.jobs())


# SPEC: CLI-31, TRG-20
@pytest.mark.parametrize(("option", "outcomes"), [("", ["paused"]), ("--catch-up", ["fired", "paused"])])
def test_who_resumes_may_ask_for_what_was_missed(
    shell: Shell, client: Client, option: str, outcomes: list[str]
) -> None:
    shell("job pause after")
    followed = shell("run by_hand -f")
    assert followed.code == 0, followed.err
    resumed = shell(f"--json job resume after {option}")
    assert (resumed.code, [row["is_paused"] for row in resumed.document]) == (0, [False])
    assert ("make up now for what they missed" in resumed.err) is bool(option)
    assert [decision.outcome for decision in client.decisions(client.job("after").id)] == outcomes


# SPEC: CLI-31, TRG-20
def test_who_missed_nothing_is_not_said_to_make_up_for_it(shell: Shell, client: Client) -> None:
    shell("job pause after")
    assert shell("run by_hand -f").code == 0
    shell("job resume after")
    shell("job pause every:* after")
    resumed = shell("job resume every:* after --catch-up")
    assert resumed.code == 0
    assert resumed.err.count("there is nothing to make up for") == 3
    assert "make up now" not in resumed.err
    assert [decision.outcome for decision in client.decisions(client.job("after").id)] == ["paused"]


# SPEC: CLI-31
def test_what_has_no_schedule_is_named_and_the_others_are_paused(shell: Shell, client: Client) -> None:
    refused = shell("job pause batch")
    assert refused.code == 7
    assert "jobs.hourly.by_hand is not scheduled" in refused.err
    paused = {job.definition.name for job in client.jobs() if job.is_paused}
    assert paused == {"after", "hourly", "rarely"}


# SPEC: PUB-03, PUB-07
@pytest.mark.usefixtures("client")
def test_an_app_is_published_once_and_anybody_opens_it_until_it_is_unpublished(shell: Shell) -> None:
    published = shell("job publish shop.shop")
    assert published.code == 0, published.err
    link = httpx.URL(published.out.strip())
    assert link.host.startswith("shop-")
    again = shell("--json job publish shop")
    assert (again.code, again.document["public_url"]) == (0, str(link))
    assert "published already" in again.err
    assert str(link) in shell("job info shop").out
    assert shell("serve shop").code == 0
    with httpx.Client(
        trust_env=False, headers={"host": link.netloc.decode()}, timeout=PATIENCE_SECONDS
    ) as browser:
        # Not every resolver knows the names below `localhost`, as browsers do.
        here = link.copy_with(host="localhost")
        cookie = browser.get(here).headers["set-cookie"].partition(";")[0]
        assert browser.get(here.copy_with(path="/"), headers={"cookie": cookie}).text == "hello"
        assert "does not work any more" in shell("job unpublish shop").err
        assert browser.get(here.copy_with(path="/"), headers={"cookie": cookie}).status_code == 404
    assert "has no public link" in shell("job unpublish shop").err
    refused = shell("job publish hourly")
    assert refused.code == 7
    assert "Only interactive jobs can be published" in refused.err
