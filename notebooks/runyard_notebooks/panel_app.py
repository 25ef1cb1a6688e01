"""The server's own panel as an ASGI application: the notebook, who looks at it, and marimo's files, fast.

Started by the server as a job (`runyard.core.system_job`) and reached through it at `/panel/`; every address in the
page is relative, so the prefix is nothing to know here. What is shown is `control_panel`, which also runs without this
where somebody deploys a copy.
"""

from __future__ import annotations

import gzip
import mimetypes
from collections.abc import Mapping
from contextlib import suppress
from ctypes import CDLL
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from urllib.parse import quote, unquote

import marimo
from marimo._entrypoints import registry
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.types import ASGIApp, Receive, Scope, Send

NOTEBOOK = "runyard_notebooks.control_panel"

ASSETS = f"_m/{marimo.__version__}"
"""Where marimo's files are: another version's are elsewhere, so a browser may keep these for good."""

FOREVER = "public, max-age=31536000, immutable"

COMPRESSIBLE = frozenset({".css", ".html", ".js", ".json", ".map", ".svg", ".ttf", ".txt", ".wasm"})
"""What gains from compression; pictures and web fonts are compressed already."""

IDENTITY = b"x-runyard-"
"""How the headers begin by which the server says who looks."""

SESSION_SECONDS = 300
"""How long a session waits for its browser to come back: a laptop that was closed for a moment."""

M_ARENA_MAX = -8
"""Of `mallopt`: how many heaps there may be. The C library of GNU has it, others have one heap anyway."""

HEAPS = 2
"""One at a time runs Python; the other is for what reads and writes beside it."""

ICON = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="7" fill="#1f5f4a"/>'
    '<path d="M8 22V10h8a4 4 0 0 1 0 8H8m8 0 7 4" fill="none" stroke="#fbfaf7" stroke-width="3" '
    'stroke-linecap="round" stroke-linejoin="round"/></svg>'
)

HEAD = (
    f'<link rel="icon" type="image/svg+xml" sizes="any" href="data:image/svg+xml,{quote(ICON)}">'
    '<meta name="referrer" content="no-referrer"><meta name="application-name" content="runyard">'
)


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who looks, as marimo passes it to the notebook; what they may do is in `meta`."""

    username: str
    is_authenticated: bool = True

    @property
    def display_name(self) -> str:
        return self.username


class Identity:
    """Moves who looks, and the token that acts for them, from headers to where only the notebook reads it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket"):
            scope = {**scope, **_told(scope)}
        await self._app(scope, receive, send)


def _told(scope: Scope) -> Mapping[str, object]:
    """Return what takes the place of a scope's headers: the rest of them, without cookies, and who looks."""
    said = {
        name.removeprefix(IDENTITY).decode(): unquote(value.decode("latin-1"))
        for name, value in scope["headers"]
        if name.startswith(IDENTITY)
    }
    kept = [
        (name, value)
        for name, value in scope["headers"]
        if not name.startswith(IDENTITY) and name != b"cookie"
    ]
    return {"headers": kept, "user": Viewer(said.get("user", "")), "meta": said}


class Assets:
    """marimo's files. Each is compressed when it is first asked for, and kept: all of them are some 3 MB."""

    def __init__(self, root: Path) -> None:
        # Known by name, so that no path leads out of the folder.
        self._files = {path.relative_to(root).as_posix(): path for path in root.rglob("*") if path.is_file()}
        self._compressed: dict[str, bytes] = {}

    async def serve(self, request: Request) -> Response:
        name = request.path_params["name"]
        if name not in self._files:
            return Response(status_code=404)
        headers = {"cache-control": FOREVER, "vary": "accept-encoding", "x-content-type-options": "nosniff"}
        wants = "gzip" in request.headers.get("accept-encoding", "")
        if wants and self._files[name].suffix in COMPRESSIBLE:
            headers["content-encoding"] = "gzip"
            content = self._compressed.get(name) or await run_in_threadpool(self._compress, name)
        else:
            content = await run_in_threadpool(self._files[name].read_bytes)
        return Response(content, headers=headers, media_type=mimetypes.guess_type(name)[0])

    def _compress(self, name: str) -> bytes:
        content = gzip.compress(self._files[name].read_bytes(), mtime=0)
        self._compressed[name] = content
        return content


async def _manifest(_request: Request) -> Response:
    """Return what a browser wants to know of a page that is put on a home screen."""
    about = {"name": "runyard", "display": "standalone", "start_url": "../../"}
    return JSONResponse(about, headers={"cache-control": FOREVER})


def _panel() -> Starlette:
    # Each of the many threads of sessions would begin a heap of its own, and keep what is free in it.
    with suppress(AttributeError):
        CDLL(None).mallopt(M_ARENA_MAX, HEAPS)
    # With everything it needs, so that the first session opens as fast as any other.
    notebook = import_module(NOTEBOOK).__file__
    assert notebook is not None, "a notebook is a file"
    # Before it runs cells marimo reads what every package here says of its plug-ins; none is added while we run.
    registry.entry_points = cache(entry_points)  # type: ignore[attr-defined, assignment]
    # Without one here marimo takes its settings from a project further up. A person's it does not find: the home of
    # a run is the run's own.
    Path("pyproject.toml").touch()
    builder = marimo.create_asgi_app(
        quiet=True, asset_url=ASSETS, html_head=HEAD, session_ttl=SESSION_SECONDS
    ).with_app(path="", root=notebook)
    assets = Assets(Path(marimo.__file__).parent / "_static")
    return Starlette(
        routes=[
            Route(f"/{ASSETS}/manifest.json", _manifest),
            Route(f"/{ASSETS}/{{name:path}}", assets.serve),
            Mount("/", builder.build(), middleware=[Middleware(GZipMiddleware)]),
        ],
        middleware=[Middleware(Identity)],
    )


app = _panel()
