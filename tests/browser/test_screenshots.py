"""Pictures of every page, of the example after a year of flights. `make screenshots` keeps them in the documents."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from tests.support.browsers import Album, Visitors
from tests.support.flights import flights_site, shared_folder
from tests.support.sites import Site, site

from runyard.core.job_refs import short_name

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

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


def test_the_pages_before_one_is_signed_in(flights: Site, visitors: Visitors, album: Album) -> None:
    page = visitors.new()
    visitors.expect_error("401")
    page.goto(flights.origin)
    album.take(page, "stranger")
    page.goto(flights.origin + flights.server.sign_ins.issue(flights.server.installation.owner_id))
    album.take(page, "sign-in")


def test_the_page_that_needs_no_panel(flights: Site, visitors: Visitors, album: Album) -> None:
    page = visitors.new()
    flights.sign_in(page)
    page.goto(flights.origin)
    album.take(page, "home")


def test_the_pages_of_the_panel(flights: Site, visitors: Visitors, album: Album) -> None:
    client = flights.client
    flights.serve("flights_report")
    client.publish(client.job("flights_report").id)
    page = visitors.new()
    flights.sign_in(page)
    place = f"{flights.origin}/panel/#/w/{client.workspace.id}"

    def show(path: str, heading: str, name: str) -> None:
        page.goto(f"{place}/{path}")
        expect(page.get_by_role("heading", name=heading).first).to_be_visible()
        settle(page)
        album.take(page, name)

    show("", "Newest runs", "overview")
    show("jobs", "All jobs", "jobs")
    show("jobs/jobs.ingest.load_flights", "History", "job")
    show("runs", "Runs", "runs")
    for run, name in ((client.find_run("publish"), "run"), (client.find_run("check_weather"), "run-failed")):
        show(f"runs/{run.id}", f"{short_name(run.job_ref or '')} #{run.number}", name)
    show("links", "Links", "links")


def test_a_public_app(flights: Site, visitors: Visitors, album: Album) -> None:
    job = flights.serve("flights_report")
    link = flights.client.publish(job.id).public_url
    assert link is not None
    page = visitors.new()
    page.goto(link)
    expect(page.get_by_text(re.compile("2013-01-01 to 2013-12-31"))).to_be_visible()
    expect(page.locator("canvas, svg.marks")).to_have_count(4)
    album.take(page, "public-app")


def settle(page: Page) -> None:
    """Wait until every list and log of a page shows something."""
    for grid in page.get_by_role("grid").all():
        expect(grid.get_by_role("row").nth(1)).to_be_visible()
    for log in page.get_by_role("log").all():
        expect(log).not_to_be_empty()


def test_the_pages_of_apps_that_show_nothing(tmp_path: Path, visitors: Visitors, album: Album) -> None:
    with site(tmp_path, FILES) as apps:
        page = visitors.new()
        apps.sign_in(page)
        gate = shared_folder(apps)
        gate.mkdir(parents=True)
        os.mkfifo(gate / "gate")
        apps.open_app(page, apps.client.job("patient"))
        expect(page.get_by_role("heading", name="Starting")).to_be_visible()
        album.take(page, "starting")
        broken = apps.client.job("broken")
        (started,) = apps.client.trigger(job_ids=[broken.id]).started
        assert started.run is not None
        apps.client.wait(started.run.id)
        apps.open_app(page, broken)
        expect(page.get_by_role("heading", name="This app is not running")).to_be_visible()
        album.take(page, "stopped")
        page.close()
