"""Every setting of the server: its default, its unit, what it does. Read once, at start, and handed down.

A setting is set by the environment variable `RUNYARD_` + its name in capitals. `docs/settings.md` has a
paragraph for each, and a test says so.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Literal, get_args
from urllib.parse import urlsplit

from runyard.core.errors import InvalidRequest
from runyard.core.intervals import MIN_EVERY_SECONDS
from runyard.core.store.queue import Limits
from runyard.core.uploads import UploadLimits

PREFIX = "RUNYARD_"

Environment = Literal["managed", "workspace"]
"""Where the Python of a run comes from: built by the server, or the workspace's own `.venv`."""

USER_KEY = "dlt_u_"
"""How the key of a person begins; the published client refuses a key that begins otherwise."""

BOOTSTRAP_KEY_MIN_CHARS = 20
"""A key is the whole protection of the owner's rights; below this it could be guessed."""

RUNS_MAX = 1_000_000
"""Largest limit of active runs; who wants more means no limit."""

MIB = 1024 * 1024
_LIMITS = UploadLimits()


def default_data_dir(env: Mapping[str, str]) -> Path:
    """Return where programs keep data; XDG_DATA_HOME counts only if it is absolute, as its specification has it."""
    home = Path(env.get("XDG_DATA_HOME", ""))
    return (home if home.is_absolute() else Path.home() / ".local" / "share") / "runyard"


@dataclass(frozen=True, slots=True)
class Settings:
    """What an operator may choose. Raises: InvalidRequest if the values make no safe server."""

    host: str = "127.0.0.1"
    """Address to listen on. Anything but loopback needs a `bootstrap_api_key` and a `public_url` (SEC-01)."""
    port: int = 8321
    """TCP port to listen on."""
    public_url: str | None = None
    """Scheme and host under which clients reach the server when that is not where it listens; no path."""
    apps_host: str = "localhost"
    """The name below which every interactive job has a host of its own, `<label>.<apps_host>` (SEC-07)."""
    data_dir: Path = field(default_factory=lambda: default_data_dir(os.environ))
    """The one directory that holds everything; a server has it for itself."""
    database_url: str | None = None
    """`postgresql://...`; without it the store is a SQLite file in the data directory."""
    bootstrap_api_key: str | None = field(default=None, repr=False)
    """The owner's API key, beginning with `dlt_u_`. Kept as a hash; another value later replaces it."""
    environment: Environment = "managed"
    """Where the Python of a run comes from."""
    workspace_python: Path | None = None
    """The interpreter of runs when `environment` is `workspace`."""
    min_every_seconds: float = MIN_EVERY_SECONDS
    """Shortest period an `every` trigger may have, in seconds (TRG-16)."""
    runs_max: int | None = None
    """Batch runs that may be active at once on the whole server; unset, any number (EXE-07)."""
    workspace_runs_max: int | None = None
    """Batch runs that may be active at once in each workspace; unset, any number (EXE-07)."""
    log_limit_bytes: int = 1024 * MIB
    """Log kept per run, in bytes; what comes after is dropped and the run goes on (LIM-07)."""
    upload_file_limit_bytes: int = _LIMITS.max_file_bytes
    """Largest file of an upload, in bytes (LIM-06)."""
    upload_limit_bytes: int = _LIMITS.max_total_bytes
    """Largest upload as a whole, unpacked, in bytes (LIM-06)."""
    upload_file_count_limit: int = _LIMITS.max_files
    """Most files of an upload."""

    def __post_init__(self) -> None:
        if self.public_url is not None:
            _check_public_url(self.public_url)
            _check_apart(self.public_url, self.apps_host)
        key = self.bootstrap_api_key
        if key is not None and not (key.startswith(USER_KEY) and len(key) >= BOOTSTRAP_KEY_MIN_CHARS):
            raise InvalidRequest(
                f"The bootstrap API key does not begin with `{USER_KEY}`, or is too short.",
                f"Make one: `{USER_KEY}` and {BOOTSTRAP_KEY_MIN_CHARS} random characters or more.",
            )
        if not self.is_loopback and not (key and self.public_url):
            raise InvalidRequest(
                f"Listening on `{self.host}` would open the server to others without a key.",
                "Set RUNYARD_BOOTSTRAP_API_KEY and RUNYARD_PUBLIC_URL, or listen on 127.0.0.1.",
            )

    @property
    def is_loopback(self) -> bool:
        """Return whether only this machine can reach the server."""
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    @property
    def run_limits(self) -> Limits:
        """Return how many runs may be active at once."""
        return Limits(self.runs_max, self.workspace_runs_max)

    @property
    def upload_limits(self) -> UploadLimits:
        """Return the bounds of one upload."""
        return UploadLimits(
            self.upload_file_limit_bytes, self.upload_limit_bytes, self.upload_file_count_limit
        )

    @classmethod
    def from_environment(cls, env: Mapping[str, str], **given: Any) -> Settings:
        """Return the settings that the environment names; what is `given` (and not None) wins.

        Raises: InvalidRequest naming the variable whose value does not fit.
        """
        values: dict[str, Any] = {}
        for name, read in _READERS.items():
            variable = f"{PREFIX}{name.upper()}"
            if text := env.get(variable):
                try:
                    values[name] = read(text)
                except ValueError as error:
                    raise InvalidRequest(f"{variable} is {text!r}.", f"Give it {error}.") from None
        values.setdefault("data_dir", default_data_dir(env))
        return cls(**values | {name: value for name, value in given.items() if value is not None})


def _check_public_url(text: str) -> None:
    try:
        url = urlsplit(text)
        is_origin = (
            url.scheme in ("http", "https") and url.hostname and not (url.path.strip("/") or url.query)
        )
    except ValueError:
        is_origin = False
    if not is_origin:
        raise InvalidRequest(
            f"The public URL `{text}` is no origin.",
            "Write it as `https://runyard.example.org`, without a path.",
        )


def _check_apart(public_url: str, apps_host: str) -> None:
    """A page may set cookies for the names above its own; `localhost` alone is nobody's, as browsers see it."""
    name = urlsplit(public_url).hostname or ""
    if apps_host != "localhost" and f".{name}".endswith(f".{apps_host}"):
        raise InvalidRequest(
            f"Apps below `{apps_host}` could reach into the server at `{name}`.",
            "Set RUNYARD_APPS_HOST to a name beside the server's own or below it.",
        )


def _whole(text: str) -> int:
    if not text.isdecimal():
        raise ValueError("a whole number")
    return int(text)


def _number_of_runs(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) <= RUNS_MAX:
        raise ValueError(f"a whole number from 1 to {RUNS_MAX:,}")
    return int(text)


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise ValueError("a port from 0 to 65535")
    return int(text)


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise ValueError("a number of seconds above 0")
    return value


def _environment(text: str) -> str:
    if text not in get_args(Environment):
        raise ValueError(" or ".join(f"`{name}`" for name in get_args(Environment)))
    return text


def _path(text: str) -> Path:
    return Path(text).expanduser().absolute()


def _host_name(text: str) -> str:
    name = text.lower().rstrip(".")
    if not re.fullmatch(r"[a-z0-9-]+(\.[a-z0-9-]+)*", name):
        raise ValueError("a host name such as `apps.example.org`, without scheme and port")
    return name


_OWN_READERS: dict[str, Callable[[str], Any]] = {
    "port": _port,
    "apps_host": _host_name,
    "data_dir": _path,
    "workspace_python": _path,
    "environment": _environment,
    "min_every_seconds": _seconds,
    "runs_max": _number_of_runs,
    "workspace_runs_max": _number_of_runs,
    "log_limit_bytes": _whole,
    "upload_file_limit_bytes": _whole,
    "upload_limit_bytes": _whole,
    "upload_file_count_limit": _whole,
}
_READERS = {item.name: _OWN_READERS.get(item.name, str) for item in fields(Settings)}
