"""A public link in a real browser: from a stopped notebook to two strangers at it, and to the end of both."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect
from tests.browser.test_viewers import BOOK
from tests.support.browsers import CLOSE_CODES, Visitors, eventually, expect_closed
from tests.support.sites import site

from runyard_server.open_visits import CUT_CODE

pytestmark = pytest.mark.slow

FILES = {"book.py": BOOK, "__deployment__.py": "import book\n__all__ = ['book']\n"}


# SPEC: PUB-02, PUB-03, PUB-11
def test_strangers_use_a_notebook_until_its_link_is_taken_away(tmp_path: Path, visitors: Visitors) -> None:
    with site(tmp_path, FILES) as shared:
        job = shared.client.job("book")
        assert [run.id for run in shared.client.runs(job_id=job.id)] == [], "nobody has started it"
        link = shared.client.publish(job.id).public_url
        assert link is not None
        ann, bob = visitors.new(), visitors.new()
        for page in (ann, bob):
            page.add_init_script(CLOSE_CODES)
            page.goto(link)
            expect(page.get_by_text("Hello nobody")).to_be_visible()
            # The token is gone from the address.
            page.wait_for_url(lambda url: urlsplit(url).path == "/")
        ann.get_by_label("Name").fill("Ann")
        ann.get_by_label("Name").press("Enter")
        expect(ann.get_by_text("Hello Ann")).to_be_visible()
        expect(bob.get_by_text("Hello nobody")).to_be_visible()
        eventually(ann, lambda: {cookie["name"] for cookie in ann.context.cookies()}, {"runyard_link"}.__eq__)
        ann.wait_for_function("() => document.referrer + document.cookie === ''")

        visitors.expect_error(r"40[34]|WebSocket|ERR_")
        shared.client.unpublish(job.id)
        for page in (ann, bob):
            expect_closed(page, CUT_CODE)
        for page in (ann, bob):
            page.reload()
            expect(page.get_by_role("heading", name="Nothing is served here")).to_be_visible()
        late = visitors.new()
        late.goto(link)
        expect(late.get_by_role("heading", name="Nothing is served here")).to_be_visible()
