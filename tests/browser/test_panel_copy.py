"""The control panel as a job of one's own: one import in the deployment module."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import expect
from tests.support.browsers import Visitors
from tests.support.sites import Site, site

pytestmark = pytest.mark.slow

FILES = {
    "etl.py": "from runyard import run\n\n\n@run.job\ndef load():\n    print('loaded')\n",
    "__deployment__.py": (
        "from etl import load\nfrom runyard_notebooks import control_panel\n"
        "__all__ = ['control_panel', 'load']\n"
    ),
}


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with site(tmp_path_factory.mktemp("own"), FILES) as own:
        yield own


# SPEC: APP-11
def test_a_panel_of_ones_own_shows_its_workspace_and_changes_nothing(own: Site, visitors: Visitors) -> None:
    page = visitors.new()
    own.sign_in(page)
    own.open_app(page, own.serve("control_panel"))
    expect(page.get_by_role("heading", name="Newest runs")).to_be_visible()
    expect(page.get_by_text("A copy that reads")).to_be_visible()
    expect(page).to_have_url(re.compile(r"^http://control-panel-\w+\.localhost:\d+/"))
    page.goto(f"{page.url.partition('#')[0]}#/w/{own.client.workspace.id}/runs/{own.start('load')}")
    expect(page.get_by_text("completed").first).to_be_visible()
    expect(page.get_by_text("loaded", exact=True)).to_be_visible()
    expect(page.get_by_role("button", name="Run again")).to_be_disabled()
