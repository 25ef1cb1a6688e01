"""A workspace on disk: find its root, choose the files that leave it, read and write what it is connected to.

Hashing and packing the chosen files is in `snapshots`, what the settings files mean in `settings`, the
dependencies a workspace declares in `requirements`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runyard.core import profiles, toml_files
from runyard.core.errors import InvalidWorkspace, StartFailed
from runyard.core.processes import Processes
from runyard.core.settings import merge
from runyard.core.snapshots import MARKER, SETTINGS

if TYPE_CHECKING:
    from pathspec import PathSpec

PYPROJECT = "pyproject.toml"

DEFAULT_IGNORES = (
    "__pycache__/",
    "*.py[cod]",
    ".venv/",
    "venv/",
    "dist/",
    "build/",
    "*.egg-info/",
    ".mypy_cache/",
    ".ruff_cache/",
    ".pytest_cache/",
    ".coverage",
    "htmlcov/",
    "*.so",
    ".DS_Store",
    ".env",
)
"""What stays at home when there is no `.gitignore`; the published client's list, or hashes would differ."""

NEVER_ENTERED = frozenset({SETTINGS, ".git"})

GIT_TIMEOUT_SECONDS = 10.0
"""Reading git's index takes milliseconds; a hanging file system must not hold up a deploy."""


@dataclass(frozen=True, slots=True)
class Connection:
    """The workspace and server named under `[runtime]`, each None when not connected yet."""

    workspace_id: str | None = None
    api_base_url: str | None = None


def find_root(start: Path) -> Path:
    """Return the nearest directory from `start` upward that is a workspace.

    Raises: InvalidWorkspace. Source: WS-01, WS-02, WS-04.
    """
    start = start.absolute()
    for directory in (start, *start.parents):
        if (directory / SETTINGS / MARKER).is_file():
            return directory
    raise InvalidWorkspace(
        f"`{start}` is not in a workspace: `{SETTINGS}/{MARKER}` is missing.",
        "Create it with `runyard init`.",
    )


def require_pyproject(root: Path) -> Path:
    """Return the path of the file a deploy needs. Raises: InvalidWorkspace. Source: WS-05."""
    path = root / PYPROJECT
    if not path.is_file():
        raise InvalidWorkspace(
            f"`{path}` is missing; a deployment installs what it declares.",
            "Create it with `uv init --bare`, or with `runyard init`.",
        )
    return path


def select_files(root: Path) -> list[str]:
    """Return the paths of a deployment's files, relative to `root`, in POSIX form and sorted.

    All that `.gitignore` does not match; never settings, `.git`, virtual environments or links that lead out.
    Links are chosen as links: what they point to is only chosen if it is under the root itself.
    Raises: InvalidWorkspace if `.gitignore` cannot be read: what it means to keep at home would leave.
    Source: WS-19, VER-07, contract 6.4.
    """
    root = root.resolve()
    return sorted(_walk(root, _ignored(root / ".gitignore")))


def _ignored(file: Path) -> PathSpec[Any]:
    # Imported when used, as `tomlkit` below: an app that only reads its workspace need not have them.
    from pathspec import PathSpec

    try:
        patterns = file.read_text("utf-8").splitlines() if file.is_file() else DEFAULT_IGNORES
        return PathSpec.from_lines("gitignore", patterns)
    except (OSError, ValueError) as error:
        raise InvalidWorkspace(
            f"`{file.name}` cannot be read: {error}.", "Correct it and try again."
        ) from error


def _walk(root: Path, ignored: PathSpec[Any]) -> Iterator[str]:
    # A pattern such as `!keep.csv` may bring back a file of an ignored folder.
    has_exceptions = any(pattern.include is False for pattern in ignored.patterns)
    for directory, folder_names, file_names in os.walk(root):
        here = Path(directory).relative_to(root)
        links = [name for name in folder_names if (Path(directory) / name).is_symlink()]
        folder_names[:] = [
            name
            for name in folder_names
            if name not in NEVER_ENTERED
            and name not in links
            and not (Path(directory) / name / "pyvenv.cfg").exists()
            and (has_exceptions or not ignored.match_file(f"{(here / name).as_posix()}/"))
        ]
        for name in (*links, *file_names):
            path = (here / name).as_posix()
            if name not in NEVER_ENTERED and not ignored.match_file(path) and _can_leave(root, path):
                yield path


def _can_leave(root: Path, path: str) -> bool:
    """Return whether this is a file, or a link that means the same elsewhere; a socket is neither."""
    source = root / path
    if not source.is_symlink():
        return source.is_file()
    try:
        inside = source.resolve(strict=True).is_relative_to(root)
    except (OSError, RuntimeError):  # broken, or a circle
        return False
    return inside and not source.readlink().is_absolute()


def settings_files(root: Path) -> list[str]:
    """Return the names of the files in `.dlt/` that make a configuration, sorted.

    Source: PRF-13, PRF-14, VER-07.
    """
    folder = root / SETTINGS
    return sorted(
        path.name for path in folder.iterdir() if profiles.is_uploaded(path.name) and path.is_file()
    )


def tracked_secrets(root: Path, processes: Processes, env: Mapping[str, str]) -> list[str]:
    """Return the secrets files that git tracks, relative to `root`; none without git. Source: WS-09."""
    command = ["git", "ls-files", "-z", "--", f"{SETTINGS}/*secrets.toml"]
    try:
        listing = processes.run(command, cwd=root, env=env, timeout_seconds=GIT_TIMEOUT_SECONDS)
    except StartFailed:
        return []
    return [path for path in listing.stdout.split("\0") if path] if listing.returncode == 0 else []


def read_settings(root: Path, name: str) -> dict[str, Any]:
    """Return the tables of a settings file, none when there is no such file.

    Raises: InvalidWorkspace if it cannot be read or is not TOML.
    """
    try:
        return toml_files.read(root / SETTINGS / name)
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise InvalidWorkspace(f"`{SETTINGS}/{name}` cannot be read: {error}.", "Correct it.") from error


def read_connection(root: Path) -> Connection:
    """Return what the workspace is connected to. Raises: InvalidWorkspace if that is written in no form we know.

    `runtime.config.toml` is where the first clients wrote it: read when the newer place says nothing (WS-12).
    """
    table = merge(
        toml_files.table(read_settings(root, name), "runtime")
        for name in ("runtime.config.toml", "config.toml")
    )
    return Connection(toml_files.text(table, "workspace_id"), toml_files.text(table, "api_base_url"))


def write_workspace_id(root: Path, workspace_id: str) -> None:
    """Connect the workspace, keeping comments, order and everything else of `config.toml` (WS-12).

    Raises: InvalidWorkspace if the file is not TOML.
    """
    import tomlkit

    path = root / SETTINGS / "config.toml"
    document = toml_files.edit(path)
    toml_files.table(document, "runtime")
    document.setdefault("runtime", tomlkit.table())["workspace_id"] = workspace_id
    fresh = path.with_name(f"{path.name}.new")
    fresh.write_text(tomlkit.dumps(document), "utf-8")
    fresh.replace(path)
