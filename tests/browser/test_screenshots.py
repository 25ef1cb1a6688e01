"""Pictures of every page, of the example after a year of flights. `make screenshots` keeps them in the documents."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Page, expect
from tests.support.browsers import Album, Visitors
from tests.support.flights import flights_site
from tests.support.sites import Site, site

pytestmark = pytest.mark.slow

APPS = '''
import os

from runyard import run


@run.interactive
def patient():
    """Start when somebody lets it."""
    open(os.environ["RUNYARD_DATA_DIR"] + "/gate").read()


@run.interactive
def broken():
    """Never start."""
    raise ValueError("no such table: delays")
'''


FILES = {
    "apps.py": APPS,
    "__deployment__.py": "from apps import broken, patient\n__all__ = ['broken', 'patient']\n",
}


@pytest.fixture(scope="module")
def flights(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Return the example with everything loaded."""
    with flights_site(tmp_path_factory.mktemp("pictures")) as flights:
        client = flights.client
        client.trigger(selectors=["tag:demo"])
        while left := list(client.open_runs()):
            client.wait(left[0].id)
        yield flights


def shows(heading: str, *roles: Literal["grid", "log"]) -> Callable[[Page], None]:
    """Return what waits for a page with a heading, and for something in its lists and logs."""

    def wait(page: Page) -> None:
        expect(page.get_by_role("heading", name=heading).first).to_be_visible()
        for role in roles:
            expect(page.get_by_role(role).first).to_contain_text(" ")

    return wait


def test_the_pages_before_one_is_signed_in(flights: Site, visitors: Visitors, album: Album) -> None:
    page = visitors.new()
    visitors.expect_error("401")
    page.goto(flights.origin)
    album.take(page, "stranger", shows("A runyard server"))
    page.goto(flights.origin + flights.server.sign_ins.issue(flights.server.installation.owner_id))
    album.take(page, "sign-in", shows("Sign in"))


def test_the_page_that_needs_no_panel(flights: Site, visitors: Visitors, album: Album) -> None:
    page = visitors.new()
    flights.sign_in(page)
    page.goto(flights.origin)
    album.take(page, "home", shows("What runs here"))


def test_the_pages_of_the_panel(flights: Site, visitors: Visitors, album: Album) -> None:
    client = flights.client
    flights.serve("flights_report")
    client.publish(client.job("flights_report").id)
    run = client.find_run("publish")
    page = visitors.new()
    flights.sign_in(page)
    for path, name, ready in (
        ("", "overview", shows("Newest runs", "grid")),
        ("jobs", "jobs", shows("All jobs", "grid")),
        ("jobs/jobs.ingest.load_flights", "job", shows("History", "grid")),
        ("runs", "runs", shows("Runs", "grid")),
        (f"runs/{run.id}", "run", shows(f"publish #{run.number}", "log")),
        ("links", "links", shows("Links")),
    ):
        page.goto(f"{flights.origin}/panel/#/w/{client.workspace.id}/{path}")
        album.take(page, name, ready)


def test_a_public_app(flights: Site, visitors: Visitors, album: Album) -> None:
    link = flights.client.publish(flights.serve("flights_report").id).public_url
    assert link is not None
    page = visitors.new()
    page.goto(link)

    def shows_charts(page: Page) -> None:
        expect(page.get_by_text("2013-01-01 to 2013-12-31")).to_be_visible()
        expect(page.locator("canvas, svg.marks")).to_have_count(4)

    album.take(page, "public-app", shows_charts)


def test_the_pages_of_apps_that_show_nothing(tmp_path: Path, visitors: Visitors, album: Album) -> None:
    with site(tmp_path, FILES) as apps, visitors.new() as page:
        apps.sign_in(page)
        apps.folder.mkdir(parents=True)
        os.mkfifo(apps.folder / "gate")
        apps.open_app(page, apps.client.job("patient"))
        album.take(page, "starting", shows("Starting"))
        apps.client.wait(apps.start("broken"))
        apps.open_app(page, apps.client.job("broken"))
        album.take(page, "stopped", shows("This app is not running"))
