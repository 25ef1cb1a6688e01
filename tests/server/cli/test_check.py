"""`runyard check`: what it finds, how it says so, and that it asks no server."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from tests.server.cli.conftest import ETL, Shell

SECRET = "ghp_" + "a1B2c3D4e5" * 4

TIMED = """
from runyard import run, trigger

@run.job(trigger=trigger.schedule("0 6 * * *"), require={"timezone": "Europe/Berlin"})
def early(): ...

@run.job(trigger=trigger.every("1h"))
def often(): ...
"""


def write(shell: Shell, **files: str) -> None:
    """Write Python files by the name of their module."""
    for name, text in files.items():
        (shell.root / f"{name}.py").write_text(text)


def deploys(shell: Shell, *modules: str) -> None:
    """Write a deployment module that lists these."""
    listed = ", ".join(f'"{name}"' for name in modules)
    (shell.root / "__deployment__.py").write_text(f"import {', '.join(modules)}\n__all__ = [{listed}]\n")


@pytest.fixture(autouse=True)
def nobody_there(monkeypatch: pytest.MonkeyPatch, shell: Shell) -> None:  # noqa: ARG001 - after it
    monkeypatch.setenv("RUNYARD_SERVER", "http://127.0.0.1:9")
    monkeypatch.delenv("RUNYARD_API_KEY")


# SPEC: CLI-32
def test_a_workspace_in_order_is_said_to_be_so_without_a_server(shell: Shell) -> None:
    result = shell("check --strict")
    assert (result.code, result.err) == (0, "")
    assert result.out == "Nothing found in 2 files of 5 jobs.\n"


# SPEC: CLI-32, TRB-07
def test_a_finding_shows_its_line_what_is_meant_and_what_to_do(shell: Shell) -> None:
    write(shell, nightly='"""Loads."""\n\nimport os\n\ndef load():\n    print(os.name)\n')
    deploys(shell, "nightly")
    result = shell("check")
    assert result.code == 0
    assert result.out == (
        "nightly.py\n"
        "     5:5  warning RY2001  `nightly` only defines functions, and is deployed as a script.\n"
        "          │ def load():\n"
        "          │     ^^^^\n"
        "          Its runs complete without having executed anything.\n"
        '          → End the file with `if __name__ == "__main__": load()`, or deploy the function itself: decorate '
        "`load` with `@run.job`.\n"
        "\n"
        "1 warning in 2 files of 2 jobs.\n"
    )
    assert shell("check --strict").code == 7


def test_a_line_of_code_cannot_move_the_cursor_and_marks_stand_below_what_they_mean(shell: Shell) -> None:
    write(shell, etl=f'{ETL}\nx = "\x1b[31m\t"; PASSWORD = "kX9-vQ2mLp7z"\n')
    line, marks = (text for text in shell("check").out.splitlines() if "\u2502" in text)
    assert "\x1b" not in line
    assert marks.index("^") == line.index("\u2022")


def test_a_secret_is_named_and_its_value_appears_nowhere(shell: Shell) -> None:
    write(shell, etl=f'{ETL}\nKEY = "{SECRET}"\n')
    result = shell("check --json")
    (row,) = result.document["findings"]
    assert row["cause"] == "A GitHub token is written here."
    assert SECRET not in result.out + result.err


# SPEC: TRB-09
def test_where_dev_and_prod_load_to_stands_side_by_side(shell: Shell) -> None:
    table = '[destination.warehouse]\ndestination_type = "postgres"\ncredentials = "postgresql://u:{}@{}/orders"\n'
    (shell.root / ".dlt/dev.secrets.toml").write_text(table.format("hush-hush-1", "localhost:5432"))
    (shell.root / ".dlt/prod.secrets.toml").write_text(table.format("hush-hush-2", "db.example.com"))
    result = shell("check")
    assert result.code == 0
    (row,) = (line for line in result.out.splitlines() if line.startswith("warehouse"))
    assert "postgres  postgresql://localhost:5432/orders" in row
    assert "postgres  postgresql://db.example.com/orders" in row
    assert "hush" not in result.out


# SPEC: TRG-22
def test_the_next_five_firing_times_of_each_timed_job_are_shown(shell: Shell) -> None:
    write(shell, timed=TIMED)
    (shell.root / "__deployment__.py").write_text(
        'from timed import early, often\n__all__ = ["early", "often"]\n'
    )
    early, often = (line for line in shell("check").out.splitlines() if line.startswith(("early", "often")))
    assert "daily at 06:00 Europe/Berlin" in early
    assert "every hour" in often
    assert (early.count(","), often.count(",")) == (4, 4)


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"etl": "def f(:\n"}, ("RY2000", "etl.py", 1)),
        ({"etl": "import sys\n\nraise ValueError('calm')\n"}, ("RY1106", "etl.py", 3)),
        pytest.param(
            {"etl": "import dlt\ndef go():\n    dlt.pipeline('a').run([1])\n\ngo()\n"},
            ("RY2002", "etl.py", 5),
            marks=pytest.mark.slow,  # for importing dlt
        ),
        (
            {"etl": ETL.replace("@run.job()", '@run.job(interval={"start": "2026-01-01"})', 1)},
            ("RY1105", "etl.py", 20),
        ),
        ({"etl": ETL.replace("@run.job()", '@run.job(trigger="0 0 30 2 *")', 1)}, ("RY1105", "etl.py", 20)),
    ],
)
def test_what_a_deploy_would_refuse_is_an_error_at_its_place(
    shell: Shell, files: dict[str, str], expected: tuple[str, str, int]
) -> None:
    write(shell, **files)
    result = shell("check --json")
    (row,) = result.document["findings"]
    assert (result.code, row["severity"]) == (7, "error")
    assert (row["code"], row["file"], row["line"]) == expected


def test_without_a_deployment_module_that_is_said(shell: Shell) -> None:
    (shell.root / "__deployment__.py").unlink()
    result = shell("check")
    assert result.code == 0
    assert "There is no `__deployment__.py`: a deploy takes no job along." in result.out


def test_another_deployment_module_may_be_named(shell: Shell, tmp_path: Path) -> None:
    write(shell, other='from etl import load\n__all__ = ["load"]\n')
    assert shell("check --file other.py").out == "Nothing found in 2 files of 1 job.\n"
    assert shell(f"check --file {tmp_path}/outside.py").code == 7


# SPEC: TRB-07, TRB-08
def test_a_deploy_warns_of_scripts_that_do_nothing_and_of_development_mode(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUNYARD_SERVER", shell.client.target.server)
    monkeypatch.setenv("RUNYARD_API_KEY", shell.client.target.api_key or "")
    write(shell, nightly="import dlt\ndef load():\n    dlt.pipeline('a', dev_mode=True)\n")
    deploys(shell, "nightly")
    said = shell("deploy --dry-run").err
    assert "Warning: nightly.py:2: `nightly` only defines functions" in said
    assert "Warning: nightly.py:3: `dev_mode=True` in a deployed pipeline." in said
    assert shell("deploy --strict").code == 7


def test_without_a_cron_library_everything_but_schedules_is_checked(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(shell, timed=TIMED)
    (shell.root / "__deployment__.py").write_text('from timed import early\n__all__ = ["early"]\n')
    monkeypatch.setitem(sys.modules, "runyard.core.preview", None)
    result = shell("check")
    assert (result.code, result.out) == (0, "Nothing found in 2 files of 2 jobs.\n")
    assert "Schedules are not looked at" in result.err
