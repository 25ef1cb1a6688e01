"""Contents are kept once, survive, and cannot be changed through a run's directory."""

from __future__ import annotations

import base64
import errno
import hashlib
from pathlib import Path

import pytest

from runyard.core.errors import NotFound, StorageFull
from runyard.core.file_store import LINK_FROM_BYTES, LocalFileStore, storage_errors


def digest_of(content: bytes) -> str:
    return base64.b64encode(hashlib.sha3_256(content).digest()).decode()


def keep(store: LocalFileStore, content: bytes) -> str:
    with store.staging() as directory:
        (directory / "new").write_bytes(content)
        store.add({digest_of(content): directory / "new"})
    return digest_of(content)


@pytest.fixture
def store(tmp_path: Path) -> LocalFileStore:
    return LocalFileStore(tmp_path / "files")


def test_what_was_added_can_be_read_and_is_kept_once(store: LocalFileStore, tmp_path: Path) -> None:
    assert not store.contains(digest_of(b"one"))
    digest = keep(store, b"one")
    keep(store, b"one")
    assert store.contains(digest)
    with store.open(digest) as file:
        assert file.read() == b"one"
    assert len([path for path in (tmp_path / "files").rglob("*") if path.is_file()]) == 1


def test_unknown_content_is_not_found(store: LocalFileStore, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="lost the content"):
        store.open(digest_of(b"never"))
    with pytest.raises(NotFound):
        store.place(digest_of(b"never"), tmp_path / "x")


def test_a_job_may_edit_a_small_file_without_touching_what_is_kept(
    store: LocalFileStore, tmp_path: Path
) -> None:
    digest = keep(store, b"print(1)")
    store.place(digest, tmp_path / "job.py")
    (tmp_path / "job.py").write_bytes(b"print(2)")
    with store.open(digest) as file:
        assert file.read() == b"print(1)"


def test_a_large_file_is_shared_and_read_only(store: LocalFileStore, tmp_path: Path) -> None:
    digest = keep(store, bytes(LINK_FROM_BYTES))
    for name in ("a.bin", "b.bin"):
        store.place(digest, tmp_path / name)
    assert (tmp_path / "a.bin").samefile(tmp_path / "b.bin")
    assert (tmp_path / "a.bin").stat().st_mode & 0o777 == 0o444


def test_what_is_kept_is_never_overwritten_through_a_link(store: LocalFileStore, tmp_path: Path) -> None:
    large, small = keep(store, bytes(LINK_FROM_BYTES)), keep(store, b"small")
    store.place(large, tmp_path / "a")
    with pytest.raises(FileExistsError):
        store.place(small, tmp_path / "a")
    with store.open(large) as file:
        assert file.read() == bytes(LINK_FROM_BYTES)


@pytest.mark.parametrize("size", [3, LINK_FROM_BYTES])
def test_an_executable_keeps_its_bit_without_giving_it_to_others(
    store: LocalFileStore, tmp_path: Path, size: int
) -> None:
    digest = keep(store, bytes(size))
    store.place(digest, tmp_path / "tool", executable=True)
    store.place(digest, tmp_path / "plain")
    assert (tmp_path / "tool").stat().st_mode & 0o111
    assert not (tmp_path / "plain").stat().st_mode & 0o111


def test_what_was_staged_when_the_server_died_is_gone_after_a_restart(tmp_path: Path) -> None:
    left = tmp_path / "files" / "staging" / "half" / "0"
    left.parent.mkdir(parents=True)
    left.write_bytes(b"half")
    LocalFileStore(tmp_path / "files")
    assert not left.exists()


def test_a_full_disk_is_said_in_our_words() -> None:
    with pytest.raises(StorageFull, match="disk is full"), storage_errors():
        raise OSError(errno.ENOSPC, "No space left on device")
    with pytest.raises(PermissionError), storage_errors():
        raise OSError(errno.EACCES, "Permission denied")
