"""Where the data is: one DuckDB file that jobs write in turns, and a finished copy that anybody may read.

What goes in is in `ingest`, what is published in `transform`.
"""

import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa


class NotPublishedYet(LookupError):
    """There is no finished copy to read."""


def home() -> Path:
    """Return the folder of both files: the one the server keeps for this workspace, else `.dlt/data`."""
    folder = Path(os.environ.get("RUNYARD_DATA_DIR") or ".dlt/data").absolute()
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def database(folder: Path) -> Path:
    """Return the file the pipelines load into. Open it inside `turn` only."""
    return folder / "warehouse.duckdb"


def published(folder: Path) -> Path:
    """Return the file that readers open. It is replaced as a whole, never written to."""
    return folder / "published.duckdb"


@contextmanager
def turn(folder: Path) -> Iterator[None]:
    """Wait until no other job has the database open, and keep it for the block.

    DuckDB lets one process write and fails the second at once. The system frees the lock when its
    holder dies, and the wait is bounded by the time limit of the job that waits.
    """
    with (folder / "warehouse.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def read(folder: Path, query: str, parameters: Sequence[Any] = ()) -> pa.Table:
    """Return the answer of the published copy.

    Opened anew each time: an open connection would keep showing the copy it was opened on.
    Raises: NotPublishedYet.
    """
    if not published(folder).exists():
        raise NotPublishedYet("Nothing is published yet. Run `runyard job trigger tag:demo`.")
    with duckdb.connect(published(folder), read_only=True) as copy:
        return copy.sql(query, params=parameters).to_arrow_table()
