"""Snapshots of code and of settings: describe, hash, compare, pack, and lay out again for a run.

The package format and the content hash are the published client's, so that either client sees what the other
has deployed (contract 6.2 to 6.4). Which files belong to a workspace is in `workspace`, receiving a package
from outside in `uploads`, where contents are kept in `file_store`; version numbers are in the store.
"""

from __future__ import annotations

import base64
import hashlib
import io
import os
import tarfile
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any, BinaryIO

from runyard.core.errors import InvalidWorkspace
from runyard.core.file_store import FileStore, storage_errors
from runyard.core.settings import files_for

PACKAGE_ENGINE = 1
"""Version of the package's manifest, the one the published client writes."""

FILES, MANIFEST = "files", "manifest.yaml"
"""The folder of the contents in a package, and its last member."""

SETTINGS, MARKER = ".dlt", ".workspace"
"""The settings folder of a workspace, and the file in it that makes a directory a workspace (WS-01)."""


@dataclass(frozen=True, slots=True)
class SnapshotFile:
    """One file of a snapshot.

    `sha3_256` is base64, of the content or of a link's text; a link has size 0. `mode` holds the permissions.
    """

    relative_path: str
    sha3_256: str
    size_bytes: int
    mode: int
    linkname: str | None = None

    @property
    def is_executable(self) -> bool:
        return bool(self.mode & 0o100)


@dataclass(frozen=True, slots=True)
class Changes:
    """Paths by what happened to them between two snapshots, each sorted."""

    added: tuple[str, ...]
    updated: tuple[str, ...]
    deleted: tuple[str, ...]


def content_hash(files: Iterable[SnapshotFile]) -> str:
    """Return the published client's hash of a snapshot: paths and contents, not modes or times."""
    digest = hashlib.sha3_256()
    for file in sorted(files, key=lambda file: file.relative_path):
        digest.update(file.relative_path.encode())
        digest.update(file.sha3_256.encode())
    return encode_digest(digest.digest())


def comparison_hash(files: Iterable[SnapshotFile]) -> str:
    """Return the hash by which uploads of both clients compare equal.

    The published client ships `.git` and `.dlt/.toolkits`; ours ships neither (CMP-02).
    """
    return content_hash(file for file in files if not _is_internal(PurePosixPath(file.relative_path)))


def _is_internal(path: PurePosixPath) -> bool:
    return ".git" in path.parts or path.parts[0] == SETTINGS


def changes(before: Iterable[SnapshotFile], after: Iterable[SnapshotFile]) -> Changes:
    """Return what going from one snapshot to another adds, updates and deletes."""
    old = {file.relative_path: file.sha3_256 for file in before}
    new = {file.relative_path: file.sha3_256 for file in after}
    return Changes(
        added=tuple(sorted(new.keys() - old.keys())),
        updated=tuple(sorted(path for path in new.keys() & old.keys() if new[path] != old[path])),
        deleted=tuple(sorted(old.keys() - new.keys())),
    )


def encode_digest(digest: bytes) -> str:
    """Return a digest as it stands in a package's manifest."""
    return base64.b64encode(digest).decode()


def text_digest(text: str) -> str:
    """Return the digest of a text: what stands for a link's content."""
    return encode_digest(hashlib.sha3_256(text.encode()).digest())


def describe(base: Path, relative_paths: Iterable[str]) -> list[SnapshotFile]:
    """Return the files of a snapshot with their hashes, sorted by path. Reads every file once.

    Raises: InvalidWorkspace if a file cannot be read or has a name that is not UTF-8.
    """
    return sorted((_describe(base, path) for path in relative_paths), key=lambda file: file.relative_path)


def _describe(base: Path, path: str) -> SnapshotFile:
    source = base / path
    try:
        path.encode()
        if source.is_symlink():
            linkname = str(source.readlink())
            return SnapshotFile(path, text_digest(linkname), 0, 0o777, linkname)
        with source.open("rb") as file:
            digest = hashlib.file_digest(file, "sha3_256").digest()
            status = os.fstat(file.fileno())
    except (OSError, UnicodeEncodeError) as error:
        raise InvalidWorkspace(
            f"{path!r} cannot be read: {error}.", "Repair it or list it in `.gitignore`."
        ) from error
    return SnapshotFile(path, encode_digest(digest), status.st_size, status.st_mode & 0o777)


def write_package(
    base: Path, files: Sequence[SnapshotFile], stream: IO[bytes], *, known: Collection[SnapshotFile] = ()
) -> None:
    """Write the package of described files as a gzipped tar.

    The contents of `known` files are left out: the server has them from the snapshot before (RCN-19).
    Raises: InvalidWorkspace if a file changed since it was described.
    """
    # Imported when used: only a deploy needs it, and every client of the server imports this module.
    import yaml

    # libyaml where PyYAML was built with it: a tenth of the time on a long manifest.
    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    there = {(file.relative_path, file.sha3_256) for file in known}
    with tarfile.open(fileobj=stream, mode="w|gz") as tar:
        for file in files:
            if (file.relative_path, file.sha3_256) not in there:
                _pack(tar, base / file.relative_path, file)
        listing = {"engine_version": PACKAGE_ENGINE, "files": [_manifest_item(file) for file in files]}
        text = yaml.dump(listing, Dumper=dumper, allow_unicode=True, sort_keys=False, encoding="utf-8")
        info = tarfile.TarInfo(MANIFEST)
        info.size = len(text)
        tar.addfile(info, io.BytesIO(text))


def _pack(tar: tarfile.TarFile, source: Path, file: SnapshotFile) -> None:
    info = tarfile.TarInfo(f"{FILES}/{file.relative_path}")
    info.mode = file.mode
    if file.linkname is not None:
        info.type, info.linkname = tarfile.SYMTYPE, file.linkname
        tar.addfile(info)
        return
    info.size = file.size_bytes
    try:
        with source.open("rb") as content:
            reader = _HashingReader(content)
            tar.addfile(info, reader)
            is_same = reader.digest() == file.sha3_256
    except OSError:  # gone, or shorter than it was
        is_same = False
    if not is_same:
        raise InvalidWorkspace(f"`{file.relative_path}` changed while it was packed.", "Try again.")


class _HashingReader:
    def __init__(self, file: BinaryIO) -> None:
        self._file, self._hash = file, hashlib.sha3_256()

    def read(self, size: int = -1) -> bytes:
        chunk = self._file.read(size)
        self._hash.update(chunk)
        return chunk

    def digest(self) -> str:
        return encode_digest(self._hash.digest())


def _manifest_item(file: SnapshotFile) -> dict[str, Any]:
    item = {
        "relative_path": file.relative_path,
        "size_in_bytes": file.size_bytes,
        "sha3_256": file.sha3_256,
    }
    return item if file.linkname is None else {**item, "linkname": file.linkname}


def lay_out(files: Sequence[SnapshotFile], store: FileStore, directory: Path) -> None:
    """Create `directory` with the files of a deployment in it.

    The job may write to what is small and not to what is large (`file_store.LINK_FROM_BYTES`), which may be
    hard links to the store: never change owners below `directory`. Of the modes only the execute bit is
    restored, as git does: a job runs as another user than the one who packed.
    Raises: NotFound if the store has lost a content, StorageFull, FileExistsError.
    """
    with storage_errors():
        directory.mkdir(parents=True)
        for folder in sorted({(directory / file.relative_path).parent for file in files}):
            folder.mkdir(parents=True, exist_ok=True)
        for file in files:
            destination = directory / file.relative_path
            if file.linkname is None:
                store.place(file.sha3_256, destination, executable=file.is_executable)
            else:
                destination.symlink_to(file.linkname)


def restore_settings(files: Sequence[SnapshotFile], store: FileStore, directory: Path, profile: str) -> None:
    """Create `.dlt/` in a laid out directory: the marker, the base files and those of `profile`, no others.

    Source: PRF-05, PRF-06, PRF-12.
    """
    with storage_errors():
        settings = directory / SETTINGS
        settings.mkdir(exist_ok=True)
        (settings / MARKER).touch()
        digests = {file.relative_path: file.sha3_256 for file in files}
        for name in files_for(profile, digests):
            store.place(digests[name], settings / name)


def remove_settings(directory: Path) -> None:
    """Remove what `restore_settings` put into a directory, and other settings files that a job left there."""
    settings = directory / SETTINGS
    if settings.is_symlink():
        settings.unlink()  # a job made it; what it leads to is not ours to remove
    for file in settings.glob("*.toml"):
        with suppress(OSError):  # a job may have closed its own directory
            file.unlink()
