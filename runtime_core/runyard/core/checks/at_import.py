"""A pipeline that runs while its file is imported: at every deploy and in every job that imports it (DEP-15)."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from runyard.core.checks.finding import Code, Finding, Severity, Source
from runyard.core.checks.trees import aliases, calls, full_name, functions, statements

MAKERS = ("dlt.pipeline", "dlt.attach", "dlt.pipeline.pipeline")

STEPS = frozenset({"run", "extract"})
"""What a deploy does not let a pipeline do."""


def check(source: Source) -> Iterator[Finding]:
    """Yield each place where importing a file runs a pipeline, itself or through a function of the file."""
    if "dlt" not in source.text:
        return
    known = aliases(source.tree)
    if not any(name == "dlt" or name.startswith("dlt.") for name in known.values()):
        return
    own = functions(source.tree)
    pipelines = {
        target.id
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Assign) and _makes_pipeline(node.value, known)
        for target in node.targets
        if isinstance(target, ast.Name)
    }

    def runs_pipeline(call: ast.Call, within: frozenset[str]) -> bool:
        func = call.func
        if isinstance(func, ast.Attribute) and func.attr in STEPS:
            of = func.value
            return _makes_pipeline(of, known) or (isinstance(of, ast.Name) and of.id in pipelines)
        name = func.id if isinstance(func, ast.Name) else ""
        if name not in own or name in within:
            return False
        inside = within | {name}
        return any(
            runs_pipeline(inner, inside) for inner in ast.walk(own[name]) if isinstance(inner, ast.Call)
        )

    for statement in statements(source.tree.body):
        for call in calls(statement):
            if runs_pipeline(call, frozenset()):
                yield source.finding(
                    call,
                    Code.RUNS_AT_IMPORT,
                    "A pipeline runs while this file is imported.",
                    "A deploy imports it to find its jobs, and so does every job that uses it.",
                    'Put the call into a job function, or under `if __name__ == "__main__":`.',
                    Severity.ERROR,
                )


def _makes_pipeline(node: ast.expr, known: dict[str, str]) -> bool:
    return isinstance(node, ast.Call) and full_name(node.func, known) in MAKERS
