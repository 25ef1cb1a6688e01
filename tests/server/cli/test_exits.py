"""Which error ends a command with which code."""

from __future__ import annotations

import pytest

from runyard.core import errors
from runyard_server.cli.exits import exit_code_of
from runyard_server.client import SeveralWorkspaces


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (errors.RunyardError, 1),
        (errors.StorageFull, 1),
        (errors.EnvironmentFailed, 1),
        (SeveralWorkspaces, 2),
        (errors.NotSignedIn, 3),
        (errors.Forbidden, 3),
        (errors.NotFound, 4),
        (errors.AmbiguousName, 4),
        (errors.Unavailable, 6),
        (errors.InvalidManifest, 7),
        (errors.InvalidWorkspace, 7),
        (errors.Conflict, 7),
        (errors.Declined, 7),
        (errors.TooLarge, 7),
    ],
)
# SPEC: CLI-44
def test_every_kind_of_error_has_its_exit_code(kind: type[errors.RunyardError], code: int) -> None:
    assert exit_code_of(kind("cause", "remedy")) == code
