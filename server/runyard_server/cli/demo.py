"""The demonstration: the example workspace on a copy, run until nothing is left to do.

One of its jobs fails on purpose: it checks the weather records and finds a wind of 1,048 mph.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from shutil import which

from runyard.core.errors import EnvironmentFailed, RunyardError
from runyard.core.processes import SystemProcesses
from runyard.core.runs import RunStatus
from runyard_server.cli import init, output, runs
from runyard_server.cli.session import Session
from runyard_server.client import Client, Run

EXAMPLE = "flights"

SELECTOR = "tag:demo"

FAILS_ON_PURPOSE = frozenset({"jobs.quality.check_weather"})

BUILD_SECONDS = 600.0
"""How long building the environment may take; most of it is downloading some 200 MB the first time."""

RUN_SECONDS = 300.0
"""How long the jobs of the demonstration may take; they need about 40 seconds on two slow cores."""

LOOK_SECONDS = 0.5
"""Between two looks at the runs: what a person sees as prompt."""

QUIET_SECONDS = 2.0
"""With nothing running for so long, nothing will: the scheduler reacts to an end within milliseconds."""

RUNS_MAX = 500
"""Runs of the demonstration looked at; there are some thirty."""


def copy(target: Path) -> Path:
    """Make a copy of the example and return it."""
    init.copy_example(EXAMPLE, target)
    return target


def prepare(root: Path, env: Mapping[str, str]) -> None:
    """Build the environment of the copy, which imports the jobs and runs them. Raises: EnvironmentFailed."""
    uv = which("uv", path=str(Path(sys.executable).parent)) or which("uv")
    if uv is None:
        raise EnvironmentFailed(
            "The demonstration needs `uv`.", "Install it with `pip install runyard[server]`."
        )
    inherited = {key: value for key, value in env.items() if key not in ("VIRTUAL_ENV", "PYTHONPATH")}
    command = [uv, "sync", "--all-groups", "--no-python-downloads", "--python", sys.executable]
    ended = SystemProcesses().run(command, cwd=root, env=inherited, timeout_seconds=BUILD_SECONDS)
    if ended.returncode != 0:
        raise EnvironmentFailed(
            "The environment of the example could not be built.",
            "Its packages come from PyPI: check the network.",
            reasons=ended.stderr.splitlines(),
        )


def show(session: Session, client: Client, *, is_result: bool) -> bool:
    """Start the demonstration, tell of each run as it ends, and return whether all went as it should."""
    out = session.output
    started = client.trigger([SELECTOR]).started
    out.note(f"Started {', '.join(row.job_ref for row in started)} by `{SELECTOR}`; the rest follows.")
    ended = _until_quiet(session, client)
    if is_result or not out.as_json:
        out.result(ended, *runs.shown_below(session, ended))
    wrong = [run for run in ended if run.is_completed == (run.job_ref in FAILS_ON_PURPOSE)]
    missing = FAILS_ON_PURPOSE - {run.job_ref for run in ended}
    for run in wrong:
        out.warn(f"{run.job_ref} #{run.number} should not have {run.status}: {run.message or run.reason}")
    if not missing:
        out.note("check_weather failed on purpose: it found a wind of 1,048 mph in the records.")
    return not wrong and not missing


def _until_quiet(session: Session, client: Client) -> list[Run]:
    """Return all runs, oldest first, once none is open for a while; tell of each as it ends."""
    told: set[str] = set()
    deadline = time.monotonic() + RUN_SECONDS
    quiet_since = time.monotonic()
    while True:
        found = list(islice(client.runs(), RUNS_MAX))[::-1]
        now = time.monotonic()
        for run in found:
            if run.is_over and run.id not in told:
                told.add(run.id)
                _tell(session, client.run(run.id))
        if len(told) < len(found):
            quiet_since = now
        if now - quiet_since > QUIET_SECONDS:
            return [client.run(run.id) for run in found]
        if now > deadline:
            raise RunyardError(f"The demonstration takes longer than {RUN_SECONDS:g} s.", "Try it once more.")
        time.sleep(LOOK_SECONDS)


def _tell(session: Session, run: Run) -> None:
    took = session.output.duration(run.duration_seconds)
    is_expected = run.status == RunStatus.FAILED and run.job_ref in FAILS_ON_PURPOSE
    word = "failed on purpose" if is_expected else run.status
    session.output.note(f"  {run.job_ref} #{run.number} {word}, {took}", output.STYLES.get(run.status, ""))
