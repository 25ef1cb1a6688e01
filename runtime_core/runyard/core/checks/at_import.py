"""A pipeline that runs while its file is imported: at every deploy and in every job that imports it (DEP-15)."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping

from runyard.core.checks.finding import Code, Finding, Severity, Source
from runyard.core.checks.trees import Function, calls, full_name, functions, statements, walk

MAKERS = ("dlt.pipeline", "dlt.attach", "dlt.pipeline.pipeline")

STEPS = frozenset({"run", "extract"})
"""What a deploy does not let a pipeline do."""


def check(source: Source) -> Iterator[Finding]:
    """Yield each place where importing a file runs a pipeline, itself or through a function of the file."""
    if "dlt" not in source.text:
        return
    known = source.known
    if not any(name == "dlt" or name.startswith("dlt.") for name in known.values()):
        return
    pipelines = {
        target.id
        for node in source.nodes(ast.Assign)
        if _makes_pipeline(node.value, known)
        for target in node.targets
        if isinstance(target, ast.Name)
    }

    def is_step(call: ast.Call) -> bool:
        func = call.func
        if not (isinstance(func, ast.Attribute) and func.attr in STEPS):
            return False
        of = func.value
        return _makes_pipeline(of, known) or (isinstance(of, ast.Name) and of.id in pipelines)

    if not any(map(is_step, source.nodes(ast.Call))):
        return
    running = _that_run(functions(source.tree), is_step)
    for statement in statements(source.tree.body):
        for call in calls(statement):
            if is_step(call) or (isinstance(call.func, ast.Name) and call.func.id in running):
                yield source.finding(
                    call,
                    Code.RUNS_AT_IMPORT,
                    "A pipeline runs while this file is imported.",
                    "A deploy imports it to find its jobs, and so does every job that uses it.",
                    'Put the call into a job function, or under `if __name__ == "__main__":`.',
                    Severity.ERROR,
                )


def _that_run(own: Mapping[str, Function], is_step: Callable[[ast.Call], bool]) -> set[str]:
    """Return the functions of a file that run a pipeline, themselves or through others of the file."""
    callers: dict[str, set[str]] = defaultdict(set)
    waiting: list[str] = []
    for name, function in own.items():
        for call in walk(function):
            if isinstance(call, ast.Call):
                if is_step(call):
                    waiting.append(name)
                elif isinstance(call.func, ast.Name):
                    callers[call.func.id].add(name)
    running: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name not in running:
            running.add(name)
            waiting += callers[name]
    return running


def _makes_pipeline(node: ast.expr, known: dict[str, str]) -> bool:
    return isinstance(node, ast.Call) and full_name(node.func, known) in MAKERS
