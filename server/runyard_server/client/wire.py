"""Requests to a server, its errors as ours, and the forms of its streams. What is asked for is in `client`.

Streams on an event loop are opened in `streaming`, with what stands here.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any, TypeAlias
from urllib.parse import urlsplit

import httpx

from runyard.core import errors
from runyard_server.client.connection import Target
from runyard_server.client.models import LogPart

CONNECT_SECONDS = 5.0
"""A server that does not accept within this time is not there."""

ANSWER_SECONDS = 120.0
"""The slowest answer is a deploy of 10,000 jobs or an upload of 500 MB."""

QUIET_SECONDS = 45.0
"""A stream says something at least every 15 seconds; after three times that it is broken."""

Json: TypeAlias = dict[str, Any]

_BY_STATUS: Mapping[int, type[errors.RunyardError]] = {
    400: errors.InvalidRequest,
    401: errors.NotSignedIn,
    403: errors.Forbidden,
    404: errors.NotFound,
    409: errors.Conflict,
    413: errors.TooLarge,
    422: errors.InvalidRequest,
    502: errors.Unavailable,
    503: errors.Unavailable,
    504: errors.Unavailable,
    507: errors.StorageFull,
}

_REMEDIES: Mapping[type[errors.RunyardError], str] = {
    errors.NotSignedIn: "Sign in again, or set RUNYARD_API_KEY to a key of this server.",
}


@dataclass(frozen=True, slots=True)
class StreamEvent:
    """One event of a stream of server-sent events, its data read as JSON."""

    id: str
    name: str
    data: Json


OPENED = StreamEvent("", "opened", {})
"""Not from the server: says that a stream is open, from the first time on."""


STREAM_TIMEOUT = httpx.Timeout(QUIET_SECONDS, connect=CONNECT_SECONDS)


class Wire:
    """A connection pool to one server; its key goes nowhere else."""

    def __init__(self, target: Target, transport: httpx.BaseTransport | None = None) -> None:
        self.server = target.server
        timeout = httpx.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS)
        self._http = httpx.Client(**http_options(target), timeout=timeout, transport=transport)

    def close(self) -> None:
        self._http.close()

    def get(self, path: str, **params: Any) -> Json:
        return self.request("GET", path, params={k: v for k, v in params.items() if v is not None})

    def post(self, path: str, body: Json | None = None) -> Json:
        return self.request("POST", path, json=body)

    def request(self, method: str, path: str, **how: Any) -> Json:
        """Return the JSON object of a successful answer. Raises: RunyardError."""
        return _object(self._answer(method, path, **how))

    def content(self, path: str, **params: Any) -> bytes:
        """Return the bytes of a successful answer. Raises: RunyardError."""
        return self._answer("GET", path, params=params).content

    def _answer(self, method: str, path: str, **how: Any) -> httpx.Response:
        with translated(self.server):
            response = self._http.request(method, path, **how)
        if not response.is_success:
            raise error_of(response)
        return response

    @contextlib.contextmanager
    def lines(self, path: str) -> Iterator[Iterator[str]]:
        """Open a stored log as lines of NDJSON. Raises: RunyardError, also while it is read."""
        with self._stream(path, "application/x-ndjson") as response:
            yield response.iter_lines()

    @contextlib.contextmanager
    def events(self, path: str, last_id: str | None = None) -> Iterator[Iterator[StreamEvent]]:
        """Open a stream of server-sent events; when entered, the server has subscribed us.

        Raises: RunyardError, also while it is read: Unavailable if the connection broke.
        """
        with self._stream(path, "text/event-stream", last_id) as response:
            reader = EventReader()
            yield (event for line in response.iter_lines() if (event := reader.read(line)))

    @contextlib.contextmanager
    def _stream(self, path: str, accept: str, last_id: str | None = None) -> Iterator[httpx.Response]:
        headers = {"accept": accept} | ({"last-event-id": last_id} if last_id is not None else {})
        with (
            translated(self.server),
            self._http.stream("GET", path, headers=headers, timeout=STREAM_TIMEOUT) as response,
        ):
            if not response.is_success:
                response.read()
                raise error_of(response)
            yield response


def http_options(target: Target) -> Json:
    """Return how a connection pool to this server is made; its key goes nowhere else."""
    headers = {"user-agent": _user_agent()}
    if target.api_key:
        headers["authorization"] = f"Bearer {target.api_key}"
    return {
        "base_url": target.server,
        "headers": headers,
        # A proxy of the environment must not see what is meant for this machine.
        "trust_env": not _is_loopback(target.server),
        # Reading all certificates takes longer than most calls, and plain HTTP has none to compare.
        "verify": target.server.startswith("https:"),
    }


def _user_agent() -> str:
    """Return what we call ourselves; in a job we are a copy on its path, of no version that is installed."""
    try:
        return f"runyard/{version('runyard')}"
    except PackageNotFoundError:
        return "runyard"


@contextlib.contextmanager
def translated(server: str) -> Iterator[None]:
    """Turn a connection that fails into an error of ours."""
    try:
        yield
    except (httpx.TransportError, httpx.InvalidURL) as error:
        raise errors.Unavailable(
            f"The server at {server} does not answer ({str(error) or type(error).__name__}).",
            "Start it with `runyard dev`, or name another with `--server` or RUNYARD_SERVER.",
        ) from error


def _object(response: httpx.Response) -> Json:
    try:
        body = response.json()
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise errors.Unavailable(
            f"{response.url} answered {response.status_code} with something that is no JSON object.",
            "Check that the address is that of a runyard server.",
        )
    return body


def error_of(response: httpx.Response) -> errors.RunyardError:
    """Return what the server says is wrong, as the class its code or status names (contract 2.1)."""
    try:
        body = response.json()
    except ValueError:
        body = {}
    body = body if isinstance(body, dict) else {}
    detail = body.get("detail")
    kind = _BY_CODE.get(str(body.get("code"))) or _BY_STATUS.get(response.status_code, errors.RunyardError)
    cause = detail if isinstance(detail, str) else f"The server answered {response.status_code}."
    extra = body.get("extra")
    about = str(extra.get("input") or "") if isinstance(extra, dict) else ""
    return kind(cause, _REMEDIES.get(kind, ""), reasons=_reasons(extra), input_name=about)


def _reasons(extra: Any) -> list[str]:
    """Return the single reasons of an error: a list of texts or objects, or an object that holds one."""
    items = extra.get("reasons", []) if isinstance(extra, dict) else extra
    if not isinstance(items, list):
        return []
    return [_reason(item) if isinstance(item, dict) else str(item) for item in items]


def _reason(item: Json) -> str:
    text = str(item.get("message") or item.get("detail") or item)
    return f"{item['key']}: {text}" if item.get("key") else text


class EventReader:
    """Reads the event stream format line by line; `last_id` is where to go on after a lost connection."""

    def __init__(self) -> None:
        self.last_id = ""
        self._name = ""
        self._data: list[str] = []

    def read(self, line: str) -> StreamEvent | None:
        """Return the event that this line ends, if it has data; comments are skipped."""
        if not line:
            name, data, self._name, self._data = self._name, self._data, "", []
            return StreamEvent(self.last_id, name or "message", json.loads("\n".join(data))) if data else None
        key, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if key == "id":
            self.last_id = value
        elif key == "event":
            self._name = value
        elif key == "data":
            self._data.append(value)
        return None


class LogPartReader:
    """Reads frames of log lines from bytes as they come."""

    def __init__(self) -> None:
        self._rest = b""

    def read(self, data: bytes) -> Iterator[LogPart]:
        """Yield the parts that are whole now."""
        self._rest += data
        while (end := self._rest.find(b"\n")) >= 0:
            head = json.loads(self._rest[:end])
            start, end = end + 1, end + 1 + head.pop("size")
            if len(self._rest) < end:
                return
            body, self._rest = self._rest[start:end], self._rest[end:]
            yield LogPart(**head, body=body)


def _is_loopback(server: str) -> bool:
    host = urlsplit(server).hostname or ""
    return host in ("localhost", "::1") or host.endswith(".localhost") or host.startswith("127.")


def _tree(kind: type[errors.RunyardError]) -> Iterator[type[errors.RunyardError]]:
    yield kind
    for child in kind.__subclasses__():
        yield from _tree(child)


_BY_CODE = {kind.code: kind for kind in _tree(errors.RunyardError) if "code" in vars(kind)}
