from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from dlt._workspace.deployment import manifest as published
from tests.support.workspaces import BARE, SDK, discovered

from runyard.core.clock import SystemClock
from runyard.core.decorators import NOTICED_MAX
from runyard.core.discovery import Discovered, Discovery
from runyard.core.errors import InvalidDeploymentModule, InvalidManifest
from runyard.core.processes import Completed


def discover(root: Path, file: str | None = None, ad_hoc: bool = False, /, **files: str) -> Discovered:
    for name, text in files.items():
        path = root / f"{name.replace('___', '/')}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    found = discovered(root, file, ad_hoc=ad_hoc)
    # Whatever is discovered here, the published client would take it. It knows no manifest without a module.
    named = {**found.manifest, "deployment_module": found.manifest["deployment_module"] or file}
    published.validate_manifest(named, raise_on_error=True)  # type: ignore[arg-type]
    return found


def jobs(found: Discovered) -> dict[str, dict[str, Any]]:
    return {job["job_ref"]: job for job in found.manifest["jobs"]}


ETL = """
from runyard import run, trigger

@run.job(trigger=trigger.every("5m"), interval={"start": "2026-01-01", "split": "1d"})
def load(): "Load it."

@run.job(trigger=load.success)
def clean(): ...

@run.job
def unlisted(): ...

def helper(): ...
"""


# SPEC: DEP-01, DEP-02, DEP-06, DEP-07, DEP-10, DEP-11, DEP-12, DEP-16, DEP-17, DEP-18, DEP-19, TRG-26
def test_a_deployment_module_declares_what_it_lists(tmp_path: Path) -> None:
    found = discover(
        tmp_path,
        __deployment__='''
"""Flights of one airport.

More about it."""
import script
from runyard import run
from etl import clean, load, unlisted
print("noise")
__all__ = ["load", "clean", "script", "alarm"]
__tags__ = ["demo"]

@run.job(section="ops", trigger="job.fail:etl.*")
def alarm(): ...
''',
        etl=ETL,
        script='''
"""A script."""
__trigger__ = "0 6 * * *"
__expose__ = {"tags": "x"}
__require__ = {"timezone": "Asia/Tokyo"}
''',
    )
    declared = jobs(found)
    assert list(declared) == [
        "jobs.etl.load",
        "jobs.etl.clean",
        "jobs.script",
        "jobs.ops.alarm",
        "jobs.workspace.dashboard",
    ]
    assert declared["jobs.etl.clean"]["triggers"] == ["job.success:jobs.etl.load"]
    assert declared["jobs.ops.alarm"]["triggers"] == ["job.fail:jobs.etl.load", "job.fail:jobs.etl.clean"]
    script = declared["jobs.script"]
    assert script["entry_point"]["launcher"] == "runyard.core.launchers.module"
    assert (script["triggers"], script["default_trigger"]) == (["schedule:0 6 * * *"], "schedule:0 6 * * *")
    assert (script["description"], script["expose"]["tags"]) == ("A script.", ["x"])
    assert script["require"] == {"timezone": "Asia/Tokyo"}
    assert found.manifest["description"] == "Flights of one airport."
    assert (found.manifest["deployment_module"], found.manifest["tags"]) == ("__deployment__", ["demo"])
    assert found.extensions == {"jobs.etl.load": {"split": "1d"}}
    assert found.warnings == ()


# SPEC: RCN-02
def test_a_manifest_is_json_that_says_of_every_job_what_starts_it_and_what_is_started(tmp_path: Path) -> None:
    found = discover(
        tmp_path, __deployment__="from etl import clean, load\n__all__ = ['clean', 'load']", etl=ETL
    )
    assert json.loads(json.dumps(found.manifest)) == found.manifest
    assert found.manifest["engine_version"] == 2
    declared = jobs(found)
    assert declared["jobs.etl.load"]["triggers"] == ["every:5m"]
    assert declared["jobs.etl.load"]["description"] == "Load it."
    entries = {
        ref: (job["entry_point"]["module"], job["entry_point"]["function"]) for ref, job in declared.items()
    }
    assert entries["jobs.etl.clean"] == ("etl", "clean")
    assert all(job["engine_version"] == 2 and isinstance(job["triggers"], list) for job in declared.values())


# SPEC: DEP-08
def test_without_all_the_workspace_is_scanned_with_one_warning(tmp_path: Path) -> None:
    installed = tmp_path / ".venv" / "site-packages" / "installed.py"
    installed.parent.mkdir(parents=True)
    installed.touch()
    module = """
import sys
sys.path.insert(0, ".venv/site-packages")
import json, installed, script, etl
from etl import load, load as again, helper
"""
    found = discover(tmp_path, __deployment__=module, etl=ETL, script="")
    assert list(jobs(found)) == ["jobs.script", "jobs.etl", "jobs.etl.load", "jobs.workspace.dashboard"]
    [warning] = found.warnings
    assert "no `__all__`" in warning


# SPEC: DEP-04, DEP-05, DEP-17
def test_apps_are_recognised_by_what_they_hold(tmp_path: Path) -> None:
    found = discover(
        tmp_path,
        __deployment__="import notebook, server, page\n__all__ = ['notebook', 'server', 'page']\n",
        notebook='''
"""Shows."""
import marimo
app = marimo.App(app_title="Flights")
__expose__ = {"tags": ["a"]}
''',
        server='from fastmcp import FastMCP\ntools = FastMCP("weather")\n',
        page="import streamlit as st\n",
        streamlit="",
    )
    declared = jobs(found)
    shapes = {
        ref: (job["entry_point"]["launcher"].rpartition(".")[2], job["expose"]["category"], job["triggers"])
        for ref, job in declared.items()
    }
    assert shapes == {
        "jobs.notebook": ("marimo", "notebook", ["http:"]),
        "jobs.server": ("mcp", "mcp", ["http:"]),
        "jobs.page": ("streamlit", "dashboard", ["http:"]),
        "jobs.workspace.dashboard": ("marimo", "dashboard", ["http:"]),
    }
    assert declared["jobs.notebook"]["description"] == "Flights: Shows."
    assert declared["jobs.server"]["description"] == "weather"
    assert declared["jobs.notebook"]["expose"]["tags"] == ["a"]


# SPEC: DEP-04
def test_of_several_kinds_of_app_in_one_module_the_first_counts(tmp_path: Path) -> None:
    notebook, server, page, web = (
        "import marimo\nbook = marimo.App()\n",
        "from fastmcp import FastMCP\ntools = FastMCP('weather')\n",
        "import streamlit\n",
        "async def app(scope, receive, send): ...\n",
    )
    found = discover(
        tmp_path,
        __deployment__="import all_four, three, two, one\n__all__ = ['all_four', 'three', 'two', 'one']\n",
        all_four=web + page + server + notebook,
        three=web + page + server,
        two=web + page,
        one=web,
        streamlit="",
    )
    launchers = [job["entry_point"]["launcher"].rpartition(".")[2] for job in found.manifest["jobs"]]
    assert launchers[:4] == ["marimo", "mcp", "streamlit", "asgi"]


# SPEC: ADH-14, APP-04
@pytest.mark.parametrize(
    ("app", "launcher"),
    [
        ("from starlette.applications import Starlette\napp = Starlette()", "asgi"),
        ("async def app(scope, receive, send): ...", "asgi"),
        ("async def app(): ...", "module"),
        ("from typer import Typer\napp = Typer()", "module"),
        ("def app(environ, start_response): ...", "module"),
        ("app = 'blue'", "module"),
    ],
)
def test_a_web_app_is_recognised_by_how_it_is_called(tmp_path: Path, app: str, launcher: str) -> None:
    alone = discover(tmp_path, "web.py", True, web=app)
    imported = discover(tmp_path, __deployment__="import web\n__all__ = ['web']", web=app)
    for found in (alone, imported):
        entry = jobs(found)["jobs.web"]["entry_point"]
        assert entry["launcher"] == f"runyard.core.launchers.{launcher}"
        assert entry["job_type"] == ("interactive" if launcher == "asgi" else "batch")


# SPEC: DEC-02
def test_jobs_of_dlt_are_taken_as_they_are(tmp_path: Path) -> None:
    found = discover(
        tmp_path,
        __deployment__="""
import dlt.hub.run as run
from etl import load

@run.pipeline("flights", trigger=[load.success, "0 6 * * *"], interval={"start": "2026-01-01T00:00:00Z"})
def ingest(): ...

__all__ = ["load", "ingest"]
""",
        etl=ETL,
    )
    job = jobs(found)["jobs.__deployment__.ingest"]
    assert job["entry_point"]["launcher"] == "dlt._workspace.deployment.launchers.job"
    assert job["deliver"] == {"pipeline_name": "flights"}
    assert job["triggers"] == ["job.success:jobs.etl.load", "schedule:0 6 * * *"]
    assert job["default_trigger"] == "schedule:0 6 * * *"
    assert job["expose"]["manual"] is True


# SPEC: DEP-15
@pytest.mark.parametrize("asked", ["", "from importlib.util import find_spec\nfind_spec('dlt')"])
def test_a_pipeline_that_a_module_starts_while_it_is_imported_does_not_run(
    tmp_path: Path, asked: str
) -> None:
    module = f"""
{asked}
import dlt

@dlt.resource
def rows():
    open("ran", "w")
    yield {{"a": 1}}

dlt.pipeline("now", destination="duckdb", pipelines_dir="state").run(rows())
"""
    with pytest.raises(InvalidDeploymentModule, match="A pipeline is run while the module is imported"):
        discover(tmp_path, __deployment__=module)
    assert not (tmp_path / "ran").exists()


def test_a_workspace_without_dlt_does_not_wait_for_it(tmp_path: Path) -> None:
    module = "import sys\n__doc__ = str('dlt' in sys.modules)\n__all__ = []"
    assert discover(tmp_path, __deployment__=module).manifest["description"] == "False"


def test_a_finder_of_the_users_may_ask_the_others_too(tmp_path: Path) -> None:
    module = """
import sys

class Asking:
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        found = (finder.find_spec(name, path, target) for finder in sys.meta_path if finder is not cls)
        return next(filter(None, found), None)

sys.meta_path.insert(0, Asking)
import dlt
__all__ = ["dlt"]
"""
    assert "jobs.dlt" in jobs(discover(tmp_path, __deployment__=module, dlt=""))


def test_a_module_of_the_workspace_may_be_called_like_dlt(tmp_path: Path) -> None:
    assert jobs(discover(tmp_path, __deployment__="import dlt\n__all__ = ['dlt']", dlt="")).keys() >= {
        "jobs.dlt"
    }


@pytest.mark.parametrize("name", ["gone.py", "circle.py", f"{'a' * 300}.py", "folder.py"])
def test_a_file_that_is_none_is_said_not_to_be_there(tmp_path: Path, name: str) -> None:
    (tmp_path / "circle.py").symlink_to("circle.py")
    (tmp_path / "folder.py").mkdir()
    with pytest.raises(InvalidDeploymentModule, match="There is no"):
        discover(tmp_path, name)


# SPEC: DEP-03, DEP-09
@pytest.mark.parametrize(
    ("module", "says"),
    [
        ("from etl import helper\n__all__ = ['helper']", "@run.pipeline`, `@run.job` or `@run.interactive"),
        ("__all__ = ['gone']", "`gone`, which it does not have"),
        ("import json\n__all__ = ['json']", "only apps"),
        ("word = 'x'\n__all__ = ['word']", "List decorated functions"),
    ],
)
def test_a_listed_name_that_is_no_job_is_an_error(tmp_path: Path, module: str, says: str) -> None:
    with pytest.raises(InvalidDeploymentModule, match=says):
        discover(tmp_path, __deployment__=module, etl=ETL)


# SPEC: DEP-13, DEP-14
def test_jobs_that_do_not_go_together_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(InvalidManifest, match="not deployed here"):
        discover(tmp_path, __deployment__="from etl import clean\n__all__ = ['clean']", etl=ETL)


def test_a_package_that_is_not_installed_here_is_said_to_be_missing_not_to_be_wrong(tmp_path: Path) -> None:
    with pytest.raises(InvalidDeploymentModule) as refused:
        discover(tmp_path, __deployment__="import nowhere.found")
    assert refused.value.remedy.startswith(
        "Install what provides `nowhere` where this command runs: `uv sync`"
    )


# SPEC: DEP-15
def test_a_failing_import_shows_the_traceback_from_the_users_file_on(tmp_path: Path) -> None:
    with pytest.raises(InvalidDeploymentModule, match="ZeroDivisionError") as caught:
        discover(tmp_path, __deployment__="import etl", etl="x = 1\n1 / 0")
    [shown] = caught.value.reasons
    lines = shown.splitlines()
    assert "__deployment__.py" in lines[1]
    assert "discovery_child" not in shown
    assert lines[-1] == "ZeroDivisionError: division by zero"


# SPEC: DEP-15, TRB-12
@pytest.mark.parametrize(
    ("written", "cause", "remedy"),
    [
        ('execute={"timeout": "x"}', "`x` is no duration.", "Write a number and one of "),
        ('triger="every:5m"', "`run.job` knows no `triger`.", "Did you mean `trigger`?"),
    ],
)
def test_a_mistake_in_a_decorator_is_a_sentence_and_the_places_of_the_users_code(
    tmp_path: Path, written: str, cause: str, remedy: str
) -> None:
    etl = f"from runyard import run\n\n@run.job({written})\ndef f(): ..."
    with pytest.raises(InvalidDeploymentModule) as caught:
        discover(tmp_path, __deployment__="import etl", etl=etl)
    assert caught.value.cause == cause
    assert caught.value.remedy.startswith(remedy)
    [shown] = caught.value.reasons
    places = [line.strip() for line in shown.splitlines() if line.strip().startswith("File ")]
    assert places == [
        f'File "{tmp_path}/__deployment__.py", line 1, in <module>',
        f'File "{tmp_path}/etl.py", line 3, in <module>',
    ]


# SPEC: RCN-10
def test_all_mistakes_in_what_jobs_are_given_are_told_at_once(tmp_path: Path) -> None:
    etl = """
from runyard import run

@run.job(trigger="tomorow:5")
def first(): ...

@run.job(trigger=first.success, interval={"end": "2026-01-01"})
def second(): ...

@run.job(require={"timezon": "UTC"})
def third(): ...
"""
    with pytest.raises(InvalidManifest) as caught:
        discover(tmp_path, __deployment__="from etl import *", etl=etl)
    assert [reason.partition(": ")[0] for reason in caught.value.reasons] == [
        "jobs.etl.first",
        "jobs.etl.second",
        "jobs.etl.third",
    ]
    assert "there is no trigger type `tomorow`" in caught.value.reasons[0]


# SPEC: RCN-10
def test_of_very_many_mistakes_the_first_are_told(tmp_path: Path) -> None:
    etl = """
from runyard import run

for n in range(60):
    @run.job(name=f"job_{n}", trigger="tomorow:5")
    def load(): ...
"""
    with pytest.raises(InvalidManifest) as caught:
        discover(tmp_path, __deployment__="import etl\n__all__ = []", etl=etl)
    refs = [reason.partition(": ")[0] for reason in caught.value.reasons]
    assert refs == [f"jobs.etl.job_{n}" for n in range(NOTICED_MAX)]


# SPEC: RCN-10
@pytest.mark.parametrize(
    ("fails", "says"),
    [
        ("raise ValueError('no')", "`__deployment__` cannot be imported: ValueError: no"),
        ("run.job(triger='x')", "`run.job` knows no `triger`. Did you mean `trigger`?"),
    ],
)
def test_what_ends_the_import_after_mistakes_is_told_with_them(tmp_path: Path, fails: str, says: str) -> None:
    module = f"""
from runyard import run

@run.job(trigger="tomorow:5")
def first(): ...

@run.job(trigger="tomorow:6")
def second(): ...

{fails}
"""
    with pytest.raises(InvalidManifest) as caught:
        discover(tmp_path, __deployment__=module)
    first, second, last = caught.value.reasons
    assert first.startswith("jobs.__deployment__.first: ")
    assert second.startswith("jobs.__deployment__.second: ")
    assert last.startswith(says)


def test_what_fails_within_our_code_shows_only_the_users_too(tmp_path: Path) -> None:
    asks = "from runyard import trigger\n\ntry:\n    trigger.every(object())\n"
    etl = f"{asks}except Exception as error:\n    raise ValueError('no') from error"
    with pytest.raises(InvalidDeploymentModule, match="ValueError: no") as caught:
        discover(tmp_path, __deployment__="import etl", etl=etl)
    [shown] = caught.value.reasons
    assert "runyard/core" not in shown
    assert shown.count("etl.py") == 2


# SPEC: DEP-15
@pytest.mark.parametrize("code", ["import sys; sys.exit(3)", "import os; os._exit(3)", "def (:"])
def test_a_module_that_exits_or_does_not_parse_is_an_error_too(tmp_path: Path, code: str) -> None:
    with pytest.raises(InvalidDeploymentModule, match=r"exit code 3|SystemExit: 3|SyntaxError"):
        discover(tmp_path, __deployment__=code)


class Hanging:
    """A helper that does not end in time."""

    def run(self, *_argv: object, timeout_seconds: float, **_options: object) -> Completed:
        return Completed(-9, "", "", timed_out=timeout_seconds == 60)


# SPEC: DEP-15
def test_an_import_that_takes_over_a_minute_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "__deployment__.py").touch()
    with pytest.raises(InvalidDeploymentModule, match="60 s"):
        Discovery(Hanging(), SystemClock()).discover(tmp_path, python=Path("python"), sdk=SDK, env=BARE)


@pytest.mark.parametrize("file", [None, "gone.py", "../escape.py", "notes.txt"])
def test_a_file_that_is_not_there_or_not_ours_is_an_error(tmp_path: Path, file: str | None) -> None:
    with pytest.raises(InvalidDeploymentModule):
        discover(tmp_path, file)


# SPEC: ADH-04, ADH-07
def test_a_single_file_is_one_script_job(tmp_path: Path) -> None:
    found = discover(
        tmp_path,
        "reports/daily.py",
        True,
        reports___daily="import helpers\nfrom etl import load\n",
        helpers="",
        etl=ETL,
    )
    [job] = found.manifest["jobs"]
    assert (job["job_ref"], job["entry_point"]["module"]) == ("jobs.daily", "reports.daily")
    assert found.manifest["deployment_module"] is None
    assert found.warnings == ()


# SPEC: ADH-06
def test_a_single_file_offers_the_jobs_it_defines_without_what_needs_a_deployment(tmp_path: Path) -> None:
    found = discover(tmp_path, "etl.py", True, etl=ETL)
    declared = jobs(found)
    assert list(declared) == ["jobs.etl.load", "jobs.etl.clean", "jobs.etl.unlisted"]
    assert all(not job["triggers"] and "interval" not in job for job in declared.values())
    assert not any(found.extensions.values())
    [warning] = found.warnings
    assert "schedules, interval, follow-ups" in warning
    assert "runyard deploy" in warning
