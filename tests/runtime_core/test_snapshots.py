"""Hashes that agree with the published client's, packages, and runs' directories laid out from them."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest
import yaml
from tests.support import published
from tests.support.workspaces import make_workspace

from runyard.core import snapshots, uploads, workspace
from runyard.core.errors import InvalidWorkspace
from runyard.core.file_store import LINK_FROM_BYTES, LocalFileStore
from runyard.core.snapshots import SnapshotFile
from runyard.core.uploads import SnapshotKind

FILES: dict[str, str | bytes] = {
    "pyproject.toml": "[project]\nname = 'w'\n",
    "__deployment__.py": "",
    "jobs/load.py": "print(1)\n",
    "jobs/größe 表.csv": "a,b\n",
    "a.b/x": "sorted before a/x by code point",
    "a/x": "",
    "2024-01-01": "a name that YAML takes for a date",
    "large.bin": bytes(LINK_FROM_BYTES),
    ".dlt/config.toml": "[runtime]\n",
    ".dlt/secrets.toml": "key = 'base'\n",
    ".dlt/prod.config.toml": "",
    ".dlt/prod.secrets.toml": "key = 'prod'\n",
    ".dlt/access.secrets.toml": "key = 'access'\n",
    ".dlt/dev.secrets.toml": "key = 'dev'\n",
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = make_workspace(tmp_path / "w", FILES)
    (root / "jobs/load.py").chmod(0o750)
    (root / "link.py").symlink_to("jobs/load.py")
    return root


@pytest.fixture
def store(tmp_path: Path) -> LocalFileStore:
    return LocalFileStore(tmp_path / "files")


def described(root: Path) -> list[SnapshotFile]:
    return snapshots.describe(root, workspace.select_files(root))


def settings(root: Path) -> list[SnapshotFile]:
    return snapshots.describe(root / ".dlt", workspace.settings_files(root))


def packed(base: Path, files: list[SnapshotFile], known: list[SnapshotFile] | None = None) -> io.BytesIO:
    stream = io.BytesIO()
    snapshots.write_package(base, files, stream, known=known or [])
    stream.seek(0)
    return stream


def members(package: bytes) -> dict[str, tuple[bytes, int, bytes]]:
    """Return type, mode and content by name; of the manifest the content only, of a link its target."""
    with tarfile.open(fileobj=io.BytesIO(package)) as tar:
        return {
            member.name: (
                member.type,
                0 if member.issym() else member.mode & 0o777,
                member.linkname.encode() if member.issym() else tar.extractfile(member).read(),  # type: ignore[union-attr]
            )
            for member in tar
        }


# SPEC: CMP-02, VER-02
@pytest.mark.parametrize("gitignore", [None, "*.log\n/a/\n!a/x\n"])
def test_our_package_of_the_code_is_the_published_clients(root: Path, gitignore: str | None) -> None:
    make_workspace(root, {"x.log": "", "venv/x": ""} | ({".gitignore": gitignore} if gitignore else {}))
    package, content_hash = published.deployment_package(root)
    files = described(root)
    assert snapshots.content_hash(files) == content_hash
    assert members(packed(root, files).getvalue()) == members(package)


# SPEC: CMP-02, VER-03, VER-07
def test_our_package_of_the_settings_is_the_published_clients(root: Path) -> None:
    package, content_hash = published.configuration_package(root)
    files = settings(root)
    assert snapshots.content_hash(files) == content_hash
    assert members(packed(root / ".dlt", files).getvalue()) == members(package)


# SPEC: CMP-02
def test_uploads_of_both_clients_compare_equal_although_one_ships_git(
    root: Path, store: LocalFileStore
) -> None:
    make_workspace(root, {".git/HEAD": "ref: refs/heads/main\n", ".dlt/.toolkits": "{}\n"})
    package, content_hash = published.deployment_package(root)
    theirs = uploads.receive(io.BytesIO(package), store, SnapshotKind.DEPLOYMENT)
    ours = described(root)
    assert theirs.content_hash == content_hash != snapshots.content_hash(ours)
    assert theirs.comparison_hash == snapshots.comparison_hash(ours) == snapshots.content_hash(ours)


# SPEC: VER-01, VER-02, VER-03
def test_code_and_settings_change_their_own_hash_only(root: Path) -> None:
    def hashes() -> tuple[str, str]:
        return snapshots.content_hash(described(root)), snapshots.content_hash(settings(root))

    code, configuration = hashes()
    (root / "jobs/load.py").chmod(0o644)
    assert hashes() == (code, configuration)
    (root / ".dlt/prod.config.toml").write_text("x = 1\n")
    assert hashes()[0] == code
    assert hashes()[1] != configuration
    (root / "link.py").unlink()
    (root / "link.py").symlink_to("a/x")
    assert hashes()[0] != code


def test_changes_between_snapshots_are_named_by_path(root: Path) -> None:
    before = described(root)
    (root / "a/x").write_text("new")
    (root / "a.b/x").unlink()
    (root / "z").touch()
    assert snapshots.changes(before, described(root)) == snapshots.Changes(("z",), ("a/x",), ("a.b/x",))


# SPEC: RCN-19
def test_only_changed_files_are_transferred(root: Path, store: LocalFileStore) -> None:
    before = uploads.receive(packed(root, described(root)), store, SnapshotKind.DEPLOYMENT)
    (root / "jobs/load.py").write_text("print(2)\n")
    files = described(root)
    package = packed(root, files, list(before.files))
    assert set(members(package.getvalue())) == {"files/jobs/load.py", "manifest.yaml"}
    after = uploads.receive(package, store, SnapshotKind.DEPLOYMENT, known=before.files)
    assert after.content_hash == snapshots.content_hash(files)
    assert snapshots.changes(before.files, after.files).updated == ("jobs/load.py",)


@pytest.mark.parametrize("after", ["longer than before", "2"])
def test_a_file_that_changes_while_it_is_packed_is_named(root: Path, after: str) -> None:
    files = described(root)
    (root / "jobs/load.py").write_text(after)
    with pytest.raises(InvalidWorkspace, match=r"`jobs/load\.py` changed"):
        packed(root, files)


def test_a_file_that_cannot_be_read_is_named(root: Path) -> None:
    with pytest.raises(InvalidWorkspace, match=r"'gone\.py' cannot be read"):
        snapshots.describe(root, ["gone.py"])
    with pytest.raises(InvalidWorkspace, match="cannot be read"):
        snapshots.describe(root, ["not-utf8-\udcff"])


# SPEC: WS-10, PRF-12, VER-07
def test_a_run_finds_the_same_files_and_its_own_profiles_settings(
    root: Path, store: LocalFileStore, tmp_path: Path
) -> None:
    code = uploads.receive(packed(root, described(root)), store, SnapshotKind.DEPLOYMENT)
    configuration = uploads.receive(packed(root / ".dlt", settings(root)), store, SnapshotKind.CONFIGURATION)
    run = tmp_path / "run"
    snapshots.lay_out(code.files, store, run)
    assert {file.relative_path: (run / file.relative_path).read_bytes() for file in code.files} == {
        path: (root / path).read_bytes() for path in workspace.select_files(root)
    }
    assert str((run / "link.py").readlink()) == "jobs/load.py"
    assert (run / "jobs/load.py").stat().st_mode & 0o777 == 0o755
    assert (run / "pyproject.toml").stat().st_mode & 0o777 == 0o644

    snapshots.restore_settings(configuration.files, store, run, "access")
    assert {path.name for path in (run / ".dlt").iterdir()} == {
        ".workspace",
        "config.toml",
        "secrets.toml",
        "access.secrets.toml",
    }
    assert workspace.find_root(run / "jobs") == run


def test_a_run_directory_is_never_laid_out_twice(root: Path, store: LocalFileStore, tmp_path: Path) -> None:
    code = uploads.receive(packed(root, described(root)), store, SnapshotKind.DEPLOYMENT)
    snapshots.lay_out(code.files, store, tmp_path / "run")
    with pytest.raises(FileExistsError):
        snapshots.lay_out(code.files, store, tmp_path / "run")


def test_the_manifest_is_last_and_lists_every_file_by_path(root: Path) -> None:
    with tarfile.open(fileobj=packed(root, described(root))) as tar:
        *_, last = tar
        content = tar.extractfile(last)
        assert content is not None
        document = yaml.safe_load(content)
    assert last.name == "manifest.yaml"
    paths = [item["relative_path"] for item in document["files"]]
    assert document["engine_version"] == 1
    assert paths == sorted(paths) == workspace.select_files(root)
