"""What every launcher is given and does first: its arguments, the environment they mean, and how it fails."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, MutableMapping, Sequence
from typing import Any, NamedTuple

from runyard.core.errors import InvalidInput
from runyard.core.parameters import environment_key
from runyard.core.tracebacks import from_user_code

FAILED = 1
"""The exit code after an exception; `runs.ending` reads it as one."""

_OPTIONS = ("--run-id", "--trigger", "--entry-point")


class Invocation(NamedTuple):
    """Which run this process is. `entry_point` is the object of contract 9.1."""

    run_id: str
    trigger: str
    entry_point: dict[str, Any]


def read_invocation(argv: Sequence[str]) -> Invocation:
    """Return what the arguments after the program say.

    Raises: InvalidInput unless each option is given once with its value. Source: contract 9.1.
    """
    # By hand: argparse takes longer to import than a small job takes to run.
    given = dict(zip(argv[::2], argv[1::2], strict=False))
    if len(argv) != 2 * len(_OPTIONS) or given.keys() != set(_OPTIONS):
        raise InvalidInput(f"A launcher is started with {list(argv)}.", f"Give it {', '.join(_OPTIONS)}.")
    return Invocation(given["--run-id"], given["--trigger"], json.loads(given["--entry-point"]))


def set_environment(invocation: Invocation, environ: MutableMapping[str, str]) -> None:
    """Write what a run knows of itself where libraries, and processes that the job starts, look for it.

    Source: IVL-12, JCF-08, contract 9.3.
    """
    entry = invocation.entry_point
    if entry.get("profile"):
        environ["WORKSPACE__PROFILE"] = entry["profile"]
    if entry.get("interval_start") and entry.get("interval_end"):
        environ["DLT_INTERVAL_START"] = entry["interval_start"]
        environ["DLT_INTERVAL_END"] = entry["interval_end"]
    environ["DLT_INTERVAL_TIMEZONE"] = entry.get("interval_timezone") or "UTC"
    if entry.get("incremental_mode"):
        environ["DLT_ALLOW_EXTERNAL_SCHEDULERS"] = str(entry["incremental_mode"] == "interval")
    if entry.get("refresh") and entry.get("auto_refresh_pipeline_mode"):
        environ["PIPELINES__REFRESH"] = entry["auto_refresh_pipeline_mode"]
    for key, value in (entry.get("config") or {}).items():
        text = value if isinstance(value, str) else json.dumps(value)
        environ[environment_key(entry["job_ref"], key)] = text


def launch(main: Callable[[Invocation], None], argv: Sequence[str], environ: MutableMapping[str, str]) -> int:
    """Run a launcher's work and return its exit code; an exception ends the log with its traceback.

    Source: DEC-12.
    """
    try:
        invocation = read_invocation(argv)
        set_environment(invocation, environ)
        # User code that reads its arguments should not find ours.
        sys.argv[1:] = []
        main(invocation)
    except Exception as error:
        error.__traceback__ = from_user_code(error)
        sys.stdout.flush()
        sys.excepthook(type(error), error, error.__traceback__)
        return FAILED
    return 0
