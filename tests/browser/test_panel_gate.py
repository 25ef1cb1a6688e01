"""The way to the control panel in a real browser: signing in, coming back, other people, signing out."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect
from tests.support.browsers import Album, Visitors, eventually
from tests.support.sites import Site, site

pytestmark = pytest.mark.slow

FILES = {
    "etl.py": "from runyard import run\n\n\n@run.job\ndef load_orders() -> None:\n    print('loaded')\n",
    "__deployment__.py": "from etl import load_orders\n__all__ = ['load_orders']\n",
}

RELOAD_BYTES_MAX = 50_000
"""What a reload may transfer: the page itself, for marimo's files are kept."""

TRANSFERRED = """
() => performance.getEntries().filter(entry => "transferSize" in entry)
  .reduce((sum, entry) => sum + entry.transferSize, 0)
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with site(tmp_path_factory.mktemp("site"), FILES) as found:
        yield found


def has_content(page: Page) -> None:
    """Wait until the panel shows something of the workspace."""
    expect(page.get_by_role("navigation", name="Pages")).to_be_visible()


def test_signing_in_leads_to_the_page_that_was_asked_for(
    place: Site, visitors: Visitors, album: Album
) -> None:
    page = visitors.new()
    visitors.expect_error("status of 401")
    workspace = place.client.workspace.id
    page.goto(f"{place.origin}/w/{workspace}/jobs/{place.client.job('load_orders').id}")
    expect(page.get_by_role("heading", name="A runyard server")).to_be_visible()
    place.arrive(page)
    expect(page).to_have_url(f"{place.origin}/panel/#/w/{workspace}/jobs/jobs.etl.load_orders")
    expect(page.get_by_role("heading", name="load_orders")).to_be_visible()
    album.snap(page, "gate")


def test_a_reload_transfers_little(place: Site, visitors: Visitors) -> None:
    page = visitors.new()
    place.arrive(page)
    has_content(page)
    # What is still on its way would be fetched anew.
    page.wait_for_load_state("networkidle")
    page.reload()
    has_content(page)
    eventually(
        page, lambda: page.evaluate(TRANSFERRED), lambda transferred: 0 < transferred < RELOAD_BYTES_MAX
    )


def test_signing_out_closes_the_panel(place: Site, visitors: Visitors) -> None:
    page = visitors.new()
    place.sign_in(page)
    page.goto(place.origin)
    page.get_by_role("button", name="Sign out").click()
    visitors.expect_error("status of 401")
    expect(page.get_by_role("heading", name="A runyard server")).to_be_visible()
    page.goto(f"{place.origin}/panel/")
    expect(page.get_by_role("heading", name="A runyard server")).to_be_visible()


# SPEC: SEC-07
def test_neither_the_page_nor_its_socket_has_a_token(place: Site, visitors: Visitors) -> None:
    page = visitors.new()
    said: list[str] = []
    page.on("websocket", lambda socket: socket.on("framereceived", lambda data: said.append(str(data))))
    place.arrive(page)
    has_content(page)
    eventually(page, lambda: said, bool)
    # How every token begins that the server signs.
    assert "eyJ" not in page.content()
    assert not [frame for frame in said if "eyJhbGciOi" in frame or "eyJ0eXAiOi" in frame]
