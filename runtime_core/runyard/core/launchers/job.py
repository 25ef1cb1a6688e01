"""Calls a job function: imports its module, fills its parameters, waits for it if it is asynchronous.

What a function of an interactive job returns is served.
"""

from __future__ import annotations

import os
import sys

from runyard.core.errors import InvalidInput
from runyard.core.launchers.invocation import launch, read_options
from runyard.core.parameters import fill, parameters
from runyard.core.run_context import BODY_VARIABLE, RUN_CONTEXT, make_run_context

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, NoReturn


INTERACTIVE = "interactive"
"""The type of jobs that serve; `jobs.JobType` would take longer to import than it saves."""

SETTINGS = ".dlt"
"""Where the settings files of a run directory are."""


def main(run_id: str, trigger: str, entry_point: Mapping[str, Any]) -> NoReturn:
    """Run the function of a job, and exit."""
    launch(lambda: _call(run_id, trigger, entry_point), entry_point)


def _call(run_id: str, trigger: str, entry: Mapping[str, Any]) -> None:
    """Import the module of the job and call its function once. Source: DEC-13, DEC-18, JCF-01."""
    # Not by `importlib.import_module`, which would first have to be imported itself.
    __import__(entry["module"])
    function = getattr(sys.modules[entry["module"]], entry["function"])
    given: dict[str, Any] = {}
    if RUN_CONTEXT in parameters(function):
        given[RUN_CONTEXT] = make_run_context(run_id, trigger, entry, _body())
    result = function(**fill(function, entry["job_ref"], os.environ, _read_settings, given=given))
    if hasattr(result, "cr_frame"):  # a coroutine
        import asyncio

        result = asyncio.run(result)
    # A function that returns nothing has served by itself, and is done.
    if entry.get("job_type") == INTERACTIVE and result is not None:
        from runyard.core.launchers.serving import serve

        serve(result, entry)


def _body() -> str | None:
    """Return what was posted to the webhook that started this run."""
    path = os.environ.get(BODY_VARIABLE)
    if path is None:
        return None
    with open(path, encoding="utf-8", newline="") as posted:  # noqa: PTH123 - `pathlib` is slow to import
        return posted.read()


def _read_settings() -> Mapping[str, Any]:
    """Return the settings files of the run directory, merged for the profile of the run.

    Source: JCF-04, PRF-09.
    """
    from runyard.core.settings import DEV, files_for, merge

    profile = os.environ.get("WORKSPACE__PROFILE") or DEV
    names = os.listdir(SETTINGS) if os.path.isdir(SETTINGS) else []  # noqa: PTH112, PTH208 - see `invocation`
    return merge(_read_toml(f"{SETTINGS}/{name}") for name in files_for(profile, names))


def _read_toml(path: str) -> dict[str, Any]:
    """Raises: InvalidInput if it cannot be read or is not TOML. Source: JCF-04."""
    import tomllib

    try:
        with open(path, "rb") as file:  # noqa: PTH123 - see `invocation`
            return tomllib.load(file)
    except (OSError, ValueError, RecursionError) as error:
        raise InvalidInput(
            f"`{path}` cannot be read as TOML: {error}.", "Correct the file, then `runyard deploy`."
        ) from None


if __name__ == "__main__":
    main(*read_options(sys.argv[1:]))
