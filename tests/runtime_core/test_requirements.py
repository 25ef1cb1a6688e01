"""What travels as requirements.json, from our client and the published one, and what a job gets of it."""

from __future__ import annotations

import io
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from dlt._workspace.deployment import requirements as published
from tests.support.patience import PATIENCE_SECONDS
from tests.support.wheels import make_wheel
from tests.support.workspaces import make_workspace

from runyard.core import requirements
from runyard.core.errors import InvalidInput, InvalidUpload, InvalidWorkspace
from runyard.core.processes import SystemProcesses
from runyard.core.requirements import Requirements, requirements_for

PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
UV = Path(sys.executable).with_name("uv")

PYPROJECT = """
[project]
name = "w"
version = "0"
dependencies = ["Duckdb >= 1", "s3fs", "runyard>=0.1"]

[dependency-groups]
ibis = ["ibis-framework"]
"""


def export(root: Path, **env: str) -> Requirements:
    return requirements.export(
        root,
        python_version=PYTHON,
        processes=SystemProcesses(),
        uv=UV,
        env={"PATH": os.environ["PATH"], "HOME": str(root), **env},
    )


def document(**other: Any) -> bytes:
    return json.dumps(
        {
            "engine_version": 2,
            "python_version": "3.12",
            "dlt_version": {"name": "dlt", "extras": [], "version": "1.31.0", "mode": "pypi"},
            "default_groups": ["main"],
            "groups": {"main": ["dlt"], "ibis": ["ibis-framework>=9"]},
            "launcher_requirements": {"dlt._workspace.deployment.launchers.job": ["dlthub", "s3fs"]},
            **other,
        }
    ).encode()


def without_closed(launchers: dict[str, list[str]]) -> dict[str, list[str]]:
    return {name: [spec for spec in specs if spec != "dlthub"] for name, specs in launchers.items()}


# SPEC: WS-06, DGR-01
@pytest.mark.parametrize("dependencies", ['["s3fs", "Duckdb >= 1"]', '["dlt[duckdb]>=1.30", "marimo"]', "[]"])
def test_our_document_is_the_published_clients_without_the_closed_package(
    tmp_path: Path, dependencies: str
) -> None:
    text = f'[project]\nname = "w"\ndependencies = {dependencies}\n[dependency-groups]\nibis = ["ibis"]\n'
    theirs: Any = published.export_workspace_requirements(make_workspace(tmp_path, {"pyproject.toml": text}))
    ours = json.loads(requirements.render(export(tmp_path)))
    assert ours.pop("overrides") == []
    theirs["launcher_requirements"] = without_closed(theirs["launcher_requirements"])
    assert ours == theirs


def test_documents_of_both_clients_are_read_as_written(tmp_path: Path) -> None:
    ours = export(make_workspace(tmp_path, {"pyproject.toml": PYPROJECT}))
    assert requirements.parse(requirements.render(ours)) == ours
    stream = io.BytesIO()
    published.save_requirements(published.export_workspace_requirements(tmp_path), stream)
    theirs = requirements.parse(stream.getvalue())
    assert theirs.groups == ours.groups
    assert theirs.overrides == ()


# SPEC: WS-06
def test_a_lock_pins_every_group_except_our_own_package(tmp_path: Path) -> None:
    for name, version, requires in (
        ("duckdb", "1.2", []),
        ("s3fs", "9.0", ["duckdb"]),
        ("runyard", "0.1", []),
        ("ibis_framework", "10.0", []),
    ):
        make_wheel(tmp_path / "wheels", name, version, requires)
    root = make_workspace(tmp_path / "w", {"pyproject.toml": f"{PYPROJECT}\n[tool.uv]\nno-index = true\n"})
    env = {"UV_FIND_LINKS": str(tmp_path / "wheels"), "UV_CACHE_DIR": str(tmp_path / "cache")}
    processes = SystemProcesses()
    full = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), **env}
    assert (
        processes.run([str(UV), "lock"], cwd=root, env=full, timeout_seconds=PATIENCE_SECONDS).returncode == 0
    )
    exported = export(root, **env)
    assert exported.groups["main"] == ("duckdb==1.2", "runyard>=0.1", "s3fs==9.0")
    assert exported.groups["ibis"] == ("ibis-framework==10.0",)

    make_workspace(root, {"pyproject.toml": PYPROJECT.replace("Duckdb >= 1", "Duckdb >= 7")})
    with pytest.raises(InvalidWorkspace, match="Run `uv lock`") as stale:
        export(root, **env)
    assert stale.value.reasons


def test_a_lock_without_uv_says_what_to_install(tmp_path: Path) -> None:
    root = make_workspace(tmp_path, {"pyproject.toml": PYPROJECT, "uv.lock": ""})
    with pytest.raises(InvalidWorkspace, match="needs `uv`"):
        requirements.export(root, python_version=PYTHON, processes=SystemProcesses(), uv=None, env={})


# SPEC: DGR-01
def test_an_included_group_brings_its_requirements(tmp_path: Path) -> None:
    text = '[dependency-groups]\na = ["x", {include-group = "b"}]\nb = ["y"]\n'
    assert export(make_workspace(tmp_path, {"pyproject.toml": text})).groups["a"] == ("x", "y")
    for wrong in ('a = [{include-group = "a"}]', 'a = [{include-group = "c"}]', "a = [{}]"):
        make_workspace(tmp_path, {"pyproject.toml": f"[dependency-groups]\n{wrong}\n"})
        with pytest.raises(InvalidWorkspace, match="includes itself or is missing"):
            export(tmp_path)


def test_overrides_travel_with_the_requirements(tmp_path: Path) -> None:
    text = "[tool.uv]\noverride-dependencies = [\"pandas; sys_platform == 'never'\"]\n"
    exported = export(make_workspace(tmp_path, {"pyproject.toml": text}))
    assert requirements.parse(requirements.render(exported)).overrides == ("pandas; sys_platform == 'never'",)


# SPEC: WS-06
@pytest.mark.parametrize(
    "spec", ["-e ./lib", "./lib", "x @ file:///home/me/x", "--index-url=http://h", "a\nb"]
)
def test_what_another_machine_cannot_install_is_refused_on_both_sides(tmp_path: Path, spec: str) -> None:
    text = f"[project]\ndependencies = [{json.dumps(spec)}]\n"
    with pytest.raises(InvalidWorkspace, match="Name a released package"):
        export(make_workspace(tmp_path, {"pyproject.toml": text}))
    for fields in (
        {"groups": {"main": [spec]}},
        {"launcher_requirements": {"l": [spec]}},
        {"overrides": [spec]},
    ):
        with pytest.raises(InvalidUpload, match="Name a released package"):
            requirements.parse(document(**fields))


def test_a_document_of_engine_1_is_read() -> None:
    old = json.loads(document(engine_version=1))
    del old["dlt_version"]
    read = requirements.parse(json.dumps(old).encode())
    assert read.dlt_version == {"name": "dlt", "extras": [], "version": "1.28.0", "mode": "pypi"}
    assert read.python_version == "3.12"


@pytest.mark.parametrize(
    "bad",
    [
        b"",
        b"[]",
        b"{}",
        b"{" * 100_000,
        b"\xff",
        document(engine_version=3),
        document(python_version="three"),
        document(python_version="3.11 --evil"),
        document(groups={"main": "dlt"}),
        document(groups={"main": [1]}),
        document(default_groups=None),
        b" " * (requirements.DOCUMENT_MAX_BYTES + 1),
    ],
)
def test_a_document_that_is_none_is_refused(bad: bytes) -> None:
    with pytest.raises(InvalidUpload):
        requirements.parse(bad)


# SPEC: DGR-02, DGR-03, CMP-08
def test_a_job_gets_the_base_its_own_groups_and_its_launchers_needs() -> None:
    read = requirements.parse(document())
    assert requirements_for(read, ["ibis"], "dlt._workspace.deployment.launchers.job") == [
        "dlt",
        "ibis-framework>=9",
        "s3fs",
    ]
    assert requirements_for(read, [], "runyard.core.launchers.job") == ["dlt"]
    notebook = requirements_for(read, [], "runyard.core.launchers.marimo")
    assert notebook == ["anywidget", "dlt", "httpx", "marimo"]
    theirs = {"dlt._workspace.deployment.launchers.marimo": ["marimo", "uvicorn"]}
    read = requirements.parse(document(launcher_requirements=theirs))
    notebook = requirements_for(read, [], "dlt._workspace.deployment.launchers.marimo")
    assert notebook == ["anywidget", "dlt", "httpx", "marimo", "uvicorn"]


# SPEC: CMP-08
def test_the_closed_package_is_installed_only_if_the_project_asks() -> None:
    read = requirements.parse(document(groups={"main": ["dlthub>=0.1"]}))
    assert requirements_for(read, [], "dlt._workspace.deployment.launchers.job") == ["dlthub>=0.1", "s3fs"]


# SPEC: DGR-04
def test_a_group_that_is_not_declared_is_named() -> None:
    with pytest.raises(InvalidInput, match="`spark` is not declared"):
        requirements_for(requirements.parse(document()), ["spark"], "runyard.core.launchers.job")
