"""The browser of the tests itself: what leaves the machine and what fails is noticed."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser
from tests.support.browsers import Album, Visitors, eventually

pytestmark = pytest.mark.slow

ABROAD = "data:text/html,<img src='http://pictures.example/one.png'>"


def test_a_request_that_leaves_the_machine_is_noticed(chromium: Browser) -> None:
    visitors = Visitors(chromium)
    visitors.new().goto(ABROAD)
    with pytest.raises(AssertionError, match=r"pictures\.example"):
        visitors.leave()


def test_a_socket_that_leaves_the_machine_is_noticed(chromium: Browser) -> None:
    visitors = Visitors(chromium)
    page = visitors.new()
    with page.expect_websocket():
        page.evaluate("() => { new WebSocket('ws://sockets.example/live') }")
    with pytest.raises(AssertionError, match=r"sockets\.example"):
        visitors.leave()


@pytest.mark.parametrize(("script", "said"), [("throw new Error('oh')", "oh"), ("console.error('ah')", "ah")])
def test_a_page_that_fails_is_noticed_unless_that_was_expected(
    chromium: Browser, script: str, said: str
) -> None:
    for is_expected in (False, True):
        visitors = Visitors(chromium)
        visitors.new().goto(f"data:text/html,<script>{script}</script>")
        if is_expected:
            visitors.expect_error(said)
            visitors.leave()
        else:
            with pytest.raises(AssertionError, match=said):
                visitors.leave()


def test_visitors_share_nothing(visitors: Visitors) -> None:
    first, second = visitors.new(), visitors.new()
    first.context.add_cookies([{"name": "known", "value": "yes", "url": "http://localhost"}])
    eventually(second, second.context.cookies, [].__eq__)


def test_pictures_are_taken_in_light_in_dark_and_on_a_phone(visitors: Visitors, tmp_path: Path) -> None:
    page = visitors.new()
    page.goto(
        "data:text/html,<style>@media (prefers-color-scheme: dark) { body { background: black } }</style>"
    )
    Album(tmp_path).take(page, "home", lambda page: page.wait_for_load_state())
    light, dark, phone = ((tmp_path / f"home-{kind}.png").read_bytes() for kind in ("light", "dark", "phone"))
    assert [width_of(light), width_of(dark), width_of(phone)] == [1280, 1280, 390]
    assert light != dark


def width_of(picture: bytes) -> int:
    """Return the width in the head of a PNG file."""
    return int.from_bytes(picture[16:20], "big")
