"""Runs a module as a script, as `python -m module` would."""

from __future__ import annotations

import os
import runpy
import sys

from runyard.core.launchers.invocation import Invocation, launch


def run(invocation: Invocation) -> None:
    """Run the module of the job as `__main__`. Source: DEP-06."""
    runpy.run_module(invocation.entry_point["module"], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    sys.exit(launch(run, sys.argv[1:], os.environ))
