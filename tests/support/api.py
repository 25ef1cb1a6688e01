"""A real server without a port: requests go straight into the application.

`Api` is the application over a real runtime in a temporary directory; its loops run only when a test asks for it,
so that runs stay where a test put them.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import os
import sys
from collections.abc import AsyncGenerator, Coroutine, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import httpx
from fastapi.routing import APIRoute
from sqlalchemy import Connection
from starlette.types import Message
from tests.support.clocks import TurnedClock
from tests.support.data_dirs import prepare
from tests.support.ends import move
from tests.support.loops import PausableLoop
from tests.support.people import add_member

from runyard.core.runs import Reason, RunStatus
from runyard.core.runtime import Runtime
from runyard.core.snapshots import describe, write_package
from runyard.core.store import accounts, workspaces
from runyard_server.app import ROUTERS, create_app
from runyard_server.context import Server
from runyard_server.settings import Settings

OWNER_KEY = "dlt_u_the-key-of-the-owner"

ORIGIN = "http://localhost"

REQUIREMENTS = {
    "engine_version": 2,
    "python_version": "3.11",
    "groups": {"main": []},
    "default_groups": ["main"],
    "launcher_requirements": {},
}
"""What the smallest workspace declares, as the published client writes it."""

JSON = dict[str, Any]

T = TypeVar("T")

ROUTES = {route.name: route for router in ROUTERS for route in router.routes if isinstance(route, APIRoute)}
"""Every route of the server, by the name of its operation."""


class Api:
    """A server and a caller with the owner's key; `workspace_id` is a workspace of the owner."""

    def __init__(
        self, data_dir: Path, database_url: str | None = None, *, key: str = OWNER_KEY, **settings: Any
    ) -> None:
        self.clock = TurnedClock()
        self.runtime = Runtime(
            prepare(data_dir),
            api_url=ORIGIN,
            base_env=dict(os.environ),
            database_url=database_url,
            workspace_python=Path(sys.executable),
            clock=self.clock,
        )
        self.settings = Settings(data_dir=data_dir, **{"bootstrap_api_key": key, **settings})
        self.app = create_app(self.runtime, self.settings)
        self._runner = asyncio.Runner(loop_factory=PausableLoop)
        self._lifespan: AbstractAsyncContextManager[Any] | None = None
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
        self._client = httpx.AsyncClient(transport=transport, base_url=ORIGIN)
        self.organization_id = self.server.installation.id
        self.workspace_id = self.ok(
            "POST",
            f"/api/v1/organizations/{self.organization_id}/workspaces",
            201,
            key=key,
            json={"name": "story", "description": None},
        )["id"]

    def __enter__(self) -> Api:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._runner.run(self._client.aclose())
        if self._lifespan is not None:
            self._runner.run(self._lifespan.__aexit__(kind, error, trace))
        else:
            self.runtime.close()
        self._runner.close()

    @property
    def server(self) -> Server:
        server: Server = self.app.state.server
        return server

    @property
    def here(self) -> str:
        return f"/api/v1/workspaces/{self.workspace_id}"

    def start_loops(self) -> None:
        """Let runs start, as a served application does."""
        self._lifespan = self.app.router.lifespan_context(self.app)
        self._runner.run(self._lifespan.__aenter__())

    def request(self, method: str, path: str, *, key: str | None = OWNER_KEY, **given: Any) -> httpx.Response:
        """Send a request; with `key` None without a credential."""
        headers = dict(given.pop("headers", {}))
        if key is not None:
            headers.setdefault("authorization", f"Bearer {key}")
        return self._runner.run(self._client.request(method, path, headers=headers, **given))

    def forget_cookies(self) -> None:
        """Be another browser."""
        self._client.cookies.clear()

    def ok(self, method: str, path: str, status: int = 200, **given: Any) -> JSON:
        """Send a request that has to be answered with `status`, and return its JSON."""
        response = self.request(method, path, **given)
        assert response.status_code == status, response.text
        answer: JSON = response.json()
        return answer

    def get(self, path: str, **given: Any) -> JSON:
        return self.ok("GET", path, **given)

    def post(self, path: str, body: Any = None, **given: Any) -> JSON:
        return self.ok("POST", path, json=body, **given)

    # What a workspace needs ---------------------------------------------------------------------------

    def upload(self, noun: str, root: Path, texts: Mapping[str, str]) -> httpx.Response:
        """Upload these files as code (`deployments`) or settings (`configurations`)."""
        issued = self.post(f"{self.here}/{noun}/-issue-upload")
        return self.send(issued, package(root, texts), with_requirements=noun == "deployments")

    def send(self, issued: JSON, archive: bytes, *, with_requirements: bool) -> httpx.Response:
        """Send an archive to where the server said."""
        files: dict[str, tuple[str, bytes, str]] = {
            "file": ("workspace.tar.gz", archive, "application/x-tar")
        }
        if with_requirements:
            document = json.dumps(REQUIREMENTS).encode()
            files["requirements_file"] = ("requirements.json", document, "application/json")
        return self.request("POST", issued["upload_url"], key=issued["upload_token"], files=files)

    def deploy(self, *jobs: JSON, **given: Any) -> JSON:
        """Apply a manifest of these jobs."""
        body = {
            "job_definition_engine_version": 2,
            "job_definition_hash": "hash",
            "jobs": list(jobs),
            "deployment_module": "__deployment__",
            "description": None,
            "dry_run": False,
        }
        return self.post(f"{self.here}/-deploy", {**body, **given})

    def prepare(self, root: Path, *jobs: JSON, texts: Mapping[str, str] | None = None) -> list[JSON]:
        """Upload code and settings, deploy the jobs and return them as they are now."""
        for noun, files in (
            ("deployments", texts or {"etl.py": ""}),
            ("configurations", {"config.toml": ""}),
        ):
            response = self.upload(noun, root / noun, files)
            assert response.status_code == 200, response.text
        receipt = self.deploy(*jobs)["job_receipt"]
        return [row["job"] for row in receipt["succeeded"]]

    def start_job(self, job_id: str) -> JSON:
        """Start a job and return its run."""
        receipt = self.post(f"{self.here}/jobs/-trigger", {"job_ids": [job_id]})
        run: JSON = receipt["succeeded"][0]["job_run"]
        return run

    def move(self, run_id: str, *statuses: RunStatus, reason: Reason | None = None) -> None:
        """Move a run as the executor does; `reason` goes with the last move."""

        def work(connection: Connection) -> None:
            for status in statuses:
                why = reason if status is statuses[-1] else None
                begun = {"attempt": 1} if status is RunStatus.STARTING else {}
                assert move(connection, run_id, status, now=self.clock.now(), reason=why, values=begun)

        self.runtime.database.write(work)

    def add_user(self, role: str, *, workspace_key: bool = False) -> str:
        """Return the API key of a new user with a role in the workspace."""
        runtime = self.runtime
        key = ("dlt_sa_" if workspace_key else "dlt_u_") + runtime.ids.new_token()
        user_id = add_member(runtime, self.workspace_id, role)
        runtime.database.write(
            lambda connection: accounts.put_api_key(
                connection,
                id=runtime.ids.new_id(),
                user_id=user_id,
                workspace_id=self.workspace_id if workspace_key else None,
                label=role,
                token=key,
                expires_at=None,
                now=runtime.clock.now(),
            )
        )
        return key

    def foreign_workspace(self) -> str:
        """Return the id of a workspace that the owner has no part in."""
        runtime = self.runtime
        workspace_id = runtime.ids.new_id()
        owner = self.server.installation.owner_id
        runtime.database.write(
            lambda connection: workspaces.create(
                connection,
                id=workspace_id,
                name="foreign",
                description=None,
                user_id=owner,
                now=runtime.clock.now(),
            )
        )
        return workspace_id

    # Streams ------------------------------------------------------------------------------------------

    def read_events(
        self, path: str, count: int, *, key: str = OWNER_KEY, headers: Mapping[str, str] | None = None
    ) -> list[str]:
        """Return the first frames of a stream of server-sent events, and leave."""

        async def work() -> list[str]:
            stream = self.frames(path, key=key, headers=headers)
            async with contextlib.aclosing(stream):
                return [await anext(stream) for _ in range(count)]

        return self._runner.run(work())

    async def frames(
        self, path: str, *, key: str = OWNER_KEY, headers: Mapping[str, str] | None = None
    ) -> AsyncGenerator[str]:
        """Yield the frames of a stream as they come. (httpx would wait for the end of the body.)"""
        url = httpx.URL(ORIGIN + path)
        sent = {"host": "localhost", "authorization": f"Bearer {key}", **(headers or {})}
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": "GET",
            "scheme": "http",
            "path": url.path,
            "raw_path": url.raw_path,
            "query_string": url.query,
            "root_path": "",
            "headers": [(name.encode(), value.encode()) for name, value in sent.items()],
            "server": ("localhost", 80),
            "client": ("127.0.0.1", 1),
            "state": {},
        }
        messages: asyncio.Queue[Message] = asyncio.Queue()
        has_left = asyncio.Event()
        requests: list[Message] = [{"type": "http.request", "body": b"", "more_body": False}]

        async def receive() -> Message:
            if requests:
                return requests.pop()
            await has_left.wait()
            return {"type": "http.disconnect"}

        task = asyncio.create_task(self.app(scope, receive, messages.put))
        try:
            start = await messages.get()
            assert start["status"] == 200, (start, await messages.get())
            text, more = "", True
            while more:
                message = await messages.get()
                more = message.get("more_body", False)
                text += message["body"].decode()
                while "\n\n" in text:
                    frame, _, text = text.partition("\n\n")
                    yield frame
        finally:
            has_left.set()
            await task

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """Let what happens in this context wait for no timer of the loop that requests run on."""
        loop = self._runner.get_loop()
        assert isinstance(loop, PausableLoop)
        with loop.timers_stopped():
            yield

    def run_async(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the loop that requests run on."""
        return self._runner.run(work)


def package(root: Path, texts: Mapping[str, str]) -> bytes:
    """Return the archive of these files."""
    for path, text in texts.items():
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
    stream = io.BytesIO()
    write_package(root, describe(root, texts), stream)
    return stream.getvalue()
