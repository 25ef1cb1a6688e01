"""What hostile and broken packages are refused for, and that refusing leaves nothing behind."""

from __future__ import annotations

import gzip
import io
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runyard.core.errors import InvalidUpload, RunyardError, TooLarge
from runyard.core.file_store import LocalFileStore
from runyard.core.snapshots import content_hash, encode_digest, text_digest
from runyard.core.uploads import SnapshotKind, UploadLimits, receive

Files = dict[str, bytes]


@pytest.fixture
def store(tmp_path: Path) -> LocalFileStore:
    return LocalFileStore(tmp_path / "files")


def item(path: str, content: bytes = b"x", **other: Any) -> dict[str, Any]:
    digest = text_digest(content.decode())
    return {"relative_path": path, "size_in_bytes": len(content), "sha3_256": digest, **other}


def member(name: str, content: bytes = b"x", **fields: Any) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    for field, value in fields.items():
        setattr(info, field, value)
    return info, content


def link(path: str, target: str) -> tuple[tuple[tarfile.TarInfo, bytes], dict[str, Any]]:
    info, content = member(f"files/{path}", b"", type=tarfile.SYMTYPE, linkname=target)
    listed = {"relative_path": path, "size_in_bytes": 0, "sha3_256": text_digest(target), "linkname": target}
    return (info, content), listed


def archive(members: list[tuple[tarfile.TarInfo, bytes]], listing: Any = None) -> bytes:
    """Return an uncompressed archive; `listing` is the manifest's list of files, or the manifest's bytes."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        for info, content in members:
            tar.addfile(info, io.BytesIO(content))
        if listing is not None:
            if not isinstance(listing, bytes):
                listing = yaml.safe_dump({"engine_version": 1, "files": listing}).encode()
            info, content = member("manifest.yaml", listing)
            tar.addfile(info, io.BytesIO(content))
    return stream.getvalue()


def package(members: list[tuple[tarfile.TarInfo, bytes]], listing: Any = None) -> io.BytesIO:
    return io.BytesIO(gzip.compress(archive(members, listing), mtime=0))


def sound(files: Files) -> io.BytesIO:
    return package(
        [member(f"files/{path}", content) for path, content in files.items()],
        [item(path, content) for path, content in files.items()],
    )


def kept(store_root: Path) -> list[Path]:
    return [path for path in store_root.rglob("*") if path.is_file()]


def test_a_sound_package_is_received_with_sizes_and_hashes(store: LocalFileStore) -> None:
    received = receive(sound({"b.py": b"bb", "a/c.py": b""}), store, SnapshotKind.DEPLOYMENT)
    assert [(file.relative_path, file.size_bytes) for file in received.files] == [("a/c.py", 0), ("b.py", 2)]
    assert (received.file_count, received.size_bytes) == (2, 2)
    assert received.content_hash == received.comparison_hash == content_hash(received.files)
    with store.open(received.files[1].sha3_256) as content:
        assert content.read() == b"bb"


def test_an_empty_workspace_is_a_sound_package(store: LocalFileStore) -> None:
    assert receive(sound({}), store, SnapshotKind.CONFIGURATION).file_count == 0


# SPEC: SEC-09
@pytest.mark.parametrize(
    "name",
    [
        "files/../escape",
        "files/a/../../escape",
        "/etc/passwd",
        "files//etc/passwd",
        "files/",
        "files/./a",
        "files/a//b",
        "other/a",
        "a",
        "manifest.yaml/x",
        "files/line\nbreak",
        "files/bell\x07",
        "files/" + "n" * 256,
        "files/" + "d/" * 600 + "x",
        "files/not-utf8-\udcff",
    ],
)
def test_a_name_that_is_no_plain_path_is_refused(store: LocalFileStore, tmp_path: Path, name: str) -> None:
    with pytest.raises(InvalidUpload):
        receive(package([member("files/ok"), member(name)], [item("ok")]), store, SnapshotKind.DEPLOYMENT)
    assert kept(tmp_path) == []


# SPEC: SEC-09
@pytest.mark.parametrize(
    "links",
    [
        {"l": "/etc/passwd"},
        {"l": "../x"},
        {"a/l": "../../x"},
        {"circle": "circle"},
        {"a/b/up": "../..", "l": "a/b/up/../x"},
        {"one": "two", "two": "../x"},
    ],
)
def test_a_link_that_leads_out_is_refused(
    store: LocalFileStore, tmp_path: Path, links: dict[str, str]
) -> None:
    packed = [link(path, target) for path, target in links.items()]
    with pytest.raises(InvalidUpload, match="outside the workspace"):
        receive(
            package([info for info, _ in packed], [listed for _, listed in packed]),
            store,
            SnapshotKind.DEPLOYMENT,
        )
    assert kept(tmp_path) == []


def test_links_that_stay_inside_are_received(store: LocalFileStore) -> None:
    packed = [link("a/l", "../b"), link("two", "a/l"), link("folder", "a/./.")]
    received = receive(
        package([info for info, _ in packed], [listed for _, listed in packed]),
        store,
        SnapshotKind.DEPLOYMENT,
    )
    assert [file.linkname for file in received.files] == ["../b", "a/./.", "a/l"]


# SPEC: SEC-09
def test_nothing_may_lie_below_a_file_or_a_link(store: LocalFileStore, tmp_path: Path) -> None:
    (info, content), listed = link("d", "e")
    for parent, entry in (((info, content), listed), (member("files/d"), item("d"))):
        with pytest.raises(InvalidUpload, match="is no folder"):
            receive(
                package([parent, member("files/d/x")], [entry, item("d/x")]), store, SnapshotKind.DEPLOYMENT
            )
    assert kept(tmp_path) == []


# SPEC: SEC-09
@pytest.mark.parametrize(
    "kind",
    [tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE, tarfile.DIRTYPE],
)
def test_only_files_and_symbolic_links_are_accepted(store: LocalFileStore, kind: bytes) -> None:
    special = member("files/x", b"", type=kind, linkname="files/ok")
    with pytest.raises(InvalidUpload, match="neither a file nor a symbolic link"):
        receive(
            package([member("files/ok"), special], [item("ok"), item("x")]), store, SnapshotKind.DEPLOYMENT
        )


# SPEC: SEC-09
@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: package([member("files/a")]), "no manifest"),
        (lambda: package([member("files/a"), member("files/a")], [item("a")]), "twice"),
        (lambda: package([member("files/a")], [item("a"), item("a")]), "lists 'a' twice"),
        (lambda: package([member("files/a")], [item("a", b"y")]), "does not hold 'a' as"),
        (lambda: package([member("files/a")], [{**item("a"), "size_in_bytes": 2}]), "does not hold 'a' as"),
        (lambda: package([member("files/a")], [item("a", linkname="b")]), "does not hold 'a' as"),
        (lambda: package([member("files/a")], [item("a"), item("b")]), "does not hold 'b' as"),
        (lambda: package([member("files/a"), member("files/b")], [item("a")]), "manifest does not list"),
        (lambda: package([member("manifest.yaml", b"files: []")], [item("a")]), "after its manifest"),
        (lambda: package([member("manifest.yaml", b"", type=tarfile.DIRTYPE)]), "no file"),
        (lambda: package([], b"engine_version: 9\nfiles: []"), "engine 9"),
        (lambda: package([], b"[1, 2]"), "cannot be read"),
        (lambda: package([], b"engine_version: 1\nfiles: [1]"), "cannot be read"),
        (lambda: package([], b"engine_version: 1\nfiles: [{relative_path: 1}]"), "cannot be read"),
        (lambda: package([], b"{" * 20_000), "cannot be read"),
        (lambda: package([], b"a: !!python/object/apply:os.getpid []"), "cannot be read"),
        (lambda: package([], b"\xff\xfe\xfa"), "cannot be read"),
        (lambda: package([], b"engine_version: " + b"9" * 5_000), "cannot be read"),
        (lambda: package([], b"engine_version: 2026-13-01"), "cannot be read"),
        (lambda: io.BytesIO(b"not gzip"), "damaged"),
        (lambda: io.BytesIO(b""), "damaged"),
        (lambda: io.BytesIO(gzip.compress(b"not tar" * 1000)), "damaged"),
        (lambda: io.BytesIO(sound({"a": b"x" * 5000}).getvalue()[:-9]), "damaged"),
        (lambda: io.BytesIO(gzip.compress(archive([member("files/a", b"x" * 5000)])[:2000])), "damaged"),
    ],
)
def test_a_package_that_lies_or_is_damaged_is_refused_and_leaves_nothing(
    store: LocalFileStore, tmp_path: Path, make: Callable[[], io.BytesIO], says: str
) -> None:
    with pytest.raises(InvalidUpload, match=says):
        receive(make(), store, SnapshotKind.DEPLOYMENT)
    assert kept(tmp_path) == []
    assert list((tmp_path / "files/staging").iterdir()) == []


# SPEC: SEC-09
def test_a_wrong_checksum_at_the_very_end_is_noticed(store: LocalFileStore) -> None:
    data = bytearray(sound({"a": b"x"}).getvalue())
    data[-8] ^= 1
    with pytest.raises(InvalidUpload, match="damaged"):
        receive(io.BytesIO(bytes(data)), store, SnapshotKind.DEPLOYMENT)


# SPEC: VER-07
@pytest.mark.parametrize(
    ("kind", "path", "accepted"),
    [
        (SnapshotKind.DEPLOYMENT, ".dlt/.toolkits", True),
        (SnapshotKind.DEPLOYMENT, ".dlt/prod.secrets.toml", False),
        (SnapshotKind.DEPLOYMENT, ".dlt", False),
        (SnapshotKind.CONFIGURATION, "prod.secrets.toml", True),
        (SnapshotKind.CONFIGURATION, "dev.secrets.toml", False),
        (SnapshotKind.CONFIGURATION, "sub/config.toml", False),
        (SnapshotKind.CONFIGURATION, "jobs.py", False),
    ],
)
def test_code_and_settings_hold_only_what_belongs_to_them(
    store: LocalFileStore, kind: SnapshotKind, path: str, accepted: bool
) -> None:
    if accepted:
        assert receive(sound({path: b"x"}), store, kind).file_count == 1
    else:
        with pytest.raises(InvalidUpload):
            receive(sound({path: b"x"}), store, kind)


def test_settings_are_never_links(store: LocalFileStore) -> None:
    packed, listed = link("config.toml", "secrets.toml")
    with pytest.raises(InvalidUpload, match="links among its settings"):
        receive(package([packed], [listed]), store, SnapshotKind.CONFIGURATION)


# SPEC: LIM-06
def test_a_refusal_for_size_names_the_largest_files(store: LocalFileStore, tmp_path: Path) -> None:
    files = {f"f{size}": bytes(size * 2**20) for size in (1, 4, 2)}
    with pytest.raises(TooLarge, match=r"more than 6\.0 MiB.*`f4` \(4\.0 MiB\), `f2` \(2\.0 MiB\)"):
        receive(sound(files), store, SnapshotKind.DEPLOYMENT, limits=UploadLimits(max_total_bytes=6 * 2**20))
    with pytest.raises(TooLarge, match=r"`f4` has 4\.0 MiB; a file may have 3\.0 MiB"):
        receive(sound(files), store, SnapshotKind.DEPLOYMENT, limits=UploadLimits(max_file_bytes=3 * 2**20))
    with pytest.raises(TooLarge, match="more than 2 files"):
        receive(sound(files), store, SnapshotKind.DEPLOYMENT, limits=UploadLimits(max_files=2))
    assert kept(tmp_path) == []


# SPEC: SEC-09
def test_a_small_archive_cannot_unpack_to_a_large_one(store: LocalFileStore) -> None:
    limits = UploadLimits(max_total_bytes=1, max_files=1)
    padding = gzip.compress(bytes(limits.max_stream_bytes + 1))
    with pytest.raises(TooLarge, match="unpacks to more"):
        receive(
            io.BytesIO(sound({"a": b"x"}).getvalue() + padding), store, SnapshotKind.DEPLOYMENT, limits=limits
        )


# SPEC: SEC-09
@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME])
def test_a_header_cannot_claim_memory(store: LocalFileStore, kind: bytes) -> None:
    with pytest.raises(InvalidUpload, match="unreasonable size"):
        receive(package([member("x", bytes(20_000), type=kind)]), store, SnapshotKind.DEPLOYMENT)


# SPEC: RCN-19, SEC-09
def test_a_left_out_content_must_be_the_workspaces_own(store: LocalFileStore) -> None:
    before = receive(sound({"a": b"secret"}), store, SnapshotKind.DEPLOYMENT)
    listing = [item("a", b"secret")]
    after = receive(package([], listing), store, SnapshotKind.DEPLOYMENT, known=before.files)
    assert after.content_hash == before.content_hash
    with pytest.raises(InvalidUpload, match="does not hold 'a'"):
        receive(package([], listing), store, SnapshotKind.DEPLOYMENT)
    with pytest.raises(InvalidUpload, match="does not hold 'b'"):
        receive(package([], [item("b", b"secret")]), store, SnapshotKind.DEPLOYMENT, known=before.files)


# SPEC: SEC-09
@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
@given(
    changes=st.lists(st.tuples(st.integers(0, 10_239), st.integers(0, 255)), min_size=1, max_size=6),
    size=st.integers(0, 10_240),
)
def test_whatever_bytes_come_they_are_received_or_refused(
    store: LocalFileStore, changes: list[tuple[int, int]], size: int
) -> None:
    data = bytearray(archive([member("files/ä" * 30), member("files/b", b"y" * 600)], [item("a")]))
    for position, value in changes:
        data[position % 4096] = value
    try:
        receive(io.BytesIO(gzip.compress(bytes(data[:size]))), store, SnapshotKind.DEPLOYMENT)
    except RunyardError as error:
        assert error.remedy  # noqa: PT017 - most examples are refused, some are not


def test_digests_are_written_as_in_the_manifest() -> None:
    assert encode_digest(bytes(32)) == "A" * 43 + "="
