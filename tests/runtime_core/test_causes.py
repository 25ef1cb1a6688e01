"""What usually goes wrong is recognised, from real ends of runs and from words of libraries."""

from __future__ import annotations

import sys
from pathlib import Path
from textwrap import dedent

import pytest
from tests.support.patience import PATIENCE_SECONDS
from tests.support.workspaces import SDK

from runyard.core.causes import (
    CAUSES_MAX,
    ERROR_CHARACTERS_MAX,
    ERROR_LINES_MAX,
    CauseCode,
    Launch,
    Line,
    last_error,
    likely_causes,
    read_lines,
)
from runyard.core.preparing import arguments
from runyard.core.processes import Completed, SystemProcesses

LAUNCH = Launch(module="flights", profile="prod", timeout_seconds=7200)


def launched(root: Path, code: str, *, launcher: str = "job", **env: str) -> Completed:
    """Run code as a job is run, and return how it ended and what it printed."""
    (root / "flights.py").write_text(dedent(code))
    function = None if launcher == "module" else "load"
    entry = {
        "module": "flights",
        "function": function,
        "job_type": "batch",
        "job_ref": "jobs.flights.load",
        "profile": "prod",
        "launcher": f"runyard.core.launchers.{launcher}",
    }
    return SystemProcesses().run(
        [sys.executable, *arguments(str(entry["launcher"]), "r1", "manual:", entry)],
        cwd=root,
        env={"PYTHONPATH": str(SDK), "PYTHONDONTWRITEBYTECODE": "1", "HOME": str(root), **env},
        timeout_seconds=PATIENCE_SECONDS,
    )


def causes_of(ended: Completed, reason: str = "exception") -> list[CauseCode]:
    lines = [Line("E", text) for text in ended.stderr.splitlines()]
    return [cause.code for cause in likely_causes(reason, ended.returncode, lines, LAUNCH)]


# SPEC: TRB-05
def test_a_module_that_is_missing_is_named_with_what_to_install(tmp_path: Path) -> None:
    ended = launched(tmp_path, "def load():\n    import yaml_of_nobody.deep\n")
    assert ended.returncode == 1
    lines = [Line("E", text) for text in ended.stderr.splitlines()]
    (cause,) = likely_causes("exception", 1, lines, LAUNCH)
    assert cause.code is CauseCode.MISSING_MODULE
    assert "`yaml_of_nobody`" in cause.cause
    assert "`uv add yaml-of-nobody`" in cause.remedy
    assert "pyproject.toml" in cause.remedy


# SPEC: TRB-05
@pytest.mark.parametrize(
    ("said", "install"),
    [
        ("ModuleNotFoundError: No module named 'yaml'", "`uv add pyyaml`"),
        (
            (
                "You must install additional dependencies to run `postgres destination`. If you use pip you may do "
                'the following:\n\npip install "dlt[postgres]"\n\nDependencies'
            ),
            "`uv add 'dlt[postgres]'`",
        ),
    ],
)
def test_what_to_install_goes_by_its_own_name(said: str, install: str) -> None:
    lines = [Line("E", text) for text in said.split("\n")]
    (cause,) = likely_causes("exception", 1, lines, LAUNCH)
    assert install in cause.remedy


# SPEC: TRB-06
@pytest.mark.slow
def test_a_setting_that_dlt_misses_under_prod_is_named_with_its_file(tmp_path: Path) -> None:
    code = """
    import dlt

    def load():
        dlt.pipeline("orders", destination="postgres", dataset_name="x").run([{"a": 1}], table_name="t")
    """
    ended = launched(tmp_path, code, RUNTIME__DLTHUB_TELEMETRY="false")
    lines = [Line("E", text) for text in ended.stderr.splitlines()]
    first, *_ = likely_causes("exception", ended.returncode, lines, LAUNCH)
    assert first.code is CauseCode.MISSING_SETTING
    assert "Profile `prod`" in first.cause
    assert "`orders.destination.postgres.credentials.password`" in first.cause
    assert "`.dlt/prod.secrets.toml`" in first.remedy


# SPEC: TRB-06
def test_parameters_of_a_job_without_a_value_are_named_with_their_file(tmp_path: Path) -> None:
    ended = launched(tmp_path, "from runyard import run\n@run.job\ndef load(rows: int, since: str): ...\n")
    lines = [Line("E", text) for text in ended.stderr.splitlines()]
    (cause,) = likely_causes("exception", ended.returncode, lines, LAUNCH)
    assert cause.code is CauseCode.MISSING_SETTING
    assert "`jobs.flights.load.rows`, `jobs.flights.load.since`" in cause.cause
    assert cause.remedy.startswith("For one run, give `-c rows=...` to its start. Put it into")
    assert "`.dlt/prod.secrets.toml`" in cause.remedy


# SPEC: TRB-07
def test_a_script_that_only_defines_functions_says_that_nothing_was_executed(tmp_path: Path) -> None:
    ended = launched(tmp_path, "def load():\n    print('rows')\n", launcher="module")
    assert (ended.returncode, ended.stdout) == (0, "")
    assert ended.stderr == (
        "Nothing was executed: `flights` only defines functions, and nothing calls `load`.\n"
    )
    assert causes_of(ended, "ok") == [CauseCode.NOTHING_EXECUTED]


# SPEC: TRB-07
@pytest.mark.parametrize(
    "code",
    [
        "def load():\n    print('rows')\nload()\n",
        "def load():\n    print('rows')\nif __name__ == '__main__':\n    load()\n",
        "import os\ndef f(): ...\nos.unlink(__file__)\nprint('rows')\n",
    ],
)
def test_a_script_that_did_something_says_nothing(tmp_path: Path, code: str) -> None:
    ended = launched(tmp_path, code, launcher="module")
    assert ended == Completed(0, "rows\n", "")
    assert causes_of(ended, "ok") == []


# SPEC: TRB-10
@pytest.mark.parametrize(
    ("seconds", "words"), [(7200.0, "2 hours"), (3600, "1 hour"), (90.0, "90 seconds"), (120, "2 minutes")]
)
def test_a_timeout_says_the_limit_that_applied_and_how_to_raise_it(seconds: float, words: str) -> None:
    (cause,) = likely_causes("timeout", None, [], Launch("etl", "prod", seconds))
    assert cause.code is CauseCode.TIMEOUT
    assert f"the limit of this job is {words}" in cause.cause
    assert 'execute={"timeout": "4h"}' in cause.remedy


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("def load(:\n", CauseCode.SYNTAX),
        (
            "from datetime import *\ndef load():\n    datetime.now() < datetime.now(UTC)\n",
            CauseCode.NAIVE_TIME,
        ),
        ("def load():\n    raise MemoryError\n", CauseCode.OUT_OF_MEMORY),
        ("def load():\n    raise OSError(28, 'No space left on device')\n", CauseCode.DISK_FULL),
        (
            "def load():\n    raise PermissionError(13, 'Permission denied', '/etc/x')\n",
            CauseCode.NOT_PERMITTED,
        ),
        (
            (
                "import socket\ndef load():\n    a = socket.create_server(('127.0.0.1', 0))\n"
                "    socket.create_server(a.getsockname())\n"
            ),
            CauseCode.PORT_IN_USE,
        ),
        (
            (
                "import socket\ndef load():\n    a = socket.create_server(('127.0.0.1', 0))\n"
                "    port = a.getsockname()\n    a.close()\n    socket.create_connection(port)\n"
            ),
            CauseCode.UNREACHABLE,
        ),
        (
            (
                "import sqlite3\ndef load():\n    a, b = sqlite3.connect('x'), sqlite3.connect('x', timeout=0)\n"
                "    a.execute('begin exclusive')\n    b.execute('begin exclusive')\n"
            ),
            CauseCode.FILE_LOCKED,
        ),
    ],
)
def test_what_python_and_the_system_say_is_recognised(tmp_path: Path, code: str, expected: CauseCode) -> None:
    assert causes_of(launched(tmp_path, code)) == [expected]


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ('FATAL:  password authentication failed for user "loader"', CauseCode.CREDENTIALS_REFUSED),
        (
            "requests.exceptions.HTTPError: 401 Client Error: Unauthorized for url: x",
            CauseCode.CREDENTIALS_REFUSED,
        ),
        ("duckdb.IOException: IO Error: Could not set lock on file x", CauseCode.FILE_LOCKED),
        ('could not translate host name "db" to address: Name or service not known', CauseCode.UNREACHABLE),
        ("duckdb.OutOfMemoryException: Out of Memory Error: failed to pin block", CauseCode.OUT_OF_MEMORY),
    ],
)
def test_what_databases_say_is_recognised(said: str, expected: CauseCode) -> None:
    found = likely_causes("exception", 1, [Line("E", said)], LAUNCH)
    assert [cause.code for cause in found] == [expected]


@pytest.mark.parametrize(
    ("reason", "exit_code", "expected"),
    [
        ("killed", None, CauseCode.KILLED),
        ("lost", None, CauseCode.LOST),
        ("oom", None, CauseCode.OUT_OF_MEMORY),
        ("exit_code", 137, CauseCode.OUT_OF_MEMORY),
        ("dependency_install_failed", None, CauseCode.INSTALL_FAILED),
    ],
)
def test_how_a_run_ended_is_a_cause_by_itself(
    reason: str, exit_code: int | None, expected: CauseCode
) -> None:
    assert [cause.code for cause in likely_causes(reason, exit_code, [], LAUNCH)] == [expected]


def test_what_is_not_recognised_has_no_cause() -> None:
    lines = [Line("E", "ValueError: calm")]
    assert likely_causes("exception", 1, lines, LAUNCH) == []
    assert likely_causes("ok", 0, [Line("O", "Connections: refused 0")], LAUNCH) == []


def test_few_causes_are_named_and_each_once() -> None:
    said = ["MemoryError", "SyntaxError: x", "No space left on device", "Address already in use", "Errno 13"]
    lines = [Line("E", text) for text in said * 2]
    found = likely_causes("oom", 137, lines, LAUNCH)
    assert len(found) == CAUSES_MAX
    assert len(set(found)) == CAUSES_MAX


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([], ""),
        (["O1\tall is well", "S2\texit code 1"], ""),
        (["E1\twarning: old", "O2\tdone", "E3\terror: no space left", "E4\t"], "error: no space left"),
        (
            [
                "E1\tTraceback (most recent call last):",
                'E1\t  File "a.py", line 1, in <module>',
                "E1\t    load()",
                "E1\tetl.Odd: 2 rows are odd:",
                "E1\t  row 1",
                "E1\trow 2",
            ],
            "etl.Odd: 2 rows are odd:\n  row 1\nrow 2",
        ),
        (
            [
                "E1\tTraceback (most recent call last):",
                "E1\tKeyError: 'a'",
                "E1\tDuring handling of the above exception, another exception occurred:",
                "E1\tTraceback (most recent call last):",
                "E1\tValueError: b",
            ],
            "ValueError: b",
        ),
        (
            [
                "E1\tTraceback (most recent call last):",
                "E1\tOdd: rows:",
                *[f"E1\trow {n}" for n in range(99)],
            ],
            "\n".join(["Odd: rows:", *[f"row {n}" for n in range(ERROR_LINES_MAX - 1)]]),
        ),
        (["E1\t" + "x" * 1000], "x" * ERROR_CHARACTERS_MAX),
    ],
)
def test_the_error_is_what_stderr_says_last(lines: list[str], said: str) -> None:
    assert last_error(read_lines("\n".join(lines).encode())) == said


def test_bytes_that_are_no_text_do_not_hide_the_error() -> None:
    assert last_error(read_lines(b"E1\tbroken \xff byte")) == "broken \ufffd byte"
