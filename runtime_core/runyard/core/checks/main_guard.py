"""A script that only defines functions: started as a job, it ends at once and well, having done nothing (TRB-07)."""

from __future__ import annotations

import ast

from runyard.core.checks.finding import Code, Finding, Source
from runyard.core.checks.trees import FUNCTIONS, calls, full_name, functions, statements

NOTHING_EXECUTED = "Nothing was executed"
"""How the launcher of scripts begins what it says of such a run; `causes` looks for it."""

PREPARING = ("logging.", "warnings.", "sys.path.", "os.environ.", "dotenv.", "typing.", "random.seed")
"""Calls that set something up; a script that makes no others has not begun."""


SCRIPT_LAUNCHER = ".launchers.module"
"""How the names of launchers of scripts end, of ours and of dlt's."""


def is_script(launcher: str) -> bool:
    """Return whether a job is a module that is run as `__main__`."""
    return launcher.endswith(SCRIPT_LAUNCHER)


def check(source: Source) -> Finding | None:
    """Return what is wrong with a module that is deployed as a script, nothing if it does something."""
    first = first_function(source)
    if first is None:
        return None
    call = f"{first.name}()"
    return source.finding(
        first,
        Code.NOTHING_RUNS,
        f"`{source.module}` only defines functions, and is deployed as a script.",
        "Its runs complete without having executed anything.",
        f'End the file with `if __name__ == "__main__": {call}`, or deploy the function itself: '
        f"decorate `{first.name}` with `@run.job`.",
    )


def first_function(source: Source) -> ast.FunctionDef | ast.AsyncFunctionDef | None:
    """Return the first function of a script that does nothing but define some; None if it does something."""
    own = functions(source.tree)
    names = (target for node in source.nodes(ast.Assign) for target in node.targets)
    made = {name.id for name in names if isinstance(name, ast.Name)}
    for statement in statements(source.tree.body, as_script=True):
        for call in calls(statement):
            name = full_name(call.func, source.known)
            is_kept = isinstance(statement, ast.Assign | ast.AnnAssign)
            is_own = name in own or name.partition(".")[0] in made
            # What is only kept under a name is a setting, unless the file's own code or objects or a `run` made it.
            if is_kept and name and not is_own and not name.endswith((".run", ".load", ".extract")):
                continue
            if not name.startswith(PREPARING):
                return None
    return next((node for node in source.tree.body if isinstance(node, FUNCTIONS)), None)
