from __future__ import annotations

import json
from datetime import UTC, date, datetime
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from tests.support.launches import launch, start

from runyard import run
from runyard.core.errors import InvalidInput, StartFailed
from runyard.core.launchers import marimo, streamlit
from runyard.core.launchers.invocation import read_options
from runyard.core.parameters import convert, environment_key, environment_text, fill, parameters
from runyard.core.preparing import arguments
from runyard.core.processes import Completed
from runyard.core.run_context import make_run_context


# SPEC: DEC-13, DEC-14, DEC-15, IVL-12
def test_a_job_that_asks_is_told_about_its_run(tmp_path: Path) -> None:
    code = """
import os
from runyard import run
@run.job
async def load(run_context: run.TJobRunContext):
    print(sorted(run_context), run_context["trigger_type"], run_context["interval_start"])
    print(*(os.environ[k] for k in sorted(os.environ) if k.startswith(("DLT_", "WORK"))))
"""
    result = launch(
        tmp_path,
        code,
        trigger="job.success:jobs.a.b",
        interval_start="2026-01-01T00:00:00Z",
        interval_end="2026-01-02T00:00:00Z",
        interval_timezone="Asia/Tokyo",
        profile="prod",
    )
    assert result == Completed(
        0,
        "['interval_end', 'interval_start', 'refresh', 'run_id', 'trigger', 'trigger_type'] followup "
        "2026-01-01 00:00:00+00:00\n2026-01-02T00:00:00Z 2026-01-01T00:00:00Z Asia/Tokyo prod\n",
        "",
    )


# SPEC: DEC-13
def test_a_function_that_does_not_ask_is_called_without_and_need_not_be_decorated(tmp_path: Path) -> None:
    assert launch(tmp_path, "import sys\ndef load(): print(sys.argv[1:])").stdout == "[]\n"


# SPEC: DEC-12
def test_an_exception_ends_the_log_with_its_traceback_from_the_users_file_on(tmp_path: Path) -> None:
    code = "import json\nasync def load():\n    print('first')\n    json.loads('x')"
    result = launch(tmp_path, code)
    lines = result.stderr.splitlines()
    assert (result.returncode, result.stdout) == (1, "first\n")
    assert lines[0].startswith("Traceback")
    assert "flights.py" in lines[1]
    assert lines[-1].startswith("json.decoder.JSONDecodeError")


def test_a_module_that_cannot_be_imported_and_an_exit_code_of_its_own_are_told(tmp_path: Path) -> None:
    assert "ModuleNotFoundError" in launch(tmp_path, "", module="gone").stderr
    assert launch(tmp_path, "raise SystemExit(4)").returncode == 4


# SPEC: DEP-06
def test_a_module_runs_as_a_script(tmp_path: Path) -> None:
    code = "import sys\nif __name__ == '__main__': print(__file__, len(sys.argv))\n1 / 0"
    result = launch(
        tmp_path, code, launcher="runyard.core.launchers.module", function=None, job_ref="jobs.flights"
    )
    assert (result.returncode, result.stdout) == (1, f"{tmp_path}/flights.py 1\n")
    assert result.stderr.count("File ") == 1


def test_a_script_that_is_written_in_another_encoding_ends_as_well_as_any(tmp_path: Path) -> None:
    (tmp_path / "old.py").write_bytes("# coding: latin-1\ndef l\u00f6se(): ...\n".encode("latin-1"))
    launcher = "runyard.core.launchers.module"
    result = launch(tmp_path, "", module="old", launcher=launcher, function=None, job_ref="jobs.old")
    assert result.returncode == 0
    assert (
        result.stderr
        == "Nothing was executed: `old` only defines functions, and nothing calls `l\u00f6se`.\n"
    )


SETTINGS = {
    "config": "[jobs.flights]\nairport = 'BER'\nlimit = 1\nunused = 1\n[jobs.flights.load]\nlimit = 2",
    "secrets": "[jobs.flights]\nkey = 'base'\n[destination.x]\ny = 1",
    "prod.config": "[jobs.flights.load]\nsince = 2026-01-31",
    "prod.secrets": "[jobs.flights]\nkey = 'prod'",
    "access.secrets": "[jobs.flights.load]\nkey = 'hidden'",
}


# SPEC: JCF-01, JCF-02, JCF-03, JCF-04, JCF-06, JCF-08, PRF-08, PRF-09
def test_parameters_come_from_the_run_the_environment_and_the_files_of_the_profile(tmp_path: Path) -> None:
    (tmp_path / ".dlt").mkdir()
    for name, text in SETTINGS.items():
        (tmp_path / ".dlt" / f"{name}.toml").write_text(text)
    code = """
from __future__ import annotations
from datetime import date
from runyard import run
@run.job
def load(
    airport: str, limit: int, key: str, since: date | None = None, *, tables: list[str], dry: bool = True, n=7
):
    print(airport, limit, key, since, tables, dry, n)
"""
    environment = {"JOBS__FLIGHTS__LOAD__TABLES": '["a"]', "JOBS__FLIGHTS__AIRPORT": "HAM"}
    result = launch(tmp_path, code, env=environment, profile="prod", config={"dry": False})
    assert (result.stdout, result.stderr) == ("HAM 2 prod 2026-01-31 ['a'] False 7\n", "")


def load(airport: str, limit: int = 5, /, *args: int, key: str = "x", **rest: int) -> None: ...


def test_only_parameters_that_have_a_name_are_filled() -> None:
    assert parameters(load) == parameters(run.job(load)) == {"key": False}
    assert parameters(print)["flush"] is False


def filled(settings: dict[str, Any], ref: str = "jobs.flights.load", **environ: str) -> dict[str, Any]:
    def function(limit: int, mode: Literal["full", "part"] = "full") -> None: ...

    return fill(function, ref, environ, lambda: {"jobs": settings}, given={})


# SPEC: JCF-04
@pytest.mark.parametrize(("text", "where"), [(b"a = \n", "line 1"), (b"\xff", "0xff")])
def test_a_settings_file_that_is_no_toml_ends_the_run_with_its_name_and_what_to_do(
    tmp_path: Path, text: bytes, where: str
) -> None:
    (tmp_path / ".dlt").mkdir()
    (tmp_path / ".dlt/config.toml").write_bytes(text)
    result = launch(tmp_path, "def load(limit): ...")
    assert result.returncode == 1
    (line,) = result.stderr.splitlines()
    assert "`.dlt/config.toml` cannot be read as TOML" in line
    assert where in line
    assert line.endswith("Correct the file, then `runyard deploy`.")


# SPEC: JCF-01
def test_a_value_that_is_nowhere_fails_with_the_keys_to_set() -> None:
    with pytest.raises(InvalidInput) as caught:
        filled({})
    assert "`jobs.flights.load.limit` has no value" in str(caught.value)
    assert "JOBS__FLIGHTS__LOAD__LIMIT" in str(caught.value)


# SPEC: JCF-07, JCF-08
def test_null_is_none_where_that_is_accepted_and_a_text_elsewhere() -> None:
    def function(  # type: ignore[no-untyped-def]
        a: int | None = 5,
        b: str | None = "x",
        c: int = None,  # type: ignore[assignment]  # noqa: RUF013
        d=None,
        e: list[int | None] = [],  # noqa: B006
        f: str = "x",
    ): ...

    given = {"a": None, "b": None, "c": None, "d": None, "e": [1, None], "f": "null"}
    environ = {environment_key("jobs.a.b", name): environment_text(value) for name, value in given.items()}
    assert fill(function, "jobs.a.b", environ, dict, given={}) == given
    with pytest.raises(InvalidInput, match="JOBS__FLIGHTS__LIMIT"):
        filled({}, JOBS__FLIGHTS__LIMIT="null")


# SPEC: JCF-05
def test_sections_are_those_of_the_ref_not_of_the_module() -> None:
    assert filled({"ops": {"limit": 1}}, "jobs.ops.load") == {"limit": 1}
    assert filled({"script": {"limit": 1}}, "jobs.script") == {"limit": 1}


# SPEC: JCF-07
def test_a_value_that_does_not_fit_fails_with_its_key() -> None:
    with pytest.raises(InvalidInput) as caught:
        filled({}, JOBS__FLIGHTS__LIMIT="s3cret")
    assert "JOBS__FLIGHTS__LIMIT" in str(caught.value)
    assert "int" in str(caught.value)
    with pytest.raises(InvalidInput, match=r"jobs\.flights\.mode"):
        filled({"flights": {"limit": 1, "mode": "all"}})


class Colour(Enum):
    RED = "red"


# SPEC: JCF-07
@pytest.mark.parametrize(
    "annotation", [int, float, bool, date, datetime, list[int], dict, Colour, Literal["a"], int | date | None]
)
def test_a_value_that_does_not_fit_is_not_told(annotation: Any) -> None:
    def function(key): ...  # type: ignore[no-untyped-def]

    function.__annotations__["key"] = annotation
    with pytest.raises(InvalidInput, match="does not fit") as caught:
        fill(function, "jobs.a.b", {"JOBS__A__B__KEY": "s3cret"}, dict, given={})
    assert "s3cret" not in str(caught.value)


# SPEC: JCF-07
def test_an_annotation_that_only_type_checkers_see_is_refused_with_the_way_out() -> None:
    def function(limit: Gone, other: GoneToo = None) -> None: ...  # type: ignore[name-defined]  # noqa: F821

    with pytest.raises(InvalidInput, match="not only for type checks"):
        fill(function, "jobs.a.b", {"JOBS__A__B__LIMIT": "1"}, dict, given={})


# SPEC: JCF-07
@pytest.mark.parametrize(
    ("value", "annotation", "result"),
    [
        ("5", int, 5),
        (5.0, int, 5),
        ("0.5", float, 0.5),
        (1, float, 1.0),
        ("yes", bool, True),
        ("False", bool, False),
        (8, str, "8"),
        ("2026-01-31T06:00:00+00:00", datetime, datetime(2026, 1, 31, 6, tzinfo=UTC)),
        (date(2026, 1, 31), date, date(2026, 1, 31)),
        ('["1", 2]', list[int], [1, 2]),
        ([1], set[str], {"1"}),
        ('{"a": "1"}', dict[str, int], {"a": 1}),
        ({"a": 1}, dict, {"a": 1}),
        ("2", Literal[1, 2], 2),
        ("x", int | str, "x"),
        (None, int | None, None),
        ("1", Annotated[int, "note"], 1),
        ("a/b", Path, Path("a/b")),
        ("x", Any, "x"),
        ("x", None, "x"),
    ],
)
def test_values_are_converted_to_their_annotation(value: Any, annotation: Any, result: Any) -> None:
    converted = convert(value, annotation)
    assert (converted, type(converted)) == (result, type(result))


# SPEC: JCF-07
@pytest.mark.parametrize(
    ("value", "annotation"),
    [
        ("5.5", int),
        (5.5, int),
        (True, int),
        ("maybe", bool),
        (2, bool),
        ("x", datetime),
        ("{}", list[int]),
        ("[1", list),
        ("x", int | None),
    ],
)
def test_values_that_do_not_fit_are_refused(value: Any, annotation: Any) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - any of its kinds
        convert(value, annotation)


# SPEC: DEC-14
@pytest.mark.parametrize(
    ("trigger", "kind"),
    [
        ("schedule:0 6 * * *", "schedule"),
        ("every:5m", "every"),
        ("once:2026-01-31T06:00:00+00:00", "once"),
        ("job.success:jobs.a.b", "followup"),
        ("job.fail:jobs.a.b", "followup"),
        ("tag:ingest", "tag"),
        ("manual:jobs.a.b", "manual"),
        ("pipeline_name:flights", "pipeline_name"),
        ("http:", "http"),
        ("webhook:hook", "webhook"),
        ("deployment:", "deployment"),
    ],
)
def test_the_type_of_the_trigger_is_a_bare_word(trigger: str, kind: str) -> None:
    context = make_run_context("r", trigger, {"refresh": True, "run_args": {"port": 1}})
    assert (context["trigger"], context["trigger_type"], context["refresh"]) == (trigger, kind, True)
    assert context["run_args"] == {"port": 1}


@pytest.mark.parametrize("argv", [[], ["--run-id"], ["--run-id", "1", "--trigger", "x", "--trigger", "y"]])
def test_a_launcher_that_is_not_told_its_run_says_what_it_needs(argv: list[str]) -> None:
    with pytest.raises(InvalidInput, match="--entry-point"):
        read_options(argv)


# SPEC: DEC-13
@pytest.mark.parametrize("option", [False, True])
def test_a_launcher_is_called_or_started_as_a_module_to_the_same_effect(tmp_path: Path, option: bool) -> None:
    (tmp_path / "flights.py").write_text("""
import os, sys
def load(text, run_context):
    os.chdir("/")
    import later
    print(ascii(text), run_context["run_args"], os.environ["JOBS__FLIGHTS__LOAD__LIMITS"])
""")
    (tmp_path / "later.py").touch()
    text = "'\"\\\n√ü😀"
    entry = {
        "module": "flights",
        "function": "load",
        "job_ref": "jobs.flights.load",
        "config": {"text": text, "limits": [1, None, True]},
        "run_args": {"port": None},
    }
    launcher = "runyard.core.launchers.job"
    options = ["-m", launcher, "--run-id", "1", "--trigger", "manual:", "--entry-point", json.dumps(entry)]
    result = start(tmp_path, options if option else arguments(launcher, "1", "manual:", entry))
    assert result.stderr == ""
    assert result.stdout == f"{text!a} {{'port': None}} [1, null, true]\n"


# SPEC: CMP-07
def test_launchers_of_others_are_started_as_modules_with_options_and_end_as_ours_do(tmp_path: Path) -> None:
    (tmp_path / "theirs.py").write_text("""
import os, sys
import runyard.run
if __name__ == "__main__":
    assert sys.modules["__main__"].__spec__.name == "theirs"
    print(*map(ascii, sys.argv[1:]), "RUNYARD_VERDICT_FD" in os.environ)
    raise runyard.run.Skip("nothing new")
""")
    entry = {"launcher": "theirs", "refresh": True}
    result = start(tmp_path, arguments("theirs", "1", "manual:", entry), RUNYARD_VERDICT_FD="2")
    told = ("--run-id", "1", "--trigger", "manual:", "--entry-point", json.dumps(entry))
    assert result.stdout.split("\n") == [" ".join([*map(ascii, told), "False"]), ""]
    assert (result.returncode, "Skipped: nothing new" in result.stderr) == (1, True)


def test_what_starts_launchers_of_others_is_no_launcher_that_a_job_may_name() -> None:
    with pytest.raises(StartFailed, match="runs no job itself"):
        arguments("runyard.core.launchers.published", "r1", "manual:", {})


SLOW = frozenset(
    {"argparse", "ast", "asyncio", "collections", "contextlib", "dataclasses", "datetime", "difflib", "enum"}
    | {"functools", "importlib", "inspect", "json", "logging", "pathlib", "re", "runpy", "threading"}
    | {"tomllib", "traceback", "types", "typing", "warnings"}
)
"""What no job should wait for unasked: `typing` and `json` alone each take as long to import as Python to start."""


@pytest.mark.parametrize("decorator", ["run.job", 'run.job(trigger=["@daily", trigger.every("5m")])'])
def test_a_job_waits_for_no_import_but_its_own(tmp_path: Path, decorator: str) -> None:
    code = f"""
import sys
from runyard import run, trigger
@{decorator}
def load(run_context: run.TJobRunContext, limit: int, days: int = 7):
    print(*sys.modules)
"""
    result = launch(tmp_path, code, profile="prod", config={"limit": "5"})
    assert result.stderr == ""
    assert "runyard.core.triggers" in result.stdout
    assert not SLOW & set(result.stdout.split())


# SPEC: APP-06
def test_frameworks_are_told_to_listen_on_loopback_and_to_ask_for_nothing() -> None:
    entry = {"run_args": {"port": 4711, "base_path": "/below"}}
    notebook, dashboard = marimo.arguments("nb.py", entry), streamlit.arguments("app.py", entry)
    assert notebook[notebook.index("--host") + 1] == "127.0.0.1"
    assert notebook[notebook.index("--base-url") + 1] == "/below"
    assert {"run", "--headless", "--no-token"} <= set(notebook)
    assert {"--server.address=127.0.0.1", "--server.port=4711", "--server.baseUrlPath=/below"} <= set(
        dashboard
    )
    for framework in (marimo, streamlit):
        with pytest.raises(InvalidInput, match="without a port"):
            framework.arguments("x.py", {})


# SPEC: APP-06
@pytest.mark.parametrize(
    ("named", "used"),
    [("dashboard", "marimo"), ("marimo",) * 2, ("mcp",) * 2, ("module",) * 2, ("streamlit",) * 2],
)
def test_launchers_of_modules_are_replaced_as_some_would_listen_everywhere(named: str, used: str) -> None:
    _, code = arguments(f"dlt._workspace.deployment.launchers.{named}", "r1", "http:", {})
    assert code.startswith(f"from runyard.core.launchers.{used} import main\n")


# SPEC: APP-04
def test_a_module_without_what_is_to_be_served_says_so(tmp_path: Path) -> None:
    served: dict[str, Any] = {"run_args": {"port": 1}, "job_type": "interactive"}
    for launcher, words in (("asgi", "has no attribute 'load'"), ("mcp", "makes no FastMCP server")):
        result = launch(tmp_path, "", launcher=f"runyard.core.launchers.{launcher}", **served)
        assert (result.returncode, words in result.stderr) == (1, True)
    gone = launch(tmp_path, "", launcher="runyard.core.launchers.marimo", module="gone", **served)
    assert "There is no module `gone`" in gone.stderr
