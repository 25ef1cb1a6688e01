"""The page of a job in a browser far from the job: whose clocks it shows, and what it says before a refresh."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from tests.support.browsers import Visitors
from tests.support.sites import Site, site

pytestmark = pytest.mark.slow

CODE = """
from runyard import run, trigger


@run.job(
    trigger=trigger.schedule("0 6 * * *"),
    require={"timezone": "Pacific/Honolulu"},
    interval={"start": "2026-01-01"},
    expose={"tags": ["ingest"]},
)
def load():
    pass


@run.job(trigger=load.success)
def publish():
    pass
"""

FILES = {
    "etl.py": CODE,
    "__deployment__.py": 'from etl import load, publish\n__all__ = ["load", "publish"]\n',
}


def in_tokyo(visitors: Visitors, place: Site) -> Page:
    """Return the page of somebody signed in whose clocks are those of Tokyo."""
    page = visitors.new()
    page.context.new_cdp_session(page).send("Emulation.setTimezoneOverride", {"timezoneId": "Asia/Tokyo"})
    place.sign_in(page)
    return page


# SPEC: TAG-02, TZ-06, RFR-11, WDG-10
def test_a_job_is_found_by_its_tag_told_by_two_clocks_and_refreshed_knowingly(
    tmp_path: Path, visitors: Visitors
) -> None:
    with site(tmp_path, FILES) as shop, in_tokyo(visitors, shop) as page:
        here = f"{shop.origin}/panel/#/w/{shop.client.workspace.id}/jobs"
        page.goto(f"{here}?tag=ingest&by=tag")
        expect(page.get_by_role("rowheader", name="ingest")).to_be_visible()
        expect(page.get_by_role("row", name="publish")).to_have_count(0)
        page.get_by_role("link", name="load", exact=True).click()

        # 06:00 in Honolulu is 01:00 of the next day in Tokyo, all year.
        expect(page.get_by_role("columnheader", name="Your time Asia/Tokyo")).to_be_visible()
        expect(page.get_by_role("cell", name="01:00").first).to_be_visible()
        expect(page.get_by_role("cell", name="06:00").first).to_be_visible()

        page.get_by_text("From scratch", exact=True).click()
        reached = page.locator(".reach li")
        expect(reached).to_have_text(["loadfrom 1 Jan 2026, 01:00:00", "publishas its code says"])

        # Of another job, another list; and no menu stays open on the way there.
        page.goto(f"{here}/jobs.etl.publish")
        expect(page.get_by_role("heading", name="publish")).to_be_visible()
        expect(reached.first).to_be_hidden()
        page.get_by_text("From scratch", exact=True).click()
        expect(reached).to_have_text(["publishas its code says"])

        page.go_back()
        expect(page.get_by_role("heading", name="load", exact=True)).to_be_visible()
        page.go_back()
        expect(page.get_by_role("button", name="Group by tag")).to_have_attribute("aria-pressed", "true")
        expect(page.get_by_label("Tag", exact=True)).to_have_value("ingest")
