"""The pages on an app's own host while the app itself has nothing to show: entering, starting, not running."""

from __future__ import annotations

from html import escape

from starlette.responses import HTMLResponse

from runyard_server.pages import page

RELOAD_SECONDS = 2
"""How long a page waits before it asks again: a notebook needs about two seconds to start."""

START_PATH = "/-/start"
"""Where the button goes that starts a stopped app."""


def unknown_page() -> HTMLResponse:
    """Return what a host shows that is no app, or none for this visitor: the page does not tell which."""
    return page(
        "Nothing here",
        """
<h1>Nothing is served here</h1>
<p>Check the address, or ask for a new one where you got it from.</p>""",
        status=404,
    )


def enter_page(url: str) -> HTMLResponse:
    """Return what somebody sees whom this host does not know (any more); `url` leads through the server."""
    return page(
        "Open this app",
        f"""
<h1>Open this app</h1>
<p>It is for members of its workspace. <a href="{escape(url)}">Open it from the server</a>, where you are
signed in.</p>""",
        status=401,
    )


def starting_page() -> HTMLResponse:
    """Return what a visitor sees until the app is there; the page asks again by itself."""
    return page(
        "Starting",
        """
<h1>Starting</h1>
<p role="status">The app is on its way. This page shows it as soon as it is there.</p>""",
        status=503,
        reload_seconds=RELOAD_SECONDS,
    )


def stopped_page(cause: str, *, may_start: bool) -> HTMLResponse:
    """Return what a visitor sees of an app that is not running and that opening the page does not start."""
    button = f'<form method="post" action="{START_PATH}"><button type="submit">Start it again</button></form>'
    return page(
        "Not running",
        f"""
<h1>This app is not running</h1>
<p>{escape(cause)}</p>
{button if may_start else ""}""",
        status=503,
    )


def closed_page() -> HTMLResponse:
    """Return what somebody without an account sees of an app that their link does not start now."""
    return page(
        "Not open",
        """
<h1>This app is not open just now</h1>
<p>Try again later, or ask whoever gave you the address.</p>""",
        status=503,
    )


def unreachable_page() -> HTMLResponse:
    """Return what a visitor sees when the app's process does not answer."""
    return page(
        "No answer",
        """
<h1>The app does not answer</h1>
<p role="status">It may be stopping, or very busy. This page asks again by itself.</p>""",
        status=502,
        reload_seconds=RELOAD_SECONDS,
    )
