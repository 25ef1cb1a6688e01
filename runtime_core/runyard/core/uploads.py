"""Receive a package from outside: sound, or refused as a whole (SEC-09).

An upload is hostile until proven otherwise. It is read as a stream; every name, link, size and hash is
checked; nothing is written under a name it chose; the file store sees it only when all of it is sound. The
format of a package is in `snapshots`.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
import zlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

import yaml

from runyard.core import profiles
from runyard.core.errors import InvalidUpload, TooLarge
from runyard.core.file_store import FileStore, storage_errors
from runyard.core.snapshots import (
    FILES,
    MANIFEST,
    PACKAGE_ENGINE,
    SETTINGS,
    SnapshotFile,
    comparison_hash,
    content_hash,
    encode_digest,
    text_digest,
)

CHUNK_BYTES = 256 * 1024
"""Read size: large enough that hashing dominates, small enough for many uploads at once."""

MANIFEST_MAX_BYTES = 16 * 1024 * 1024
"""A manifest spends about 150 bytes on a file, so this fits beyond the file limit."""

TAR_HEADER_MAX_BYTES = 16 * 1024
"""An extended header is held in memory; an honest one is a path and a few times."""

TAR_OVERHEAD_BYTES = 4 * 1024
"""Of one file in an archive: header, extended header for a long path, padding."""

PATH_MAX_BYTES, NAME_MAX_BYTES = 1024, 255
"""Of a whole path: a quarter of Linux' PATH_MAX, to fit below a run's directory. Of a part: NAME_MAX."""

LINK_HOPS_MAX = 40
"""Links followed before they count as a circle: Linux' own limit."""

LARGEST_NAMED = 5
"""Files a refusal names: enough to see what to ignore, short enough to read."""

_SHIPPED_SETTINGS = f"{SETTINGS}/.toolkits"
"""The one file of `.dlt/` that the published client ships with the code; it holds no settings."""

_EXTENDED_HEADERS = {*tarfile.GNU_TYPES, tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE}

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, slots=True)
class UploadLimits:
    """How much one upload may hold, unpacked (LIM-06)."""

    max_file_bytes: int = 100 * 1024 * 1024
    max_total_bytes: int = 500 * 1024 * 1024
    max_files: int = 20_000

    @property
    def max_stream_bytes(self) -> int:
        """Return what an archive within the limits may unpack to: contents, headers, manifest."""
        return self.max_total_bytes + self.max_files * TAR_OVERHEAD_BYTES + MANIFEST_MAX_BYTES


class SnapshotKind(StrEnum):
    """Code and settings are versioned apart (VER-01)."""

    DEPLOYMENT = "deployment"
    CONFIGURATION = "configuration"


@dataclass(frozen=True, slots=True)
class ReceivedSnapshot:
    """A sound upload whose contents are in the file store. Files are sorted by path."""

    content_hash: str
    comparison_hash: str
    files: tuple[SnapshotFile, ...]

    @property
    def size_bytes(self) -> int:
        return sum(file.size_bytes for file in self.files)

    @property
    def file_count(self) -> int:
        return len(self.files)


def receive(
    stream: BinaryIO,
    store: FileStore,
    kind: SnapshotKind,
    *,
    limits: UploadLimits = UploadLimits(),
    known: Iterable[SnapshotFile] = (),
) -> ReceivedSnapshot:
    """Return what a package holds after keeping its contents; on refusal nothing is kept.

    `known` are files of the snapshot before, whose contents the package may leave out (RCN-19). They must be
    the same workspace's: knowing a hash must not be enough to obtain a content.
    Raises: InvalidUpload if the package lies, escapes or is cut short; TooLarge; StorageFull.
    """
    with store.staging() as directory, storage_errors():
        reader = _PackageReader(directory, kind, limits)
        with _said_plainly():
            listed = reader.read(stream)
        files = _reconcile(listed, reader.files, {file.relative_path: file for file in known})
        _check_tree(files, kind)
        _check_total(files, limits)
        store.add(reader.staged)
    return ReceivedSnapshot(content_hash(files), comparison_hash(files), tuple(files))


@contextmanager
def _said_plainly() -> Iterator[None]:
    """Turn what the readers of gzip, tar and YAML raise into a refusal."""
    try:
        yield
    except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InvalidUpload(
            "The archive is damaged or cut short.", "Upload it again.", reasons=[str(error)]
        ) from error


class _BoundedReader(io.BufferedIOBase):
    """Counts what is unpacked, so that a small upload cannot become a large one."""

    def __init__(self, file: gzip.GzipFile, limit_bytes: int) -> None:
        self._file, self._left = file, limit_bytes

    def read(self, size: int | None = CHUNK_BYTES) -> bytes:
        chunk = self._file.read(size)
        self._left -= len(chunk)
        if self._left < 0:
            raise TooLarge("The archive unpacks to more than an upload may hold.", "Ignore large files.")
        return chunk


class _CheckedTarInfo(tarfile.TarInfo):
    """Refuses headers that would make tarfile hold any amount of memory."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> _CheckedTarInfo:
        info = super().frombuf(buf, encoding, errors)
        if info.type in _EXTENDED_HEADERS and not 0 <= info.size <= TAR_HEADER_MAX_BYTES:
            raise InvalidUpload("The archive has a header of unreasonable size.", "Pack it with the client.")
        return info


class _PackageReader:
    """Reads one package into a staging directory: `files` by path, `staged` by digest."""

    def __init__(self, directory: Path, kind: SnapshotKind, limits: UploadLimits) -> None:
        self.files: dict[str, SnapshotFile] = {}
        self.staged: dict[str, Path] = {}
        self._directory, self._kind, self._limits = directory, kind, limits
        self._size_bytes = 0

    def read(self, stream: BinaryIO) -> list[SnapshotFile]:
        """Read to the end and return what the package's manifest lists."""
        listing: bytes | None = None
        unpacked = _BoundedReader(gzip.GzipFile(fileobj=stream, mode="rb"), self._limits.max_stream_bytes)
        with tarfile.open(fileobj=unpacked, mode="r|", tarinfo=_CheckedTarInfo, encoding="utf-8") as tar:
            for member in tar:
                if listing is not None:
                    raise _lie("has something after its manifest")
                if member.name == MANIFEST:
                    listing = self._read_listing(tar, member)
                else:
                    self._take(tar, member)
        while unpacked.read():
            pass  # to the end, because the checksum stands there
        if listing is None:
            raise _lie("has no manifest")
        return _parse_listing(listing)

    def _read_listing(self, tar: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
        content = tar.extractfile(member) if member.isreg() else None
        if content is None or member.size > MANIFEST_MAX_BYTES:
            raise _lie("has a manifest that is no file of reasonable size")
        return content.read()

    def _take(self, tar: tarfile.TarFile, member: tarfile.TarInfo) -> None:
        path = _path_of(member.name, self._kind)
        if path in self.files:
            raise _lie(f"names {path!r} twice")
        if len(self.files) == self._limits.max_files:
            raise TooLarge(
                f"The upload has more than {self._limits.max_files} files.", "Ignore generated files."
            )
        if member.issym():
            file = SnapshotFile(path, text_digest(member.linkname), 0, 0o777, member.linkname)
        elif member.isreg() and not member.issparse() and member.size >= 0:
            self._check_size(path, member.size)
            file = SnapshotFile(path, self._stage(tar, member), member.size, member.mode & 0o777)
        else:
            raise _lie(f"has {path!r}, which is neither a file nor a symbolic link")
        self.files[path] = file

    def _check_size(self, path: str, size_bytes: int) -> None:
        if size_bytes > self._limits.max_file_bytes:
            raise TooLarge(
                f"`{path}` has {_mib(size_bytes)}; a file may have {_mib(self._limits.max_file_bytes)}.",
                "Leave it out with `.gitignore` and read it from where it is stored.",
            )
        self._size_bytes += size_bytes
        if self._size_bytes > self._limits.max_total_bytes:
            _check_total([*self.files.values(), SnapshotFile(path, "", size_bytes, 0)], self._limits)

    def _stage(self, tar: tarfile.TarFile, member: tarfile.TarInfo) -> str:
        """Write the content under a number and return its digest."""
        content = tar.extractfile(member)
        assert content is not None, "a regular file has content"
        digest = hashlib.sha3_256()
        staged = self._directory / str(len(self.files))
        with staged.open("wb") as copy:
            while chunk := content.read(CHUNK_BYTES):
                digest.update(chunk)
                copy.write(chunk)
        text = encode_digest(digest.digest())
        self.staged[text] = staged
        return text


def _path_of(member_name: str, kind: SnapshotKind) -> str:
    """Return the path of a member below `files/`. Raises: InvalidUpload unless it is plain and allowed."""
    folder, _, path = member_name.partition("/")
    parts = path.split("/")
    try:
        encoded = path.encode()
    except UnicodeEncodeError:
        raise _lie(f"has the name {member_name!r}, which is not UTF-8") from None
    if (
        folder != FILES
        or not path.isprintable()
        or any(part in ("", ".", "..") or len(part.encode()) > NAME_MAX_BYTES for part in parts)
        or len(encoded) > PATH_MAX_BYTES
    ):
        raise _lie(f"has the name {member_name!r}, which is no plain relative path below `{FILES}/`")
    if kind is SnapshotKind.CONFIGURATION and not (len(parts) == 1 and profiles.is_uploaded(path)):
        raise _lie(f"has {path!r}, which is not a settings file of a server profile")
    if kind is SnapshotKind.DEPLOYMENT and parts[0] == SETTINGS and path != _SHIPPED_SETTINGS:
        raise _lie(f"has {path!r}; nothing of `{SETTINGS}/` belongs to a deployment")
    return path


def _parse_listing(text: bytes) -> list[SnapshotFile]:
    """Return the files a package's manifest lists; their modes are unknown to it and 0."""
    try:
        document = yaml.load(text, Loader=_LOADER)  # noqa: S506 - both are safe loaders
        if document["engine_version"] != PACKAGE_ENGINE:
            raise _lie(f"has a manifest of engine {document['engine_version']!r}, not {PACKAGE_ENGINE}")
        return [_parse_item(item) for item in document["files"]]
    # Numbers of thousands of digits and dates that do not exist are a ValueError, as is text that is no UTF-8.
    except (yaml.YAMLError, ValueError, RecursionError, KeyError, TypeError) as error:
        raise InvalidUpload(
            "The manifest of the archive cannot be read.", "Pack it with the client.", reasons=[str(error)]
        ) from error


def _parse_item(item: Mapping[str, Any]) -> SnapshotFile:
    path, digest, size, link = (
        item["relative_path"],
        item["sha3_256"],
        item["size_in_bytes"],
        item.get("linkname"),
    )
    if not (isinstance(path, str) and isinstance(digest, str) and type(size) is int):
        raise TypeError(f"entry {path!r}")
    return SnapshotFile(path, digest, size, 0, link)


def _reconcile(
    listed: Sequence[SnapshotFile], packed: Mapping[str, SnapshotFile], known: Mapping[str, SnapshotFile]
) -> list[SnapshotFile]:
    """Return the files of the snapshot, sorted, after comparing the manifest with what is there."""
    files: dict[str, SnapshotFile] = {}
    for entry in listed:
        path = entry.relative_path
        file = packed.get(path) or known.get(path)
        if file is None or _claim(file) != _claim(entry):
            raise _lie(f"does not hold {path!r} as its manifest says")
        if path in files:
            raise _lie(f"lists {path!r} twice")
        files[path] = file
    for path in packed.keys() - files.keys():
        raise _lie(f"holds {path!r}, which its manifest does not list")
    return [files[path] for path in sorted(files)]


def _claim(file: SnapshotFile) -> tuple[str, int, str | None]:
    return file.sha3_256, file.size_bytes, file.linkname


def _check_tree(files: Sequence[SnapshotFile], kind: SnapshotKind) -> None:
    """Refuse what could not be laid out, or would reach outside when it is. Raises: InvalidUpload."""
    links = {file.relative_path: file.linkname for file in files if file.linkname is not None}
    paths = {file.relative_path for file in files}
    for path in paths:
        for parent in PurePosixPath(path).parents:
            if str(parent) in paths:
                raise _lie(f"has {path!r} below {str(parent)!r}, which is no folder")
    if links and kind is SnapshotKind.CONFIGURATION:
        raise _lie("has links among its settings")
    for path, target in links.items():
        if not _stays_inside(path, links):
            raise _lie(f"links {path!r} to {target!r}, outside the workspace")


def _stays_inside(path: str, links: Mapping[str, str]) -> bool:
    """Return whether following `path` never leaves the root, through any number of links."""
    here: list[str] = []
    ahead = path.split("/")[::-1]
    hops = 0
    while ahead:
        part = ahead.pop()
        if part == "..":
            if not here:
                return False
            here.pop()
        elif part not in ("", "."):
            here.append(part)
            target = links.get("/".join(here))
            if target is not None:
                hops += 1
                if target.startswith("/") or hops > LINK_HOPS_MAX:
                    return False
                here.pop()
                ahead.extend(target.split("/")[::-1])
    return True


def _check_total(files: Collection[SnapshotFile], limits: UploadLimits) -> None:
    if sum(file.size_bytes for file in files) <= limits.max_total_bytes:
        return
    largest = sorted(files, key=lambda file: -file.size_bytes)[:LARGEST_NAMED]
    raise TooLarge(
        f"The upload holds more than {_mib(limits.max_total_bytes)}; the largest files are "
        + ", ".join(f"`{file.relative_path}` ({_mib(file.size_bytes)})" for file in largest)
        + ".",
        "Leave them out with `.gitignore`.",
    )


def _mib(size_bytes: int) -> str:
    return f"{size_bytes / 2**20:.1f} MiB"


def _lie(what: str) -> InvalidUpload:
    return InvalidUpload(f"The archive {what}.", "Pack it with `runyard sync`.")
