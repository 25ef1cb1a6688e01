"""Pages in one notebook: the address after `#` as a trait. What each page shows is not here, cells decide."""

from __future__ import annotations

import anywidget
import traitlets

from .live_widget import static


class Router(anywidget.AnyWidget):
    """Draws nothing. Cells read `route` and show their page; links are plain `<a href="#/runs">`.

    The browser's back button works, for a page is an address. Hashes without the slash are left alone.
    """

    _esm = static("router.js")

    route = traitlets.Unicode("/").tag(sync=True)
    """The page shown: begins with "/"."""
    zone = traitlets.Unicode("").tag(sync=True)
    """The browser's time zone, by its IANA name; known as soon as `route` is."""
    goto = traitlets.Unicode("").tag(sync=True)
    """The page Python asked for last; see `go`."""

    title = traitlets.Unicode("").tag(sync=True)
    """What the browser calls the page, in its tabs and its history; empty for what it called it before."""

    def entitle(self, title: str) -> None:
        """Call the page that is shown so."""
        self.title = title

    def go(self, route: str) -> None:
        """Show another page, as if its link was followed."""
        self.goto = ""  # so that asking twice for the same page is a change both times
        self.goto = route
