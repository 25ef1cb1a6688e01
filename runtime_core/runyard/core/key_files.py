"""Keys that a server makes for itself at its first start, each in a file that only its owner may read."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path


def read_or_make(path: Path, make: Callable[[], bytes]) -> bytes:
    """Return the key in a file, after making both if there is none.

    The file appears with its key or not at all, however a start is cut short: an empty one would lock the owner out
    for good, or let in everybody who signs with nothing. Of two who make it at once, one wins and both get its key.
    """
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # Readable for its owner only from the first instant.
        descriptor, fresh = tempfile.mkstemp(dir=path.parent)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(make())
                file.flush()
                os.fsync(file.fileno())
            with contextlib.suppress(FileExistsError):
                path.hardlink_to(fresh)
        finally:
            Path(fresh).unlink()
    return path.read_bytes()
