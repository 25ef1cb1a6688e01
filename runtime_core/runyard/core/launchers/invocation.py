"""What every launcher does first and last: the environment that its run means, its options, and how it ends."""

from __future__ import annotations

import os
import sys

from runyard.core.errors import InvalidInput
from runyard.core.parameters import environment_key, environment_text
from runyard.core.tracebacks import from_user_code
from runyard.core.verdicts import VERDICT_FD, Verdict, verdict_in

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, MutableMapping, Sequence
    from typing import Any, NoReturn

FAILED = 1
"""The exit code after an exception; `runs.ending` reads it as one."""

_OPTIONS = ("--run-id", "--trigger", "--entry-point")


def launch(work: Callable[[], object], entry_point: Mapping[str, Any]) -> NoReturn:
    """Do a launcher's work where its run says, and exit. `entry_point` is the object of contract 9.1."""

    def prepared() -> None:
        set_environment(entry_point, os.environ)
        # User code that reads its arguments should not find ours.
        sys.argv[1:] = []
        work()

    conclude(prepared)


def conclude(work: Callable[[], object]) -> NoReturn:
    """Do a launcher's work, and exit; an exception ends the log with its traceback.

    One with which the job ends its own run (`verdicts`) is a line of the log, and the supervisor is told.
    Source: DEC-12, DEC-21.
    """
    supervisor = _supervisor(os.environ)
    # User code finds its modules even if it moves.
    sys.path[0] = os.getcwd()  # noqa: PTH109 - `pathlib` is slow to import
    try:
        work()
    except (Exception, BaseExceptionGroup, Verdict) as error:
        sys.stdout.flush()
        verdict = verdict_in(error)
        if verdict is None:
            error.__traceback__ = from_user_code(error)
            sys.excepthook(type(error), error, error.__traceback__)
        else:
            sys.stderr.write(f"{verdict.line}\n")
            if supervisor is not None:
                os.pwrite(supervisor, verdict.report, 0)
        sys.exit(FAILED)
    sys.exit()


def _supervisor(environ: MutableMapping[str, str]) -> int | None:
    """Return the descriptor on which the supervisor hears a verdict, hidden from what the job starts; None without."""
    descriptor = int(environ.pop(VERDICT_FD, -1))
    try:
        os.set_inheritable(descriptor, False)
    except OSError:
        return None  # started by hand
    return descriptor


def read_options(argv: Sequence[str]) -> tuple[str, str, dict[str, Any]]:
    """Return run id, trigger and entry point from the arguments after the program.

    Raises: InvalidInput unless each option is given once with its value. Source: contract 9.1.
    """
    import json

    # By hand: argparse takes longer to import than a small job takes to run.
    given = dict(zip(argv[::2], argv[1::2], strict=False))
    if len(argv) != 2 * len(_OPTIONS) or given.keys() != set(_OPTIONS):
        raise InvalidInput(f"A launcher is started with {list(argv)}.", f"Give it {', '.join(_OPTIONS)}.")
    return given["--run-id"], given["--trigger"], json.loads(given["--entry-point"])


def set_environment(entry: Mapping[str, Any], environ: MutableMapping[str, str]) -> None:
    """Write what a run knows of itself where libraries, and processes that the job starts, look for it.

    Source: IVL-12, JCF-08, contract 9.3.
    """
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
        environ[environment_key(entry["job_ref"], key)] = environment_text(value)
