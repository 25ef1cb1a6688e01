"""Starts a launcher of another package, such as dlt's: a module with options (contract 9.1), here in the same process.

The launcher does what it does when Python is started with it; only how the job ends is heard as of every job, so that
a job of either dialect may end its own run (`verdicts`).
"""

from __future__ import annotations

import json
import runpy
import sys

from runyard.core.launchers.invocation import conclude

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, NoReturn


def main(run_id: str, trigger: str, entry_point: Mapping[str, Any]) -> NoReturn:
    """Run the launcher that the entry point names, and exit. Source: CMP-07, DEC-21."""
    options = ("--run-id", run_id, "--trigger", trigger, "--entry-point", json.dumps(entry_point))
    sys.argv[1:] = options
    conclude(lambda: runpy.run_module(entry_point["launcher"], run_name="__main__", alter_sys=True))
