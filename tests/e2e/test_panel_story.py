"""One story in a real browser: from a run that appears by itself to a public link that is taken away."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

import pytest
from playwright.sync_api import Locator, Page, expect
from tests.support.browsers import CLOSE_CODES, Visitors, eventually, expect_closed
from tests.support.sites import Site, site

from runyard_server.open_visits import CUT_CODE

pytestmark = pytest.mark.slow

INGEST = '''
import os
from pathlib import Path

from runyard import run


@run.job
def load_flights():
    """Load what the test says, line by line."""
    with (Path(os.environ["RUNYARD_DATA_DIR"]) / "flights").open() as flights:
        for flight in flights:
            print("loaded", flight, end="")


@run.job
def load_weather():
    """Wait for weather that never comes."""
    print("waiting for weather")
    (Path(os.environ["RUNYARD_DATA_DIR"]) / "weather").open().read()


@run.job(trigger=load_flights.success)
def publish():
    """Follow the flights."""
    print("published")
'''

REPORT = '''
"""Delays by month."""

import marimo

app = marimo.App(app_title="Delays")


@app.cell
def _():
    import marimo as mo
    name = mo.ui.text(label="Airline")
    mo.vstack([mo.md("# Delays"), name])
    return mo, name


@app.cell
def _(mo, name):
    mo.md(f"Showing {name.value or 'all airlines'}")
    return
'''

FILES = {
    "ingest.py": INGEST,
    "report.py": REPORT,
    "__deployment__.py": (
        "import report\nfrom ingest import load_flights, load_weather, publish\n"
        "__all__ = ['load_flights', 'load_weather', 'publish', 'report']\n"
    ),
}


@pytest.fixture
def flights(tmp_path: Path) -> Iterator[Site]:
    with site(tmp_path, FILES) as flights:
        flights.folder.mkdir(parents=True)
        for name in ("flights", "weather"):
            os.mkfifo(flights.folder / name)
        yield flights


@contextmanager
def pipe(site: Site, name: str) -> Iterator[TextIO]:
    """Say something to a job that listens; it goes on when this ends."""
    with (site.folder / name).open("w", buffering=1) as opened:
        yield opened


def row_of(page: Page, job: str) -> Locator:
    """Return the rows of a job, or of its runs, in the list that the page shows."""
    return page.get_by_role("grid").get_by_role("row").filter(has_text=job)


def choose(page: Page, job: str, action: str) -> None:
    """Use the menu of a row."""
    row_of(page, job).get_by_role("button", name="Actions for").click()
    page.get_by_role("menuitem", name=action).click()


def choose_airline(app: Page, name: str) -> None:
    """Move the control of the notebook and see its page change."""
    app.get_by_label("Airline").fill(name)
    app.get_by_label("Airline").press("Enter")
    expect(app.get_by_text(f"Showing {name}")).to_be_visible()


# SPEC: UI-02, UI-05, PUB-02, PUB-03, APP-05
def test_from_a_run_that_appears_to_a_link_that_is_taken_away(flights: Site, visitors: Visitors) -> None:
    page = visitors.new()
    flights.arrive(page)
    expect(page.get_by_role("heading", name="Newest runs")).to_be_visible()
    page.evaluate("() => { window.stayed = true }")

    flights.start("load_flights")
    expect(row_of(page, "load_flights")).to_contain_text("running")
    row_of(page, "load_flights").get_by_role("link").first.click()
    log = page.get_by_role("log")
    with pipe(flights, "flights") as said:
        for month in ("January", "February"):
            said.write(f"{month}\n")
            expect(log).to_contain_text(f"loaded {month}")
    expect(page.get_by_text("completed").first).to_be_visible()
    expect(page.get_by_role("link", name="publish #1")).to_be_visible()

    page.get_by_role("link", name="Jobs", exact=True).click()
    choose(page, "load_weather", "Run now")
    page.get_by_role("link", name="Runs", exact=True).first.click()
    expect(row_of(page, "load_weather")).to_contain_text("running")
    choose(page, "load_weather", "Cancel")
    expect(row_of(page, "load_weather")).to_contain_text("cancelled")
    choose(page, "load_weather", "Run again")
    expect(row_of(page, "load_weather").filter(has_text="#2")).to_contain_text("running")

    page.get_by_role("link", name="Links", exact=True).click()
    card = page.locator("section").filter(has=page.get_by_role("link", name="report", exact=True))
    with page.expect_popup() as opened:
        card.get_by_role("link", name="Open app").click()
    app = opened.value
    expect(app.get_by_role("heading", name="Delays")).to_be_visible()
    choose_airline(app, "United")

    # A page that is drawn anew between a press and its release takes no click: here the last change is the app's.
    expect(card).to_contain_text("running")
    card.get_by_text("Publish", exact=True).first.click()
    card.get_by_role("button", name="Publish").click()
    link = card.get_by_role("code")
    expect(link).to_contain_text("/-/link/")
    stranger = visitors.new()
    stranger.add_init_script(CLOSE_CODES)
    stranger.goto(eventually(page, link.inner_text, bool))
    choose_airline(stranger, "American")
    expect(app.get_by_text("Showing United")).to_be_visible()

    visitors.expect_error(r"40[34]|WebSocket|ERR_")
    card.get_by_text("Change").click()
    card.get_by_role("button", name="Take the link away").click()
    expect_closed(stranger, CUT_CODE)
    stranger.reload()
    expect(stranger.get_by_role("heading", name="Nothing is served here")).to_be_visible()
    choose_airline(app, "Delta")
    # It was never loaded again.
    page.wait_for_function("() => window.stayed")
