"""What every process of a job begins with: documented imports of `dlt.hub` work with open packages alone."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from tests.support.patience import PATIENCE_SECONDS
from tests.support.workspaces import SDK

from runyard.core.sdk import python_path


def run(code: str, *path: Path, startup: bool = True) -> str:
    """Return what code prints in a process that begins as a job does, with `path` on its path besides."""
    ours = python_path(SDK) if startup else str(SDK)
    env = {"PYTHONPATH": os.pathsep.join([ours, *map(str, path)]), "PATH": os.environ["PATH"]}
    command = [sys.executable, "-c", code]
    return subprocess.run(
        command, env=env, check=True, capture_output=True, text=True, timeout=PATIENCE_SECONDS
    ).stdout


# SPEC: CMP-08
def test_documented_imports_work_in_a_job_and_in_what_it_starts_without_the_closed_package() -> None:
    assert find_spec("dlthub") is None
    told = run("""
import subprocess, sys
code = '''
import dlt
from dlt.hub import run
import dlt.hub.run as same
from dlt.hub.run import trigger
@run.job(trigger=trigger.every("5m"))
def load(): ...
print(load.job_ref.startswith("jobs."), same is run is dlt.hub.run, dlt.hub.__found__)
try:
    dlt.hub.transformation
except Exception as error:
    print(type(error).__name__)
'''
print(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)
""")
    assert told.split() == ["True", "True", "False", "MissingDependencyException"]


# SPEC: CMP-08
def test_they_work_also_when_dlt_is_imported_anew() -> None:
    told = run("""
import importlib
import dlt.hub
importlib.reload(dlt.hub)
from dlt.hub import run
print(run.__name__)
""")
    assert told == "dlt.hub.run\n"


# SPEC: CMP-08
def test_an_installed_dlthub_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "dlthub").mkdir()
    (tmp_path / "dlthub" / "__init__.py").write_text("transformation = runner = 'theirs'\n")
    (tmp_path / "dlthub" / "current.py").touch()
    told = run(
        "import dlt.hub; print(dlt.hub.transformation, dlt.hub.__found__, dlt.hub.__getattr__.__module__)",
        tmp_path,
    )
    assert told.split() == ["theirs", "True", "dlt.hub"]


def test_an_environment_that_begins_with_something_of_its_own_still_does(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text("began = 'here'\n")
    assert run("import sitecustomize; print(sitecustomize.began)", tmp_path) == "here\n"


def test_a_job_without_dlt_finds_nothing_but_a_finder() -> None:
    modules, path = "import sys; print(*sys.modules)", "import sys; print(sys.path)"
    assert set(run(modules).split()) - set(run(modules, startup=False).split()) <= {"__future__"}
    assert run(path) == run(path, startup=False)
