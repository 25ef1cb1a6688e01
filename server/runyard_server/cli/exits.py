"""Which error ends a command with which code. One table, the same for every command. Source: CLI-44."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum

from runyard.core import errors
from runyard_server.cli.usage import BadUsage
from runyard_server.client import SeveralWorkspaces


class Exit(IntEnum):
    """How a command ended."""

    SUCCESS = 0
    FAILED = 1
    USAGE = 2
    NOT_ALLOWED = 3
    NOT_FOUND = 4
    RUN_NOT_COMPLETED = 5
    UNREACHABLE = 6
    REFUSED = 7
    INTERRUPTED = 130


CODES: Mapping[type[errors.RunyardError], Exit] = {
    BadUsage: Exit.USAGE,
    SeveralWorkspaces: Exit.USAGE,
    errors.NotSignedIn: Exit.NOT_ALLOWED,
    errors.Forbidden: Exit.NOT_ALLOWED,
    errors.NotFound: Exit.NOT_FOUND,
    errors.AmbiguousName: Exit.NOT_FOUND,
    errors.Unavailable: Exit.UNREACHABLE,
    errors.InvalidInput: Exit.REFUSED,
    errors.Conflict: Exit.REFUSED,
    errors.TooLarge: Exit.REFUSED,
    errors.RunyardError: Exit.FAILED,
}
"""Code of an error class; a class that is not here has the one of its nearest ancestor."""


def exit_code_of(error: errors.RunyardError) -> Exit:
    """Return the code a command ends with after an error."""
    return next(CODES[kind] for kind in type(error).__mro__ if kind in CODES)
