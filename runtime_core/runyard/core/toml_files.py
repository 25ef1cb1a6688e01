"""TOML that people write by hand: read a file, and what one expects to find in it.

Whatever stands there, what comes out is what was asked for or an error that names the file's fault. What the settings
mean is `settings`, what a project declares `requirements`.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runyard.core.errors import InvalidWorkspace

if TYPE_CHECKING:
    from tomlkit import TOMLDocument


def read(path: Path) -> dict[str, Any]:
    """Return the tables of a file.

    Raises: OSError if it cannot be read, InvalidWorkspace if it is not TOML.
    """
    try:
        return tomllib.loads(path.read_text("utf-8"))
    # Besides its own, the parser raises these for numbers of thousands of digits and brackets some hundred deep.
    except (ValueError, RecursionError) as error:
        raise InvalidWorkspace(
            f"`{path}` is not valid TOML: {error}.", "Correct it and try again."
        ) from error


def edit(path: Path) -> TOMLDocument:
    """Return a file, or an empty one, in a form that keeps comments and order when it is written again.

    Raises: InvalidWorkspace if it is not TOML.
    """
    # Imported when used: an app that only reads its workspace need not have it.
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    if not path.exists():
        return tomlkit.document()
    read(path)
    try:
        return tomlkit.parse(path.read_text("utf-8"))
    except (TOMLKitError, ValueError, RecursionError) as error:
        raise InvalidWorkspace(
            f"`{path}` cannot be changed: {error}.", "Write its tables in the usual way."
        ) from error


def table(within: Mapping[str, Any], *names: str) -> Any:
    """Return the table of that path; an empty one if there is none.

    Raises: InvalidWorkspace if something else stands there.
    """
    found: Any = within
    for depth, name in enumerate(names, 1):
        found = found.get(name, {})
        if not isinstance(found, Mapping):
            raise InvalidWorkspace(
                f"`{'.'.join(names[:depth])}` is no table.", f"Write it as `[{'.'.join(names)}]`."
            )
    return found


def texts(within: Mapping[str, Any], name: str) -> list[Any]:
    """Return the list of that name; an empty one if there is none. Raises: InvalidWorkspace if it is no list."""
    found = within.get(name, [])
    if not isinstance(found, list):
        raise InvalidWorkspace(f"`{name}` is no list.", f'Write it as `{name} = ["..."]`.')
    return found


def text(within: Mapping[str, Any], name: str) -> str | None:
    """Return the text of that name, None if there is none. Raises: InvalidWorkspace if it is no text."""
    found = within.get(name)
    if found is not None and not isinstance(found, str):
        raise InvalidWorkspace(f"`{name}` is {found!r:.40}, which is no text.", "Write it between quotes.")
    return found
