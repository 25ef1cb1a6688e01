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
    launch(lambda: _run(entry_point["module"]), entry_point)


def _run(module: str) -> None:
    import runpy

    ran = runpy.run_module(module, run_name="__main__", alter_sys=True)
    try:
        with open(ran["__file__"], "rb") as file:  # noqa: PTH123 - `pathlib` is slow to import
            content = file.read()
    except OSError:  # a script may remove itself
        return
    # Most scripts have a guard, and need not wait until they are parsed.
    if b"__main__" not in content:
        _say_if_idle(module, content)


def _say_if_idle(module: str, content: bytes) -> None:
    """Say so if the script only defined functions: its run looks like one that had nothing to do (TRB-07)."""
    from runyard.core.checks.finding import Source, parse
    from runyard.core.checks.main_guard import NOTHING_EXECUTED, first_function

    source = parse(module, module, content)
    if isinstance(source, Source) and (first := first_function(source)):
        said = f"{NOTHING_EXECUTED}: `{module}` only defines functions, and nothing calls `{first.name}`."
        print(said, file=sys.stderr)  # noqa: T201 - it belongs into the log


if __name__ == "__main__":
    main(*read_options(sys.argv[1:]))
