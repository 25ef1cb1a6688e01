"""The control panel and its server: it outlives one that is killed, and ends with one that is told to."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from tests.support.attempts import wait_gone
from tests.support.browsers import Visitors
from tests.support.servers import Installation

from runyard.core.node import attempt_dir

pytestmark = pytest.mark.slow

HIDDEN = "eyJ"
"""How every token begins that the server signs."""


@pytest.fixture
def installation(tmp_path: Path, database_url: str) -> Iterator[Installation]:
    with Installation(tmp_path / "home", database_url) as installation:
        yield installation


def open_panel(page: Page, installation: Installation) -> None:
    page.goto(installation.owner_url)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("navigation", name="Pages")).to_be_visible()


def attempt_of(installation: Installation) -> Path:
    """Return the directory of the one attempt there is, the panel's, which somebody supervises."""
    [attempt] = [lock.parent for lock in installation.data_dir.glob(f"runs/*/*/{attempt_dir.LOCK}")]
    assert attempt_dir.is_held(str(attempt))
    return attempt


def supervisor(attempt: Path) -> int:
    holder: attempt_dir.Holder = attempt_dir.read_json(str(attempt), attempt_dir.LOCK)
    return holder["pid"]


# SPEC: SCH-03
def test_the_panel_of_a_killed_server_is_found_again(installation: Installation, visitors: Visitors) -> None:
    # The page asks for its kernel while there is no server.
    visitors.expect_error("")
    page = visitors.new()
    open_panel(page, installation)
    attempt = attempt_of(installation)
    before = supervisor(attempt)
    installation.kill()
    installation.start()
    page.goto(f"{installation.origin}/panel/")
    expect(page.get_by_role("navigation", name="Pages")).to_be_visible()
    assert attempt_of(installation) == attempt
    assert supervisor(attempt) == before
    log = b"".join(file.read_bytes() for file in attempt.iterdir() if file.is_file())
    assert HIDDEN.encode() not in log, "no token is in what it leaves behind"


def test_a_page_says_that_the_server_is_gone_and_goes_on_when_it_is_back(
    installation: Installation, visitors: Visitors
) -> None:
    visitors.expect_error("")
    page = visitors.new()
    open_panel(page, installation)
    installation.kill()
    words = page.get_by_text("The server does not answer.")
    expect(words).to_be_visible()
    installation.start()
    expect(words).not_to_be_visible()
    page.get_by_role("link", name="Jobs", exact=True).click()
    expect(page.get_by_role("heading", name="All jobs")).to_be_visible()


# SPEC: CLI-30
def test_ctrl_c_stops_the_panel_too(tmp_path: Path, visitors: Visitors) -> None:
    visitors.expect_error("")
    with Installation(tmp_path / "home") as installation:
        page = visitors.new()
        open_panel(page, installation)
        attempt = attempt_of(installation)
        gone = os.pidfd_open(supervisor(attempt))
        assert installation.stop(signal.SIGINT) == 130
        wait_gone(gone)
        assert not attempt_dir.is_held(str(attempt))
