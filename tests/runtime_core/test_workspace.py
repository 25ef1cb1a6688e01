"""Where a workspace is, which of its files leave it, and what it is connected to."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest
from tests.support.patience import PATIENCE_SECONDS
from tests.support.workspaces import make_workspace

from runyard.core import workspace
from runyard.core.errors import InvalidWorkspace
from runyard.core.processes import SystemProcesses


# SPEC: WS-01, WS-04
def test_the_nearest_marker_upward_is_the_root(tmp_path: Path) -> None:
    outer = make_workspace(tmp_path / "outer", {"a/b/c.py": ""})
    inner = make_workspace(outer / "inner", {"d/e.py": ""})
    assert workspace.find_root(outer) == outer
    assert workspace.find_root(outer / "a" / "b") == outer
    assert workspace.find_root(inner / "d") == inner


# SPEC: WS-02
def test_without_a_marker_the_missing_file_and_the_command_are_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidWorkspace, match=r"`\.dlt/\.workspace` is missing.*`runyard init`"):
        workspace.find_root(tmp_path)


# SPEC: WS-05
def test_a_deploy_without_pyproject_suggests_uv_init(tmp_path: Path) -> None:
    with pytest.raises(InvalidWorkspace, match=r"pyproject\.toml` is missing.*`uv init"):
        workspace.require_pyproject(tmp_path)
    make_workspace(tmp_path, {"pyproject.toml": ""})
    assert workspace.require_pyproject(tmp_path).name == "pyproject.toml"


# SPEC: WS-19, VER-07
def test_gitignore_decides_and_some_things_never_leave(tmp_path: Path) -> None:
    root = make_workspace(
        tmp_path,
        {
            ".gitignore": "/data/*\n!data/keep.csv\n*.log\nnode_modules/\n",
            "jobs.py": "",
            "pkg/mod.py": "",
            "data/big.csv": "",
            "data/keep.csv": "",
            "pkg/x.log": "",
            "node_modules/m/index.js": "",
            ".dlt/secrets.toml": "",
            ".dlt/config.toml": "",
            ".git/config": "",
            "pkg/.git": "gitdir: elsewhere",
            "env311/pyvenv.cfg": "",
            "env311/lib/site.py": "",
        },
    )
    assert workspace.select_files(root) == [".gitignore", "data/keep.csv", "jobs.py", "pkg/mod.py"]


# SPEC: WS-19
def test_without_gitignore_a_built_in_list_applies(tmp_path: Path) -> None:
    root = make_workspace(
        tmp_path,
        {"jobs.py": "", "__pycache__/jobs.pyc": "", ".env": "", "dist/x.whl": "", "a/b.egg-info/X": ""},
    )
    assert workspace.select_files(root) == ["jobs.py"]


# SPEC: WS-19
def test_links_leave_only_when_they_mean_the_same_elsewhere(tmp_path: Path) -> None:
    root = make_workspace(tmp_path / "w", {"real/a.txt": "a"})
    (tmp_path / "outside.txt").write_text("secret")
    for name, target in {
        "ok": "real/a.txt",
        "folder": "real",
        "real/up": "../real/a.txt",
        "out": "../outside.txt",
        "absolute": str(root / "real/a.txt"),
        "broken": "nowhere",
        "circle": "circle",
    }.items():
        (root / name).symlink_to(target)
    assert workspace.select_files(root) == ["folder", "ok", "real/a.txt", "real/up"]


def test_what_is_no_file_is_not_selected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = make_workspace(tmp_path, {"jobs.py": ""})
    os.mkfifo(root / "pipe")
    monkeypatch.chdir(root)  # a socket's path has to be short
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("sock")
        assert workspace.select_files(root) == ["jobs.py"]


# SPEC: PRF-13, PRF-14, VER-07
def test_a_configuration_holds_settings_of_server_profiles_only(tmp_path: Path) -> None:
    root = make_workspace(
        tmp_path,
        {
            f".dlt/{name}": ""
            for name in (
                "config.toml",
                "secrets.toml",
                "prod.secrets.toml",
                "dev.config.toml",
                "tests.secrets.toml",
                "profile-name",
                "data/config.toml",
            )
        },
    )
    assert workspace.settings_files(root) == ["config.toml", "prod.secrets.toml", "secrets.toml"]


# SPEC: WS-09
def test_secrets_that_git_tracks_are_named(tmp_path: Path) -> None:
    root = make_workspace(
        tmp_path, {".dlt/prod.secrets.toml": "", ".dlt/secrets.toml": "", ".dlt/config.toml": ""}
    )
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    processes = SystemProcesses()
    assert workspace.tracked_secrets(root, processes, env) == []
    for arguments in (["init", "-q"], ["add", ".dlt/prod.secrets.toml", ".dlt/config.toml"]):
        assert (
            processes.run(["git", *arguments], cwd=root, env=env, timeout_seconds=PATIENCE_SECONDS).returncode
            == 0
        )
    assert workspace.tracked_secrets(root, processes, env) == [".dlt/prod.secrets.toml"]
    assert workspace.tracked_secrets(root, processes, {"PATH": "/nowhere"}) == []


# SPEC: WS-12
def test_connecting_keeps_comments_and_order(tmp_path: Path) -> None:
    before = (
        '# ours\n[destination.x]\ntype = "duckdb"  # local\n\n[runtime]\napi_base_url = "http://h"\n# end\n'
    )
    root = make_workspace(tmp_path, {".dlt/config.toml": before})
    workspace.write_workspace_id(root, "w-1")
    after = (root / ".dlt/config.toml").read_text()
    assert after.replace('workspace_id = "w-1"\n', "") == before
    workspace.write_workspace_id(root, "w-2")
    assert workspace.read_connection(root) == workspace.Connection("w-2", "http://h")


# SPEC: WS-12
def test_connecting_a_new_workspace_creates_the_file(tmp_path: Path) -> None:
    root = make_workspace(tmp_path, {})
    assert workspace.read_connection(root) == workspace.Connection()
    workspace.write_workspace_id(root, "w-1")
    assert (root / ".dlt/config.toml").read_text() == '[runtime]\nworkspace_id = "w-1"\n'


# SPEC: WS-12
def test_the_first_clients_place_is_read_and_never_written(tmp_path: Path) -> None:
    old = '[runtime]\nworkspace_id = "old"\n'
    root = make_workspace(tmp_path, {".dlt/runtime.config.toml": old})
    assert workspace.read_connection(root).workspace_id == "old"
    workspace.write_workspace_id(root, "new")
    assert workspace.read_connection(root).workspace_id == "new"
    assert (root / ".dlt/runtime.config.toml").read_text() == old


def test_settings_that_are_not_toml_are_named(tmp_path: Path) -> None:
    root = make_workspace(tmp_path, {".dlt/config.toml": "runtime = ["})
    with pytest.raises(InvalidWorkspace, match=r"config\.toml` is not valid TOML"):
        workspace.read_connection(root)
    with pytest.raises(InvalidWorkspace, match=r"config\.toml` is not valid TOML"):
        workspace.write_workspace_id(root, "w-1")
