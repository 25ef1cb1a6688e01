"""Where a measurement happens: a scratch directory, a Python for jobs, how much to measure."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from uv import find_uv_bin


@dataclass(frozen=True, slots=True)
class Place:
    """`python` has no packages, as the environment of a job that needs none.

    `listed_runs` are the runs in the store of `listing`, `planned_jobs` the jobs in that of `planning`.
    """

    directory: Path
    python: Path
    listed_runs: int
    planned_jobs: int

    def new_directory(self) -> Path:
        """Return a directory that nobody else uses."""
        return Path(tempfile.mkdtemp(dir=self.directory))


@contextmanager
def place(listed_runs: int, planned_jobs: int) -> Iterator[Place]:
    """Offer a place, gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="runyard-bench-", ignore_cleanup_errors=True) as scratch:
        environment = Path(scratch, "environment")
        command = [
            find_uv_bin(),
            "venv",
            "--quiet",
            "--offline",
            "--python",
            sys.executable,
            str(environment),
        ]
        subprocess.run(command, check=True)
        yield Place(Path(scratch), environment / "bin" / "python", listed_runs, planned_jobs)
