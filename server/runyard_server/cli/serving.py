"""A server in this process: the loops, the HTTP side, a port; up on entering, down on leaving.

Everything here needs the `server` extra; commands import this module when they start a server, not before.
"""

from __future__ import annotations

import logging
import os
import secrets
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import uvicorn
from starlette.types import ASGIApp

from runyard.core.clock import SystemClock
from runyard.core.errors import Conflict, RunyardError
from runyard.core.ids import SystemIds
from runyard.core.key_files import read_or_make
from runyard.core.runtime import Runtime
from runyard_server.app import create_app
from runyard_server.context import Server
from runyard_server.endless import Endless
from runyard_server.settings import USER_KEY, Settings
from runyard_server.tokens import Tokens

STOP_SECONDS = 2
"""How long answers that are under way may hold up the end. Streams do not: they are ended first."""

BACKLOG = 2048
"""Connections waiting to be accepted: a burst of 200 starts at once must not be refused."""


@dataclass(frozen=True, slots=True)
class Serving:
    """A server that answers at `origin`, until it has `ended`; `owner_url` signs the owner in, once. `server` is what
    its routes use.
    """

    origin: str
    owner_url: str
    ended: threading.Event
    server: Server


@contextmanager
def serving(settings: Settings, env: Mapping[str, str]) -> Iterator[Serving]:
    """Serve while the context is open. Runs that are under way at its end go on.

    Raises: Conflict if the port or the data directory is in use.
    """
    with _listen(settings) as listener:
        origin = settings.public_url or _origin(listener)
        clock, ids = SystemClock(), SystemIds()
        tokens = Tokens(settings.data_dir / "keys", clock, ids)
        runtime = Runtime(
            settings.data_dir,
            api_url=_origin(listener),
            base_env=env,
            database_url=settings.database_url,
            workspace_python=settings.workspace_python if settings.environment == "workspace" else None,
            min_every_seconds=settings.min_every_seconds,
            run_limits=settings.run_limits,
            log_limit_bytes=settings.log_limit_bytes,
            issue_key=tokens.run_key,
            issue_beacon_key=tokens.beacon_key,
            clock=clock,
            ids=ids,
        )
        app = create_app(runtime, settings)
        logging.getLogger("uvicorn.error").addFilter(_is_news)
        server = HttpServer(app)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="http")
        thread.start()
        try:
            server.is_up.wait()
            if not server.started:
                raise RunyardError("The server did not start.", "Its messages above say why.")
            here: Server = app.state.server
            yield Serving(origin, here.owner_url(origin), server.ended, here)
        finally:
            server.should_exit = True
            # The listener is the thread's until it ends; who presses Ctrl-C again must not close it before. A thread
            # itself, once waiting for it was interrupted, says that it has ended though it has not.
            while not server.ended.is_set():
                with suppress(KeyboardInterrupt):
                    server.ended.wait()
            thread.join()


def owner_key(settings: Settings) -> str:
    """Return the owner's API key: as set, else the one this data directory has kept since its first start."""
    path = settings.data_dir / "keys" / "owner"
    if settings.bootstrap_api_key:
        path.unlink(missing_ok=True)  # replaced for good: the server revokes what it knew before
        return settings.bootstrap_api_key
    return read_or_make(path, lambda: (USER_KEY + secrets.token_urlsafe(32)).encode()).decode()


def _is_news(record: logging.LogRecord) -> bool:
    """Return whether a message is worth saying: not that an answer ended early.

    We end one early when the app that gives it is gone, and answer a web socket with a status where there is nothing
    to open. Both are meant, and a browser that tries again and again would make a line of each try.
    """
    return not record.getMessage().startswith("ASGI callable returned without completing")


class HttpServer(uvicorn.Server):
    """Says when it is up, or will never be, and when it has ended. Its end cuts off what is endless."""

    def __init__(self, app: ASGIApp) -> None:
        self._endless = Endless(app)
        super().__init__(
            uvicorn.Config(
                self._endless,
                loop="asyncio",
                access_log=False,
                log_level="warning",
                server_header=False,
                timeout_graceful_shutdown=STOP_SECONDS,
            )
        )
        self.is_up = threading.Event()
        self.ended = threading.Event()

    def run(self, sockets: list[socket.socket] | None = None) -> None:
        try:
            super().run(sockets)
        finally:
            self.is_up.set()
            self.ended.set()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.is_up.set()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._endless.end()
        await super().shutdown(sockets)


def _listen(settings: Settings) -> socket.socket:
    try:
        listener = socket.create_server(
            (settings.host, settings.port),
            family=socket.AF_INET6 if ":" in settings.host else socket.AF_INET,
            backlog=BACKLOG,
        )
        # Connections inherit it. Without it the end of a small answer waits 40 ms for the client's acknowledgement.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return listener
    except OSError as error:
        raise Conflict(
            f"Cannot listen on {settings.host}:{settings.port}: {os.strerror(error.errno or 0)}.",
            "Stop what is there, or choose another `--port`.",
        ) from None


def _origin(listener: socket.socket) -> str:
    """Return the address under which this machine reaches the listener; loopback goes by its name."""
    host, port = listener.getsockname()[:2]
    is_local = host.startswith("127.") or host in ("::1", "0.0.0.0", "::")  # noqa: S104 - not binding here
    return f"http://{'localhost' if is_local else host}:{port}"
