"""What is read of a Python environment, and what is said of one that does not answer."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from runyard.core.errors import InvalidWorkspace
from runyard.core.installed import Installed, installed_for
from runyard.core.processes import SystemProcesses


# SPEC: DGR-08
def test_a_need_that_old_metadata_writes_in_its_own_way_is_passed_over(tmp_path: Path) -> None:
    for name, needs in {"old": "Requires-Dist: pytz (>dev)\nRequires-Dist: new\n", "new": ""}.items():
        folder = tmp_path / f"{name}-1.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n{needs}")
    assert Installed([str(tmp_path)], "3.11").modules_of(["old"]) == {"old", "new"}


@pytest.mark.parametrize("program", ["echo broken >&2; exit 1", "echo '{'; echo broken >&2"])
def test_a_python_that_does_not_say_what_it_has_is_named_with_its_last_words(
    tmp_path: Path, program: str
) -> None:
    python = tmp_path / "python"
    python.write_text(f"#!/bin/sh\n{program}\n")
    python.chmod(0o755)
    with pytest.raises(InvalidWorkspace) as caught:
        installed_for(python, SystemProcesses(), tmp_path, os.environ)
    assert str(python) in caught.value.cause
    assert caught.value.reasons == ("broken",)
