"""What every launcher does first and last: the environment that its run means, its options, and how it fails."""

from __future__ import annotations

import os
import sys

from runyard.core.errors import InvalidInput
from runyard.core.parameters import environment_key
from runyard.core.tracebacks import from_user_code

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, MutableMapping, Sequence
    from typing import Any, NoReturn

FAILED = 1
"""The exit code after an exception; `runs.ending` reads it as one."""

_OPTIONS = ("--run-id", "--trigger", "--entry-point")


def launch(work: Callable[[], object], entry_point: Mapping[str, Any]) -> NoReturn:
    """Do a launcher's work where its run says, and exit; an exception ends the log with its traceback.

    `entry_point` is the object of contract 9.1. Source: DEC-12.
    """
    try:
        set_environment(entry_point, os.environ)
        # User code that reads its arguments should not find ours, and finds its modules even if it moves.
        sys.argv[1:] = []
        sys.path[0] = os.getcwd()  # noqa: PTH109 - `pathlib` is slow to import
        work()
    except Exception as error:
        error.__traceback__ = from_user_code(error)
        sys.stdout.flush()
        sys.excepthook(type(error), error, error.__traceback__)
        sys.exit(FAILED)
    sys.exit()


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
        environ[environment_key(entry["job_ref"], key)] = value if isinstance(value, str) else _json(value)


def _json(value: Any) -> str:
    import json

    return json.dumps(value)
