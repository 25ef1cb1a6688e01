"""Runs a module as a script, as `python -m module` would."""

from __future__ import annotations

import sys

from runyard.core.launchers.invocation import launch, read_options

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, NoReturn


def main(run_id: str, trigger: str, entry_point: Mapping[str, Any]) -> NoReturn:  # noqa: ARG001 - as every launcher
    """Run the module of a job as `__main__`, and exit. Source: DEP-06."""
    import runpy

    launch(lambda: runpy.run_module(entry_point["module"], run_name="__main__", alter_sys=True), entry_point)


if __name__ == "__main__":
    main(*read_options(sys.argv[1:]))
