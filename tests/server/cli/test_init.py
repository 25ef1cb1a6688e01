"""Making a directory a workspace."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from tests.support.workspaces import discovered

from runyard.core import workspace
from runyard.core.errors import Conflict, NotFound
from runyard_server.cli.init import copy_example, make_workspace


# SPEC: WS-07
def test_an_empty_directory_becomes_a_workspace_that_can_be_deployed(tmp_path: Path) -> None:
    root = tmp_path / "My Project"
    made = [".dlt/.workspace", "pyproject.toml", ".gitignore", "starter.py", "__deployment__.py"]
    assert make_workspace(root) == made
    assert workspace.find_root(root) == root
    project = tomllib.loads(workspace.require_pyproject(root).read_text())
    assert project["project"]["name"] == "my-project"
    assert project["dependency-groups"] == {"dev": ["runyard"]}


# SPEC: WS-07
def test_doing_it_again_writes_nothing(tmp_path: Path) -> None:
    make_workspace(tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert make_workspace(tmp_path) == []
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


# SPEC: WS-07
def test_the_first_job_and_what_its_comments_show_can_be_deployed(tmp_path: Path) -> None:
    make_workspace(tmp_path)
    (hello,) = (job for job in discovered(tmp_path).manifest["jobs"] if job["entry_point"]["function"])
    assert (hello["job_ref"], hello["triggers"]) == ("jobs.starter.hello", ["schedule:0 6 * * *"])
    starter, deployment = tmp_path / "starter.py", tmp_path / "__deployment__.py"
    code = re.sub(r"^# ?(?=@|def |    )", "", starter.read_text(), flags=re.MULTILINE)
    starter.write_text(code)
    deployment.write_text("from starter import hello, load, report\n__all__ = ['hello', 'load', 'report']\n")
    jobs = {job["job_ref"]: job for job in discovered(tmp_path).manifest["jobs"]}
    assert jobs["jobs.starter.load"]["interval"] == {"start": "2026-01-01"}
    assert jobs["jobs.starter.report"]["freshness"] == ["job.is_fresh:jobs.starter.load"]
    assert len(code.splitlines()) < 40, "it is read without scrolling"


# SPEC: WS-07
def test_a_project_with_code_is_given_no_other(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src/load.py").write_text("")
    assert make_workspace(tmp_path) == [".dlt/.workspace", "pyproject.toml", ".gitignore"]


# SPEC: WS-08
def test_files_that_are_there_only_grow(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('# mine\n[project]\nname = "mine" # really\nversion = "7"\n')
    (tmp_path / ".gitignore").write_text("data/")
    make_workspace(tmp_path)
    text = (tmp_path / "pyproject.toml").read_text()
    assert text.startswith('# mine\n[project]\nname = "mine" # really\nversion = "7"\n')
    assert tomllib.loads(text)["dependency-groups"]["dev"] == ["runyard"]
    assert (tmp_path / ".gitignore").read_text().splitlines() == [
        "data/",
        ".dlt/secrets.toml",
        ".dlt/*.secrets.toml",
    ]


@pytest.mark.parametrize("spec", ["runyard", "runyard[server]>=0.1", "runyard ==1"])
def test_a_project_that_names_runyard_is_left_as_it_is(tmp_path: Path, spec: str) -> None:
    text = f'[project]\nname = "mine"\nversion = "7"\ndependencies = ["{spec}"]\n'
    (tmp_path / "pyproject.toml").write_text(text)
    assert "pyproject.toml" not in make_workspace(tmp_path)
    assert (tmp_path / "pyproject.toml").read_text() == text


# SPEC: WS-08
def test_a_pattern_that_covers_all_secrets_is_enough(tmp_path: Path) -> None:
    (tmp_path / ".gitignore").write_text(".dlt/*secrets.toml\n")
    assert ".gitignore" not in make_workspace(tmp_path)


def test_a_new_ignore_list_keeps_at_home_what_stays_there_without_one(tmp_path: Path) -> None:
    make_workspace(tmp_path)
    lines = (tmp_path / ".gitignore").read_text().splitlines()
    assert set(workspace.DEFAULT_IGNORES) < set(lines)


def test_an_example_is_copied_whole_and_only_once(tmp_path: Path) -> None:
    written = copy_example("flights", tmp_path)
    assert "__deployment__.py" in written
    assert workspace.find_root(tmp_path) == tmp_path
    assert {"config.toml", "prod.config.toml"} <= set(workspace.settings_files(tmp_path))
    assert copy_example("flights", tmp_path) == []


@pytest.mark.parametrize("name", ["pyproject.toml", "ingest.py"])
# SPEC: WS-08
def test_an_example_is_not_mixed_with_other_files(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("# mine\n")
    with pytest.raises(Conflict, match="runyard init flights --example flights") as refused:
        copy_example("flights", tmp_path)
    assert refused.value.reasons == (name,)
    assert list(tmp_path.iterdir()) == [tmp_path / name]


def test_an_unknown_example_is_refused_with_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="There is: flights"):
        copy_example("trains", tmp_path)
