"""Keep contents that hold secrets encrypted: a file store in front of another one (PRF-15).

Settings files arrive in clear and are needed in clear by the run that uses them; in between they lie sealed.
Where the key lies is the caller's business; it must not be where the contents are.
"""

from __future__ import annotations

import base64
import hashlib
import io
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import BinaryIO

from runyard.core.errors import NotFound
from runyard.core.file_store import FileStore, storage_errors
from runyard.core.ids import Ids

KEY_BYTES = 32
"""AES-256."""

NONCE_BYTES = 12
"""What AES-GCM takes."""


class SealedFileStore:
    """Contents sealed with AES-GCM before the inner store keeps them, under the digest of what is inside.

    Holds one content in memory at a time: meant for settings, not for data.
    """

    def __init__(self, inner: FileStore, key: bytes) -> None:
        assert len(key) == KEY_BYTES, "a key of another length is another cipher"
        self._inner, self._key = inner, key

    def staging(self) -> AbstractContextManager[Path]:
        return self._inner.staging()

    def add(self, staged: Mapping[str, Path]) -> None:
        with storage_errors():
            for digest, path in staged.items():
                path.write_bytes(self._seal(digest, path.read_bytes()))
        self._inner.add(staged)

    def contains(self, digest: str) -> bool:
        return self._inner.contains(digest)

    def open(self, digest: str) -> BinaryIO:
        with self._inner.open(digest) as file:
            return io.BytesIO(self._unseal(digest, file.read()))

    def place(self, digest: str, destination: Path, *, executable: bool = False) -> None:
        with self.open(digest) as file, storage_errors():
            with destination.open("xb") as copy:
                copy.write(file.read())
            destination.chmod(0o755 if executable else 0o644)

    def _seal(self, digest: str, content: bytes) -> bytes:
        # Imported when used: it is slow to import, and the server has to start fast.
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        return AESGCM(self._key).encrypt(_nonce(digest), content, digest.encode())

    def _unseal(self, digest: str, sealed: bytes) -> bytes:
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        try:
            return AESGCM(self._key).decrypt(_nonce(digest), sealed, digest.encode())
        except InvalidTag:
            raise NotFound(
                f"The content {digest} cannot be opened with the server's key.",
                "Restore the key, or sync the configuration again.",
            ) from None


def new_key(ids: Ids) -> bytes:
    """Return a fresh key."""
    return hashlib.sha256(ids.new_token().encode()).digest()


def _nonce(digest: str) -> bytes:
    # A nonce may not serve two contents, and a digest does not: the same one always seals the same bytes.
    return base64.b64decode(digest)[:NONCE_BYTES]
