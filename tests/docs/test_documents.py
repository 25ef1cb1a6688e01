"""What the documents name is there: files, links and commands."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENTS = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md"]

LINK = re.compile(r"\]\((?!https?:)([^)#]+)\)")
FILE = re.compile(r"`([\w./]+(?:\.py|\.txt|/))`")
COMMAND = re.compile(r"^make ([\w-]+)", re.MULTILINE)
SHOWN = {"__deployment__.py", "files/", "envs/", "/panel/"}
"""Files of users and of servers, and addresses: nothing of this repository."""


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_lead_somewhere(document: str) -> None:
    text = (ROOT / document).read_text(encoding="utf-8")
    assert [link for link in LINK.findall(text) if not (ROOT / link).exists()] == []


@pytest.mark.parametrize("document", ["ARCHITECTURE.md", "CONTRIBUTING.md"])
def test_named_files_exist(document: str) -> None:
    text = (ROOT / document).read_text(encoding="utf-8")
    core = ROOT / "runtime_core/runyard"
    server = ROOT / "server/runyard_server"
    missing = [
        name
        for name in set(FILE.findall(text)) - SHOWN
        if not any((base / name).exists() for base in (ROOT, core, core / "core", server))
    ]
    assert missing == []


@pytest.mark.parametrize("document", ["README.md", "CONTRIBUTING.md"])
def test_commands_exist(document: str) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    commands = COMMAND.findall((ROOT / document).read_text(encoding="utf-8"))
    assert commands
    assert [command for command in commands if f"\n{command}:" not in makefile] == []
