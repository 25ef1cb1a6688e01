"""Help, version and words the parser refuses: all of it without a server."""

from __future__ import annotations

import json
import socket
from typing import Any

import pytest
import typer

from runyard_server.cli import main
from runyard_server.cli.app import SUBCOMMANDS, app


def _commands(of: typer.Typer, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    found = [path]
    for command in of.registered_commands:
        assert command.callback is not None
        found.append((*path, command.name or command.callback.__name__))
    for group in of.registered_groups:
        assert group.typer_instance is not None
        assert group.name is not None
        found += _commands(group.typer_instance, (*path, group.name))
    return found


COMMANDS = _commands(app)


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("the network was touched")

    monkeypatch.setattr(socket.socket, "connect", refuse)


def ended(words: list[str]) -> int:
    with pytest.raises(SystemExit) as end:
        main(words)
    return int(end.value.code or 0)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
@pytest.mark.parametrize("option", ["--help", "-h"])
# SPEC: CLI-43
def test_every_command_explains_itself_with_an_example(
    command: tuple[str, ...], option: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ended([*command, option]) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "Usage: runyard" in text
    assert "Example: runyard" in text


# SPEC: CLI-42
def test_follow_is_one_option_with_two_names_wherever_a_log_can_be_streamed() -> None:
    found: dict[str, list[str]] = {}

    def look(command: Any, path: str) -> None:
        for parameter in command.params:
            if {"-f", "--follow"} & set(parameter.opts):
                found[path] = sorted(parameter.opts)
        for name, child in getattr(command, "commands", {}).items():
            look(child, f"{path} {name}".strip())

    look(typer.main.get_command(app), "")
    assert {"run", "job logs", "job runs logs"} <= found.keys()
    assert all(names == ["--follow", "-f"] for names in found.values())


# SPEC: CLI-50
@pytest.mark.parametrize(
    ("line", "near"), [("deplyo", "deploy"), ("job lst", "list"), ("job runs inf", "info")]
)
def test_an_unknown_command_is_refused_with_the_closest(
    line: str, near: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ended(line.split()) == 2
    assert f"Did you mean '{near}'?" in capsys.readouterr().err


@pytest.mark.parametrize(
    "line",
    ["job list --nonsense", "deploy extra", "job trigger", "run", "run x -c novalue", "dev --exit-when-done"],
)
# SPEC: CLI-44
def test_bad_usage_exits_with_2(line: str) -> None:
    assert ended(line.split()) == 2


# SPEC: CLI-44, CLI-45
@pytest.mark.parametrize(
    ("line", "cause", "command"),
    [
        ("--json job list --nonsense", "No such option: --nonsense", "runyard job list"),
        ("--nonsense --json", "No such option: --nonsense", "runyard"),
        ("deplyo --json", "No such command 'deplyo'. Did you mean 'deploy'?", "runyard"),
        ("job trigger --json", "Missing argument 'SELECTOR...'.", "runyard job trigger"),
        (
            "plan --days many --json",
            "Invalid value for '--days': Input should be a valid integer",
            "runyard plan",
        ),
        ("run x -c novalue --json", "Invalid value for -c: `novalue` is not KEY=VALUE.", "runyard run"),
        ("--json", "Missing command.", "runyard"),
        ("job runs --json", "Missing command.", "runyard job runs"),
    ],
)
def test_bad_usage_with_json_is_a_document_too(
    line: str, cause: str, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ended(line.split()) == 2
    said = capsys.readouterr()
    error = json.loads(said.out)["error"]
    assert error["code"] == "RY1110"
    assert error["cause"].startswith(cause)
    assert error["remedy"] == f"`{command} --help` says what there is."
    assert "Traceback" not in said.err


# SPEC: CLI-44
@pytest.mark.parametrize(
    "line",
    [
        "job runs list --limit {}",
        "job runs info load {}",
        "job logs load {}",
        "job why load -n {}",
        "job next load -n {}",
        "plan --days {}",
        "workspace manifest list --limit {}",
        "workspace manifest diff {}",
        "workspace manifest apply {}",
    ],
)
@pytest.mark.parametrize("number", ["0", "9" * 20, "x"])
def test_a_number_that_nothing_has_is_bad_usage(line: str, number: str) -> None:
    assert ended(line.format(number).split()) == 2


def test_the_version_may_be_asked_for_anywhere(capsys: pytest.CaptureFixture[str]) -> None:
    assert ended(["job", "list", "--version"]) == 0
    assert capsys.readouterr().out.startswith("runyard ")


# SPEC: CLI-41
def test_the_words_that_are_no_names_are_all_the_commands() -> None:
    for group, words in SUBCOMMANDS.items():
        assert words == {path[-1] for path in COMMANDS if path[:-1] == group}
