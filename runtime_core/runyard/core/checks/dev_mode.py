"""Pipelines in development mode, which forget at every run what they have loaded (TRB-08)."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from runyard.core.checks.finding import Code, Finding, Severity, Source
from runyard.core.checks.trees import full_name, is_main_guard, true_keyword

NAMES = ("dev_mode", "full_refresh")
"""What dlt calls it, and what it called it before."""

MAKERS = ("dlt.pipeline", "dlt.pipeline.pipeline")

WHY = "Each run would drop what the runs before it loaded: it starts from scratch, in a dataset with a new name."

REMEDY = (
    "Take it out; for your own machine set `dev_mode = true` under `[pipelines]` in `.dlt/dev.config.toml`."
)

_SETTING = re.compile(r"\s*((?:dev_mode|full_refresh)\s*=\s*true)\b")


def check(source: Source, *, as_script: bool) -> Iterator[Finding]:
    """Yield each pipeline of a file in development mode; what only a script does counts if it is deployed as one."""
    if not any(name in source.text for name in NAMES):
        return
    waiting: list[ast.AST] = [source.tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.stmt) and is_main_guard(node) and not as_script:
            continue
        waiting += ast.iter_child_nodes(node)
        if isinstance(node, ast.Call) and full_name(node.func, source.known) in MAKERS:
            keyword = true_keyword(node, NAMES)
            if keyword is not None:
                cause = f"`{keyword.arg}=True` in a deployed pipeline."
                yield source.finding(keyword, Code.DEV_MODE, cause, WHY, REMEDY)


def check_settings(path: str, text: str) -> Iterator[Finding]:
    """Yield each line of a settings file of the server that turns development mode on."""
    for number, line in enumerate(text.splitlines(), 1):
        if found := _SETTING.match(line):
            yield Finding(
                Code.DEV_MODE,
                Severity.WARNING,
                f"`{found[1]}` applies to deployed pipelines.",
                WHY,
                "Move it to `.dlt/dev.config.toml`, which stays on your machine.",
                file=path,
                line=number,
                column=found.start(1) + 1,
                end_column=found.end(1) + 1,
                excerpt=line.rstrip(),
            )
