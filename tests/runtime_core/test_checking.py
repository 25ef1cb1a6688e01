"""What a check of a whole workspace finds. Here its jobs are told; that they are found is tested with the command."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.support.workspaces import make_workspace

from runyard.core import checking, requirements
from runyard.core.checking import Report
from runyard.core.checks.finding import Severity
from runyard.core.discovery import Discovered
from runyard.core.errors import InvalidManifest, RunyardError
from runyard.core.installed import Installed
from runyard.core.job_times import check_times
from runyard.core.processes import SystemProcesses
from runyard.core.requirements import Requirements

HERE = Installed(sys.path, "3.11")
"""What these tests run with; every package is read once."""

PROJECT = '[project]\nname = "tests"\nversion = "1"\n'

FILES = {"pyproject.toml": PROJECT, ".dlt/prod.config.toml": "", ".dlt/access.config.toml": ""}

SECRET = "ghp_" + "a1B2c3D4e5" * 4


@dataclass(frozen=True, slots=True)
class Told:
    """A workspace whose jobs are told, in place of the child process that finds them."""

    root: Path
    jobs: Sequence[Mapping[str, Any]]
    warnings: tuple[str, ...] = ()
    failure: RunyardError | None = None
    tracked: tuple[str, ...] = ()

    def discover(self, file: str | None = None) -> Discovered:  # noqa: ARG002 - as the protocol
        if self.failure:
            raise self.failure
        return Discovered({"jobs": list(self.jobs)}, {}, self.warnings)

    def requirements(self) -> Requirements:
        return requirements.export(
            self.root, python_version="3.11", processes=SystemProcesses(), uv=None, env={}
        )

    def installed(self) -> Installed:
        return HERE

    def tracked_secrets(self) -> list[str]:
        return list(self.tracked)


def job(module: str, function: str | None = "load", **more: Any) -> dict[str, Any]:
    launcher = "runyard.core.launchers.job" if function else "runyard.core.launchers.module"
    entry = {"module": module, "function": function, "job_type": "batch", "launcher": launcher}
    return {
        "job_ref": f"jobs.{module}.{function}" if function else f"jobs.{module}",
        "entry_point": entry,
        **more,
    }


def check(told: Told) -> Report:
    return checking.check(told, times=check_times)


def workspace(root: Path, files: Mapping[str, str | bytes], *jobs: Mapping[str, Any], **more: Any) -> Told:
    deployment = {"__deployment__.py": "import etl\n"} | FILES
    return Told(make_workspace(root, {**deployment, **files}), jobs or (job("etl"),), **more)


def found(told: Told) -> list[tuple[str, str | None, int | None]]:
    return [(one.code, one.file, one.line) for one in check(told).findings]


# SPEC: DGR-08
def test_an_import_that_nothing_declared_provides_is_found(tmp_path: Path) -> None:
    told = workspace(
        tmp_path,
        {
            "pyproject.toml": f'{PROJECT}dependencies = ["PyYAML"]\n',
            "etl.py": "import sys, pytest, runyard\nimport tools\nimport pytest as again\ndef load(): ...\n",
            "tools.py": "import croniter, yaml\nimport helpers\ntry:\n    import numpy\nexcept ImportError: ...\n",
            "helpers.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import pandas\nimport croniter\n",
        },
    )
    first, second = check(told).findings
    assert {first.place, second.place} == {"etl.py:1", "tools.py:1"}
    assert (first.cause, first.why) == (
        "No declared dependency provides `pytest`.",
        "On the server `load` would fail with ModuleNotFoundError.",
    )
    assert second.cause == "No declared dependency provides `croniter`; 2 files import it."
    assert "`uv add croniter`" in second.remedy


# SPEC: DGR-08
@pytest.mark.parametrize(
    ("declared", "count"),
    [
        ('dependencies = ["httpx"]\n', 0),
        ("dependencies = [\"httpx; python_version < '3'\"]\n", 1),
        ('dependencies = ["uvicorn"]\n', 1),
        ('dependencies = ["uvicorn[standard]"]\n', 0),
        (
            'dependencies = ["httpx"]\n[tool.uv]\noverride-dependencies = ["anyio; python_version < \'0\'"]\n',
            1,
        ),
        ('dependencies = ["uvicorn"]\n[tool.uv]\noverride-dependencies = ["uvicorn==0", "anyio"]\n', 1),
        ('dependencies = ["anyio-of-nobody"]\n', 1),
    ],
)
def test_what_a_dependency_brings_along_is_provided(tmp_path: Path, declared: str, count: int) -> None:
    told = workspace(
        tmp_path, {"pyproject.toml": PROJECT + declared, "etl.py": "import anyio\ndef load(): ...\n"}
    )
    assert len(found(told)) == count


# SPEC: DGR-08
def test_a_package_that_is_not_installed_here_counts_with_its_usual_names(tmp_path: Path) -> None:
    told = workspace(
        tmp_path,
        {
            "pyproject.toml": f'{PROJECT}dependencies = ["some-vendor-sdk", "beautifulsoup4", "azure-none"]\n',
            "etl.py": "import some_vendor_sdk, bs4, azure.none, __main__\nimport cv2\n",
        },
    )
    (missing,) = check(told).findings
    assert "`uv add opencv-python`" in missing.remedy


# SPEC: DGR-08
def test_a_dependency_group_counts_for_the_jobs_that_require_it(tmp_path: Path) -> None:
    web = {"require": {"dependency_groups": ["web"]}}
    jobs = (job("etl", "load"), job("etl", "serve", **web))
    project = f'{PROJECT}[dependency-groups]\nweb = ["httpx"]\n'
    told = workspace(tmp_path, {"pyproject.toml": project, "etl.py": "import httpx\n"}, *jobs)
    (missing,) = check(told).findings
    assert missing.cause == "`httpx` is only in the dependency group `web`, which not every job requires."
    assert missing.remedy.startswith('Give `load` `require={"dependency_groups": ["web"]}`')
    # In a function it may be the job that has it.
    (tmp_path / "etl.py").write_text("def serve():\n    import httpx\n")
    assert found(told) == []
    (tmp_path / "etl.py").write_text("def serve():\n    import anyio, pytest\n")
    assert found(told) == [("RY2004", "etl.py", 2)]


# SPEC: DGR-08
def test_a_group_that_nobody_declared_is_never_the_answer(tmp_path: Path) -> None:
    (missing,) = check(workspace(tmp_path, {"etl.py": "import pyarrow\n"})).findings
    assert missing.cause == "No declared dependency provides `pyarrow`."
    assert "`uv add pyarrow`" in missing.remedy


# SPEC: DGR-08
def test_a_group_that_is_not_declared_is_an_error(tmp_path: Path) -> None:
    told = workspace(tmp_path, {"etl.py": ""}, job("etl", require={"dependency_groups": ["web"]}))
    (error,) = check(told).findings
    assert error.severity is Severity.ERROR
    assert "`web` is not declared" in error.cause


# SPEC: DGR-08
def test_a_module_that_stays_at_home_is_found_where_it_is_imported(tmp_path: Path) -> None:
    files = {
        ".gitignore": "local_*.py\n",
        "pkg/etl.py": "from . import deep\nfrom local_paths import HOME\n",
        "pkg/deep.py": "import pkg\nfrom pkg.more import x\n",
        "local_paths.py": "HOME = 1\n",
        "__deployment__.py": "import pkg.etl\n",
    }
    told = workspace(tmp_path, files, job("pkg.etl"))
    (row,) = check(told).findings
    assert (row.code, row.place) == ("RY2004", "pkg/etl.py:2")
    assert "`.gitignore` leaves it out" in row.cause


# SPEC: DGR-08
def test_a_module_of_the_workspace_is_followed_though_another_python_imports_it(tmp_path: Path) -> None:
    asked = "import sys\nif sys.version_info >= (3, 11): import new\nelse: import old\n"
    files = {"etl.py": asked, "new.py": "import unheard_of\n", "old.py": "", ".gitignore": "old.py\n"}
    assert found(workspace(tmp_path, files)) == [("RY2004", "etl.py", 3), ("RY2004", "new.py", 1)]


def test_only_files_that_jobs_reach_are_looked_at(tmp_path: Path) -> None:
    files = {"etl.py": "import json\n", "scratch.py": "import nothing_like_it\ndef f(:\n"}
    report = check(workspace(tmp_path, files))
    assert (report.findings, report.files) == ((), 2)


def test_a_link_that_leads_out_is_not_followed(tmp_path: Path) -> None:
    outside = tmp_path / "outside.py"
    outside.write_text("def f(:\n")
    told = workspace(tmp_path / "w", {"etl.py": "import linked\n"})
    (tmp_path / "w/linked.py").symlink_to(outside)
    assert found(told) == [("RY2004", "etl.py", 1)]


def test_a_file_that_is_too_large_or_cannot_be_read_is_said_to_be_unseen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runyard.core.deployed_code.MODULE_BYTES_MAX", 2048)
    told = workspace(tmp_path, {"etl.py": "x = 1\n" + "#" * 4096})
    (row,) = check(told).findings
    assert (row.code, row.severity, row.file) == ("RY2000", Severity.WARNING, "etl.py")
    assert "more than 2 KiB" in row.cause


CHAIN = "if a: pass\n" + "elif a: pass\n" * 2_000

BROKEN = {
    "not UTF-8": {"etl.py": b"\xff\xfe"},
    "null bytes": {"etl.py": b"x = 1\0\n"},
    "an encoding of bytes": {"etl.py": b"# coding: hex\nx = 1\n"},
    "no such encoding": {"etl.py": b"# coding: nothing\n"},
    "a file that imports a broken one": {"etl.py": "import other\n", "other.py": "def f(:\n"},
    "settings of bytes": {"etl.py": "", ".dlt/prod.config.toml": b"\xff"},
    "a project of bytes": {"etl.py": "", "pyproject.toml": b"\xff"},
    "a list of what to ignore in another encoding": {"etl.py": "", ".gitignore": b"\xff\n*.csv\n"},
    "what ignores nothing": {"etl.py": "", ".gitignore": "!\n"},
    "a project of lists": {"etl.py": "", "pyproject.toml": "project = []\n"},
    "a project that needs no package": {"etl.py": "", "pyproject.toml": f'{PROJECT}dependencies = ["="]\n'},
}


@pytest.mark.parametrize("files", BROKEN.values(), ids=BROKEN)
def test_what_is_broken_is_a_finding(tmp_path: Path, files: Mapping[str, str | bytes]) -> None:
    findings = check(workspace(tmp_path, files)).findings
    assert findings
    assert all(one.cause and one.remedy for one in findings)


ODD = {
    "a folder that is called like a file": {"etl.py": "import pkg\n", "pkg.py/keep": ""},
    "a name longer than a file's may be": {
        "etl.py": f"try:\n    import b\nexcept ImportError:\n    import {'a' * 300}\n"
    },
    "more branches than calls may be nested": {"etl.py": CHAIN},
    "an expression that is deep": {"etl.py": f"with {'a.' * 2_000}b: pass\n"},
}


@pytest.mark.parametrize("files", ODD.values(), ids=ODD)
def test_what_is_odd_is_looked_at_like_anything_else(
    tmp_path: Path, files: Mapping[str, str | bytes]
) -> None:
    findings = check(workspace(tmp_path, files)).findings
    assert {one.code for one in findings} <= {"RY2004"}


@pytest.mark.parametrize("name", ["etl.py", ".gitignore", ".dlt/prod.config.toml", "pyproject.toml"])
def test_links_in_a_circle_are_like_files_that_are_not_there(tmp_path: Path, name: str) -> None:
    told = workspace(tmp_path, {"etl.py": ""})
    (tmp_path / name).unlink(missing_ok=True)
    (tmp_path / name).symlink_to(tmp_path / name)
    (tmp_path / "folder").symlink_to(tmp_path)
    assert {code for code, _, _ in found(told)} <= {"RY1107", "RY2009"}


# SPEC: TRB-08
def test_development_mode_is_found_in_code_and_in_settings_of_the_server(tmp_path: Path) -> None:
    mode = "[pipelines]\ndev_mode = true\n"
    code = 'import dlt\ndef load():\n    dlt.pipeline("a", dev_mode=True)\n'
    files = {
        "pyproject.toml": f'{PROJECT}dependencies = ["dlt"]\n',
        "etl.py": code,
        ".dlt/prod.config.toml": mode,
        ".dlt/dev.config.toml": mode,
    }
    told = workspace(tmp_path, files)
    assert found(told) == [("RY2003", ".dlt/prod.config.toml", 2), ("RY2003", "etl.py", 3)]
    (tmp_path / "etl.py").write_text(code.replace("True)", "True)  # runyard: ignore[RY2003]"))
    assert found(told) == [("RY2003", ".dlt/prod.config.toml", 2)]


def test_the_value_of_a_secret_is_in_no_finding(tmp_path: Path) -> None:
    code = f'KEY = "{SECRET}"; import dlt; dlt.pipeline("{SECRET}", dev_mode=True)\nraise ValueError("{SECRET}")\n'
    failure = RunyardError("It failed.", "Correct it.", reasons=[f"ValueError: {SECRET}"])
    told = workspace(tmp_path, {"etl.py": code, ".dlt/config.toml": f'a = "{SECRET}"\n'}, failure=failure)
    report = check(told)
    assert SECRET not in repr(report)
    places = [one.place for one in report.findings if one.code == "RY2006"]
    assert places == [".dlt/config.toml:1", "etl.py:1", "etl.py:2"]


# SPEC: TRB-01, TRB-02
def test_profiles_without_settings_are_named_as_a_deploy_names_them(tmp_path: Path) -> None:
    told = workspace(tmp_path, {"etl.py": ""})
    (tmp_path / ".dlt/access.config.toml").unlink()
    (row,) = check(told).findings
    assert row.cause == "No 'access' profile detected. Interactive jobs will use the 'prod' profile."
    assert row.remedy.startswith("Create `.dlt/access.config.toml`")
    (tmp_path / ".dlt/prod.config.toml").unlink()
    assert found(told) == [("RY2009", None, None)] * 2


# SPEC: TRB-09
def test_where_dev_and_prod_load_to_is_compared(tmp_path: Path) -> None:
    table = '[destination.warehouse]\ndestination_type = "postgres"\ncredentials = "postgresql://u:{}@{}/orders"\n'
    files = {
        "etl.py": 'import dlt  # runyard: ignore[RY2004]\ndlt.pipeline("a", destination="duckdb")\n',
        ".dlt/dev.secrets.toml": table.format("hush-hush-1", "localhost:5432"),
        ".dlt/prod.secrets.toml": table.format("hush-hush-2", "db.example.com"),
    }
    told = workspace(tmp_path, files)
    report = check(told)
    assert not report.findings
    files_row, row = report.destinations
    assert (files_row.name, files_row.dev, files_row.prod) == ("duckdb", None, None)
    assert row.dev is not None
    assert row.prod is not None
    assert row.dev.where == "postgresql://localhost:5432/orders"
    assert row.prod.where == "postgresql://db.example.com/orders"
    assert "hush" not in repr(report)
    (tmp_path / ".dlt/dev.secrets.toml").write_text(files[".dlt/prod.secrets.toml"])
    assert found(told) == [("RY2008", None, None)]
    (tmp_path / ".dlt/prod.secrets.toml").unlink()
    assert found(told) == [("RY2007", None, None)]


def test_faults_of_a_manifest_are_shown_at_their_functions(tmp_path: Path) -> None:
    faults = ["jobs.etl.load: there is no timezone `X`. Use an IANA name.", "Something else. Mend it."]
    failure = InvalidManifest("It cannot be deployed.", "Correct it.", reasons=faults)
    other, fault = check(workspace(tmp_path, {"etl.py": "\ndef load(): ...\n"}, failure=failure)).findings
    assert (other.place, other.cause) == ("__deployment__.py", "Something else.")
    assert (fault.place, fault.cause, fault.remedy) == (
        "etl.py:2",
        "there is no timezone `X`.",
        "Use an IANA name.",
    )


# SPEC: TRG-16, IVL-07
def test_times_that_a_server_would_refuse_or_move_are_found(tmp_path: Path) -> None:
    often = job("etl", triggers=["every:1s"])
    daily = job("etl", "daily", triggers=["schedule:0 6 * * *"], interval={"start": "2026-01-01T01:00:00Z"})
    told = workspace(tmp_path, {"etl.py": "def load(): ...\ndef daily(): ...\n"}, often, daily)
    error, warning = check(told).findings
    assert (error.place, error.severity) == ("etl.py:1", Severity.ERROR)
    assert "shorter than 60 s" in error.cause
    assert (warning.place, warning.severity) == ("etl.py:2", Severity.WARNING)
    assert "so it moved to" in warning.cause


# SPEC: JCF-01, JCF-09
@pytest.mark.parametrize(
    ("more", "settings", "count"),
    [
        ({"triggers": ["schedule:0 0 * * *"]}, "", 1),
        ({"triggers": ["job.success:jobs.etl.other"]}, "", 1),
        ({"triggers": ["deployment:"]}, "", 1),
        # Who visits an app gives it nothing.
        ({"triggers": ["http:"]}, "", 1),
        ({"triggers": ["manual:jobs.etl.load", "tag:x", "webhook:"]}, "", 0),
        ({"triggers": ["every:1h"]}, "[jobs.etl.load]\nregion = 'nord'", 0),
        ({"triggers": ["every:1h"]}, "[jobs.etl]\nregion = 'nord'", 0),
        ({"triggers": ["every:1h"], "require": {"profile": "night"}}, "[jobs.etl]\nregion = 'nord'", 1),
    ],
)
def test_a_required_input_that_nobody_gives_is_found_at_its_function(
    tmp_path: Path, more: dict[str, Any], settings: str, count: int
) -> None:
    inputs = {"properties": {"region": {"type": "string"}, "limit": {}}, "required": ["region"]}
    files = {"etl.py": "import os\n\ndef load(region, limit=5): ...\n", ".dlt/prod.config.toml": settings}
    told = workspace(tmp_path, files, job("etl", inputs=inputs, **more))
    findings = [one for one in check(told).findings if one.code == "RY2012"]
    assert [one.place for one in findings] == ["etl.py:3"] * count
    for one in findings:
        assert one.cause.startswith("`region` is required, and no settings file of the profile ")
        assert one.why == "The run fails before the function begins."


# SPEC: JCF-01
@pytest.mark.parametrize(("schema", "file"), [({"writeOnly": True}, "secrets"), ({}, "config")])
def test_a_required_input_is_to_be_set_in_the_file_that_is_for_it(
    tmp_path: Path, schema: dict[str, Any], file: str
) -> None:
    inputs = {"properties": {"token": schema}, "required": ["token"]}
    told = workspace(
        tmp_path, {"etl.py": "def load(token): ...\n"}, job("etl", inputs=inputs, triggers=["every:1h"])
    )
    [one] = [one for one in check(told).findings if one.code == "RY2012"]
    assert f"in `.dlt/prod.{file}.toml`" in one.remedy


# SPEC: JCF-01
def test_where_a_launcher_of_others_looks_is_not_told(tmp_path: Path) -> None:
    inputs = {"properties": {"region": {}}, "required": ["region"]}
    theirs = job("etl", inputs=inputs, triggers=["every:1h"])
    theirs["entry_point"]["launcher"] = "dlt._workspace.deployment.launchers.job"
    files = {"etl.py": "def load(region): ...\n", ".dlt/prod.config.toml": "[jobs]\nregion = 'nord'"}
    assert found(workspace(tmp_path, files, theirs)) == []


# SPEC: JCF-09
def test_what_is_given_outside_of_settings_files_is_said_at_the_function(tmp_path: Path) -> None:
    inputs = {"properties": {"region": {}}, "required": ["region"]}
    code = "def load(region): ...  # runyard: ignore[RY2012]\n"
    told = workspace(tmp_path, {"etl.py": code}, job("etl", inputs=inputs, triggers=["every:1h"]))
    assert found(told) == []


def test_secrets_that_git_tracks_and_remarks_of_discovery_are_passed_on(tmp_path: Path) -> None:
    told = workspace(
        tmp_path, {"etl.py": ""}, warnings=("No `__all__`. List it.",), tracked=(".dlt/secrets.toml",)
    )
    assert found(told) == [("RY2010", ".dlt/secrets.toml", None), ("RY2011", "__deployment__.py", None)]


def test_settings_that_are_no_toml_are_an_error(tmp_path: Path) -> None:
    told = workspace(tmp_path, {"etl.py": "", ".dlt/prod.config.toml": "a = \n"})
    (error,) = check(told).findings
    assert (error.code, error.severity) == ("RY1107", Severity.ERROR)


def test_a_project_file_that_is_missing_is_said_once(tmp_path: Path) -> None:
    told = workspace(tmp_path, {"etl.py": ""})
    (tmp_path / "pyproject.toml").unlink()
    (error,) = check(told).findings
    assert (error.code, error.severity) == ("RY1107", Severity.ERROR)
    assert "is missing" in error.cause
