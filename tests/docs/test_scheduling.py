"""What the page about scheduling says is there: every decision has its words, and every command exists."""

from __future__ import annotations

import re
from pathlib import Path

from runyard.core.outcomes import Outcome
from runyard_server.cli.app import SUBCOMMANDS, app

PAGE = (Path(__file__).parents[2] / "docs" / "scheduling.md").read_text(encoding="utf-8")


def test_every_decision_is_explained() -> None:
    table = PAGE[PAGE.index("| decision | means |") :]
    rows = [row for row in table.splitlines()[2:] if row.startswith("|")]
    named = {word for row in rows for word in re.findall(r"`(\w+)`", row.split("|")[1])}
    assert named == set(Outcome)


def test_every_command_exists() -> None:
    first = {
        command.name or command.callback.__name__ for command in app.registered_commands if command.callback
    }
    for line in re.findall(r"runyard (\w+ ?\w*)", PAGE):
        group, _, command = line.partition(" ")
        assert group in first or command in SUBCOMMANDS[(group,)], line
