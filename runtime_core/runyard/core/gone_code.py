"""Which jobs of an older manifest have lost their code since: it was there then, and is not now. Pure; files are read.

What was never in the workspace's own files (an installed package) nobody can tell about from here.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from runyard.core.checks.finding import MODULE_BYTES_MAX, Finding, files_of, parse

Files = Mapping[str, str]
"""The files of a snapshot: the hash of each content by its path."""


def gone_code(
    jobs: Sequence[Mapping[str, Any]], then: Files, now: Files, read: Callable[[str], bytes]
) -> list[str]:
    """Return a sentence for each job whose module or function is in the files of then, and not in those of now.

    `read` returns at most so many bytes of a content by its hash that a larger one shows. Source: RCN-18.
    """
    names: dict[str, frozenset[str] | None] = {}

    def names_in(files: Files, path: str) -> frozenset[str] | None:
        digest = files[path]
        if digest not in names:
            names[digest] = _names(path, read(digest))
        return names[digest]

    def told() -> Iterator[str]:
        for job in jobs:
            module, function = job["entry_point"]["module"], job["entry_point"].get("function")
            if (before := _path(then, module)) is None:
                continue
            if (path := _path(now, module)) is None:
                yield f"{job['job_ref']}: `{before}` is not in the code that is deployed now, so its runs fail."
            elif function is not None and then[before] != now[path]:
                old, new = names_in(then, before), names_in(now, path)
                if old is not None and new is not None and function in old - new:
                    yield (
                        f"{job['job_ref']}: `{path}` has no `{function}` in the code that is deployed now, "
                        "so its runs fail."
                    )

    return list(told())


def _path(files: Files, module: str) -> str | None:
    return next((path for path in files_of(module) if path in files), None)


def _names(path: str, content: bytes) -> frozenset[str] | None:
    """Return the names a file binds anywhere; None where a tree does not tell."""
    source = None if len(content) > MODULE_BYTES_MAX else parse(path, "", content)
    if source is None or isinstance(source, Finding):
        return None
    aliases = [alias.asname or alias.name for alias in source.nodes(ast.alias)]
    if "*" in aliases:
        return None
    functions = (node.name for node in source.nodes(ast.FunctionDef))
    coroutines = (node.name for node in source.nodes(ast.AsyncFunctionDef))
    assigned = (node.id for node in source.nodes(ast.Name) if isinstance(node.ctx, ast.Store))
    return frozenset((*aliases, *functions, *coroutines, *assigned))
