"""The apps of the example through the server: a person moves a control of its notebook."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import expect
from tests.support.browsers import Visitors
from tests.support.flights import flights_site, publish
from tests.support.sites import Site

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def flights(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with flights_site(tmp_path_factory.mktemp("flights")) as flights:
        publish(flights.folder)
        yield flights


# SPEC: APP-01, APP-05, SEC-07
def test_a_person_moves_a_control_of_the_notebook_and_the_page_changes(
    flights: Site, visitors: Visitors
) -> None:
    page = visitors.new()
    flights.sign_in(page)
    flights.open_app(page, flights.serve("flights_report"))
    expect(page.get_by_role("heading", name="New York departures 2013")).to_be_visible()
    expect(page.get_by_text("2013-01-01 to 2013-02-01")).to_be_visible()
    page.get_by_text("Select...").click()
    page.get_by_role("option", name="United").click()
    expect(page.get_by_text("2013-01-01 to 2013-01-01")).to_be_visible()
    expect(page).to_have_url(re.compile(r"^http://flights-report-\w+\.localhost:\d+/$"))
