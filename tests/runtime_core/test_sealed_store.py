"""What holds secrets lies encrypted and comes back only with the key."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

import pytest

from runyard.core.errors import NotFound
from runyard.core.file_store import FileStore, LocalFileStore
from runyard.core.sealed_store import SealedFileStore

KEY = bytes(range(32))
SECRET = b'password = "correct horse"\n'
DIGEST = base64.b64encode(hashlib.sha3_256(SECRET).digest()).decode()


def keep(store: FileStore) -> None:
    with store.staging() as directory:
        (directory / "0").write_bytes(SECRET)
        store.add({DIGEST: directory / "0"})


# SPEC: PRF-15
def test_a_secret_never_lies_in_clear_and_is_laid_out_in_clear(tmp_path: Path) -> None:
    store = SealedFileStore(LocalFileStore(tmp_path / "settings"), KEY)
    keep(store)
    keep(store)
    (kept,) = [path for path in (tmp_path / "settings").rglob("*") if path.is_file()]
    assert b"correct horse" not in kept.read_bytes()
    assert store.contains(DIGEST)
    with store.open(DIGEST) as file:
        assert file.read() == SECRET
    store.place(DIGEST, tmp_path / "secrets.toml")
    assert (tmp_path / "secrets.toml").read_bytes() == SECRET


# SPEC: PRF-15
def test_without_the_key_nothing_is_laid_out(tmp_path: Path) -> None:
    keep(SealedFileStore(LocalFileStore(tmp_path / "settings"), KEY))
    stranger = SealedFileStore(LocalFileStore(tmp_path / "settings"), bytes(32))
    with pytest.raises(NotFound, match="cannot be opened"):
        stranger.place(DIGEST, tmp_path / "secrets.toml")
    assert not (tmp_path / "secrets.toml").exists()
