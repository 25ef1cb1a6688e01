"""Where the content of files is kept, each content once, under its hash.

A seam: `LocalFileStore` is a directory; object storage needs the same five methods. What the contents mean
(snapshots, their names and modes) is in `snapshots`.

A digest is the base64 text of the SHA3-256 of the content, as it stands in a package's manifest.
"""

from __future__ import annotations

import base64
import errno
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import BinaryIO, Protocol

from runyard.core.errors import NotFound, StorageFull

LINK_FROM_BYTES = 4 * 1024 * 1024
"""Files at least this large are linked into a run's directory, smaller ones are copied.

A linked file is the stored one, so it is read-only; a copy may be edited by the job. Sources, settings and
small databases are sometimes written to, and copying this much takes some milliseconds; what is larger is
data, where a copy per run would cost time and disk.
"""

CHUNK_BYTES = 1024 * 1024
"""Copied at once: all of nearly every file."""


class FileStore(Protocol):
    """Keeps contents by digest."""

    def staging(self) -> AbstractContextManager[Path]:
        """Enter a private directory for contents that are not accepted yet; it is gone afterwards."""

    def add(self, staged: Mapping[str, Path]) -> None:
        """Keep the staged files, by digest; they are durable on return. What is already kept stays as it is.

        Raises: StorageFull.
        """

    def contains(self, digest: str) -> bool:
        """Return whether the content is kept."""

    def open(self, digest: str) -> BinaryIO:
        """Open the content for reading. Raises: NotFound."""

    def place(self, digest: str, destination: Path, *, executable: bool = False) -> None:
        """Create `destination` with the content. Writing to it never changes what is kept.

        Raises: NotFound, StorageFull, FileExistsError.
        """


class LocalFileStore:
    """Contents as read-only files of one directory, in 256 folders by the first byte of their hash.

    Belongs to one server at a time: what an earlier one left half received is removed on opening.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._staging = root / "staging"
        shutil.rmtree(self._staging, ignore_errors=True)
        self._staging.mkdir(mode=0o700, parents=True)

    @contextmanager
    def staging(self) -> Iterator[Path]:
        # On the store's own file system, so that accepting a file is a rename.
        with tempfile.TemporaryDirectory(dir=self._staging) as directory:
            yield Path(directory)

    def add(self, staged: Mapping[str, Path]) -> None:
        folders: set[Path] = set()
        with storage_errors():
            for digest, source in staged.items():
                kept = self._path(digest)
                if kept.exists():
                    continue
                kept.parent.mkdir(exist_ok=True)
                source.chmod(0o444)
                _sync(source)
                source.replace(kept)
                folders.add(kept.parent)
            for folder in {*folders, self._root}:
                _sync(folder)

    def contains(self, digest: str) -> bool:
        return self._path(digest).exists()

    def open(self, digest: str) -> BinaryIO:
        with _must_exist(digest):
            return self._path(digest).open("rb")

    def place(self, digest: str, destination: Path, *, executable: bool = False) -> None:
        kept = self._path(digest)
        with _must_exist(digest), storage_errors():
            # The execute bit belongs to the file and not to its name, so an executable cannot be a link.
            if not executable and kept.stat().st_size >= LINK_FROM_BYTES and _link(kept, destination):
                return
            # "x", because an existing destination might be a link to what is kept.
            with kept.open("rb") as source, destination.open("xb") as copy:
                shutil.copyfileobj(source, copy, CHUNK_BYTES)
            destination.chmod(0o755 if executable else 0o644)

    def _path(self, digest: str) -> Path:
        name = base64.b64decode(digest, validate=True).hex()
        return self._root / name[:2] / name[2:]


@contextmanager
def storage_errors() -> Iterator[None]:
    """Turn a refused write into StorageFull."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StorageFull(
                "The disk is full.", "Free space in the data directory and try again."
            ) from error
        raise


@contextmanager
def _must_exist(digest: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise NotFound(
            f"The file store has lost the content {digest}.", "Deploy again to upload it once more."
        ) from None


def _link(kept: Path, destination: Path) -> bool:
    """Return whether the file system allowed a hard link: another device or too many links do not."""
    try:
        destination.hardlink_to(kept)
    except OSError as error:
        if error.errno in (errno.EXDEV, errno.EMLINK, errno.EPERM):
            return False
        raise
    return True


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
