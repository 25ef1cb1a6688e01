"""A real browser for tests: Debian's Chromium, and visitors who each have a profile of their own.

At the end of every test nothing may have left the machine, and no page may have failed in a way that the test did not
expect. Playwright's synchronous interface holds the event loop of its thread: a test that uses a browser starts
servers in other threads or processes, and never calls `asyncio.run`.
"""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal, TypeVar
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    FloatRect,
    Locator,
    Page,
    Request,
    ViewportSize,
    WebError,
    WebSocket,
    expect,
    sync_playwright,
)
from tests.support.patience import PATIENCE_SECONDS

PATIENCE_MS = 1000 * PATIENCE_SECONDS
"""How long a page may take to show something."""

LIMIT_SECONDS = 600
"""How long a test with a browser may take, with the servers and kernels that it starts: far more than it does."""

LOOK_EVERY_MS = 50
"""Pause between two looks at what no expectation of Playwright's waits for."""

SLOWNESS = float(os.environ.get("SLOW_BROWSER", "1"))
"""How many times slower than it could a page computes: what holds by chance only is found sooner so."""

T = TypeVar("T")

DESKTOP = ViewportSize(width=1280, height=800)
PHONE = ViewportSize(width=390, height=844)

CLOSE_CODES = """
{
  const Native = window.WebSocket
  window.closeCodes = []
  window.WebSocket = class extends Native {
    constructor(...given) {
      super(...given)
      this.addEventListener("close", (event) => window.closeCodes.push(event.code))
    }
  }
}
"""
"""A script for a page before anything else: it keeps the codes with which sockets are closed, for `expect_closed`."""

LOOKS = 6
"""How often a page is looked at until two pictures are the same: one that counts seconds never rests for long."""

FLAGS = (
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # What the recorder below would only notice cannot even be looked up.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE *.localhost, EXCLUDE 127.0.0.1",
)

HARMLESS = (
    # Browsers ask for it on their own, with no page to blame.
    r"status of 404 .*/favicon\.ico",
    # The page that says that an app, or the panel, is starting; it asks again by itself.
    r"status of 503 \(Service Unavailable\) \(http://[^/]+/(panel/(#.*)?)?\)$",
)
"""Console errors that say nothing about a page: patterns of `text (address)`."""

expect.set_options(timeout=PATIENCE_MS)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give every test with a browser the time it may need."""
    for item in items:
        if isinstance(item, pytest.Function) and "chromium" in item.fixturenames:
            item.add_marker(pytest.mark.timeout(LIMIT_SECONDS))


def eventually(page: Page, read: Callable[[], T], holds: Callable[[T], bool]) -> T:
    """Return what is read once it `holds`; a page goes on meanwhile. Raises: AssertionError with what was read last."""
    give_up_at = time.monotonic() + PATIENCE_SECONDS
    while not holds(found := read()):
        assert time.monotonic() < give_up_at, f"this is what it stays: {found!r}"
        page.wait_for_timeout(LOOK_EVERY_MS)
    return found


def box_of(locator: Locator) -> FloatRect:
    """Return where something is on screen, once it is there: for a hand that is led to it."""
    locator.wait_for()
    box = locator.bounding_box()
    assert box is not None, "it is visible"
    return box


def expect_closed(page: Page, code: int) -> None:
    """Wait until a socket of a page is closed with a code."""
    page.wait_for_function("(code) => window.closeCodes.includes(code)", arg=code)


class Visitors:
    """People at one browser, strangers to each other, and a record of what their pages did."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._contexts: list[BrowserContext] = []
        self._hosts: set[str] = set()
        self._errors: list[str] = []
        self._expected = list(HARMLESS)

    def new(self, *, scheme: Literal["light", "dark"] = "light", size: ViewportSize = DESKTOP) -> Page:
        """Return an empty page of somebody new: no cookies, nothing cached."""
        context = self._browser.new_context(color_scheme=scheme, viewport=size)
        context.set_default_timeout(PATIENCE_MS)
        context.on("request", self._on_request)
        context.on("page", self._on_page)
        context.on("weberror", self._on_error)
        context.on("console", self._on_console)
        self._contexts.append(context)
        return context.new_page()

    def expect_error(self, pattern: str) -> None:
        """Let pages say on their console what matches `text (address)`: the test provokes it."""
        self._expected.append(pattern)

    def leave(self) -> None:
        """Close everything. Raises: AssertionError for what left the machine, or failed unexpectedly."""
        for context in self._contexts:
            context.close()
        abroad = {host for host in self._hosts if not _is_here(host)}
        assert not abroad, f"pages asked for something on {', '.join(sorted(abroad))}"
        failed = [
            error for error in self._errors if not any(re.search(known, error) for known in self._expected)
        ]
        assert not failed, "pages failed:\n" + "\n".join(failed)

    def _on_page(self, page: Page) -> None:
        page.on("websocket", self._on_socket)
        if SLOWNESS != 1:
            page.context.new_cdp_session(page).send("Emulation.setCPUThrottlingRate", {"rate": SLOWNESS})

    def _on_request(self, request: Request) -> None:
        self._hosts.add(urlsplit(request.url).hostname or "")

    def _on_socket(self, socket: WebSocket) -> None:
        self._hosts.add(urlsplit(socket.url).hostname or "")

    def _on_error(self, error: WebError) -> None:
        self._errors.append(str(error.error.stack or error.error))

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self._errors.append(f"{message.text} ({message.location['url']})")


class Album:
    """Pictures of pages: of ours in light, in dark and as a phone shows them."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        directory.mkdir(parents=True, exist_ok=True)

    def take(self, page: Page, name: str, ready: Callable[[Page], None]) -> None:
        """Save `<name>-light.png`, `<name>-dark.png` and `<name>-phone.png` of a page, which a phone loads anew.

        `ready` waits for what the page shows.
        """
        size = page.viewport_size or DESKTOP
        ready(page)
        self.snap(page, f"{name}-light")
        page.emulate_media(color_scheme="dark")
        self.snap(page, f"{name}-dark")
        page.emulate_media(color_scheme="light")
        page.set_viewport_size(PHONE)
        page.reload()
        ready(page)
        self.snap(page, f"{name}-phone")
        page.set_viewport_size(size)

    def snap(self, page: Page, name: str) -> None:
        """Save what a page shows once it rests: it has drawn itself anew for its size and scheme."""
        shown = b""
        for _ in range(LOOKS):
            before, shown = shown, page.screenshot(animations="disabled", caret="hide")
            if shown == before:
                break
        (self._directory / f"{name}.png").write_bytes(shown)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Return a browser that the tests of a module share; no longer, as it holds the event loop meanwhile."""
    path = shutil.which("chromium")
    if path is None:
        pytest.fail("There is no Chromium: run `make browser`.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        yield browser
        browser.close()


@pytest.fixture
def visitors(chromium: Browser) -> Iterator[Visitors]:
    """Return visitors whose pages are judged when the test is over."""
    visitors = Visitors(chromium)
    yield visitors
    visitors.leave()


@pytest.fixture
def album(tmp_path: Path) -> Album:
    """Return where pictures go: the directory that `SCREENSHOTS` names, else one that is thrown away."""
    return Album(Path(os.environ.get("SCREENSHOTS") or tmp_path / "screenshots"))


def _is_here(host: str) -> bool:
    # No host at all: data, blobs and empty pages.
    return host in ("", "localhost", "127.0.0.1") or host.endswith(".localhost")
