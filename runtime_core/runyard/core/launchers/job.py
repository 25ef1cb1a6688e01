"""Calls a job function: imports its module, fills its parameters, waits for it if it is asynchronous."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from importlib import import_module
from types import CoroutineType
from typing import Any

from runyard.core.launchers.invocation import Invocation, launch
from runyard.core.parameters import fill, parameters
from runyard.core.run_context import RUN_CONTEXT, make_run_context


def call(invocation: Invocation) -> None:
    """Import the module of the job and call its function once. Source: DEC-13, JCF-01."""
    entry = invocation.entry_point
    function = getattr(import_module(entry["module"]), entry["function"])
    given: dict[str, Any] = {}
    if any(one.name == RUN_CONTEXT for one in parameters(function)):
        given[RUN_CONTEXT] = make_run_context(invocation.run_id, invocation.trigger, entry)
    result = function(**fill(function, entry["job_ref"], os.environ, _read_settings, given=given))
    if isinstance(result, CoroutineType):
        import asyncio

        asyncio.run(result)


def _read_settings() -> Mapping[str, Any]:
    """Return the settings files of the run directory, merged for the profile of the run.

    Source: JCF-04, PRF-09.
    """
    import tomllib
    from pathlib import Path

    from runyard.core.profiles import DEV, files_for, merge

    directory = Path(".dlt")
    names = [path.name for path in directory.glob("*.toml")]
    profile = os.environ.get("WORKSPACE__PROFILE") or DEV
    return merge(tomllib.loads((directory / name).read_text("utf-8")) for name in files_for(profile, names))


if __name__ == "__main__":
    sys.exit(launch(call, sys.argv[1:], os.environ))
