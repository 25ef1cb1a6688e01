"""The Python files of a workspace that its jobs reach: read and parsed, never imported. What is wrong is `checks`."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from runyard.core import workspace
from runyard.core.checks.finding import MODULE_BYTES_MAX, Finding, Source, files_of, parse, unreadable
from runyard.core.checks.imports import imports_of, local_names

MODULES_MAX = 10_000
"""Files that are read: more than any workspace has, and a check still ends."""


@dataclass(frozen=True, slots=True)
class DeployedCode:
    """Files by the name they are imported under, and the findings about those that cannot be read.

    `uses` are the modules that each one imports itself, wherever they are, `left_out` those that are here and not
    deployed.
    """

    sources: dict[str, Source] = field(default_factory=dict)
    uses: dict[str, set[str]] = field(default_factory=dict)
    left_out: set[str] = field(default_factory=set)
    unreadable: list[Finding] = field(default_factory=list)

    def reached_from(self, module: str) -> set[str]:
        """Return a module and all that it imports, directly or not."""
        reached: set[str] = set()
        waiting = {module} & self.sources.keys()
        while waiting:
            reached |= waiting
            waiting = {used for one in waiting for used in self.uses[one] & self.sources.keys()} - reached
        return reached


def read_code(root: Path, modules: Iterable[str]) -> DeployedCode:
    """Return the files that these modules reach, as far as they are files under `root`."""
    code = DeployedCode()
    read_more(code, root, modules)
    return code


def read_more(code: DeployedCode, root: Path, modules: Iterable[str]) -> None:
    """Add the files that these modules reach, each that was not read before."""
    waiting = [module for module in dict.fromkeys(modules) if module not in code.sources]
    if not waiting:
        return
    seen = {*waiting, *code.sources}
    deployed = frozenset(workspace.select_files(root))
    while waiting and len(code.sources) < MODULES_MAX:
        module = waiting.pop()
        path = _path_of(root, module)
        if path is None:
            continue
        if path not in deployed:
            code.left_out.add(module)
            continue
        source = _read(root, path, module)
        if isinstance(source, Finding):
            code.unreadable.append(source)
            continue
        code.sources[module] = source
        code.uses[module] = names = {name for made in imports_of(source) for name in local_names(made)}
        waiting += sorted(names - seen)
        seen |= names


def module_of(file: str) -> str:
    """Return the name under which a file, relative to the root, is imported."""
    return ".".join(Path(file).with_suffix("").parts)


@contextmanager
def collecting_paused() -> Iterator[None]:
    """Keep Python from looking for garbage: trees are millions of objects and none is any.

    Every look would see them all, which takes half of the time of a check.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _path_of(root: Path, module: str) -> str | None:
    # Not `Path.is_file`, which raises at names that are too long and folders that may not be entered.
    return next((path for path in files_of(module) if os.path.isfile(root / path)), None)  # noqa: PTH113


def _read(root: Path, path: str, module: str) -> Source | Finding:
    try:
        with (root / path).open("rb") as file:
            content = file.read(MODULE_BYTES_MAX + 1)
    except OSError as error:
        return unreadable(path, error.strerror or type(error).__name__)
    if len(content) > MODULE_BYTES_MAX:
        return unreadable(path, f"it has more than {MODULE_BYTES_MAX // 1024} KiB")
    return parse(path, module, content)
