"""Pages of a workspace whose author writes markup, terminal codes and endless lines wherever a text is shown."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import expect
from tests.support.browsers import Visitors
from tests.support.sites import Site, site

pytestmark = pytest.mark.slow

MARKUP = (
    "<img src=x onerror='window.taken=1'><script>window.taken=2</script>"
    "<marimo-button onclick='window.taken=3'></marimo-button> **bold** [a](javascript:window.taken=4) $x$ {{x}}"
)

JOBS = f"""
from runyard import run

MARKUP = {MARKUP!r}


@run.job(expose={{"display_name": MARKUP, "tags": ["a<b>"]}})
def hostile():
    \"\"\"{MARKUP}\"\"\"
    print("\\x1b[" * 100_000)
    print("\\x1b[2J\\x1b[9999;9999H\\x1b]0;title\\x07\\x1b[31mred\\x1b[0m after")
    print("y" * 1_000_000)
    print(MARKUP)
    raise ValueError(MARKUP)


@run.interactive(expose={{"display_name": MARKUP}})
def app():
    pass
"""

FILES = {
    "work.py": JOBS,
    "__deployment__.py": "from work import app, hostile\n__all__ = ['app', 'hostile']\n",
}


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Return a site on which everything that an author writes is hostile, the name of the workspace too."""
    with site(tmp_path_factory.mktemp("hostile"), FILES) as hostile:
        hostile.client.create_workspace(MARKUP)
        hostile.client.wait(hostile.start("hostile"))
        yield hostile


# SPEC: SEC-07
def test_what_an_author_writes_is_text_wherever_it_is_shown(hostile: Site, visitors: Visitors) -> None:
    client = hostile.client
    run = client.find_run("hostile")
    page = visitors.new()
    hostile.sign_in(page)
    written = page.get_by_text("onerror='window.taken=1'")

    def open_page(path: str, heading: str) -> None:
        page.goto(f"{hostile.origin}/panel/#/w/{client.workspace.id}{path}")
        expect(page.get_by_role("heading", name=heading, exact=True)).to_be_visible()

    open_page("", "Newest runs")
    expect(written.first).to_be_visible()
    page.get_by_role("button", name="site").click()
    expect(page.get_by_role("option").filter(has=written)).to_be_visible()
    page.keyboard.press("Escape")
    open_page("/jobs", "All jobs")
    page.get_by_role("row").filter(has_text="hostile").click()
    expect(written.first).to_be_visible()
    for path, heading in (("/jobs/jobs.work.hostile", "Set up"), ("/jobs/jobs.work.app", "Public link")):
        open_page(path, heading)
        expect(written.first).to_be_visible()
    open_page(f"/runs/{run.id}", "About this run")
    page.get_by_role("button", name="Wrap").click()
    expect(page.get_by_role("log").filter(has=written)).to_contain_text("red after")
    page.wait_for_function("() => window.taken === undefined")
