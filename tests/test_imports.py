"""Who may import whom: every import of every module, checked against the direction of the architecture.

```
notebooks -> doors, widgets, client      server -> client, core      client -> core      widgets -> nothing of ours
doors -> core; widgets and client only when first used      effects -> seams -> pure -> errors
launchers -> pure, never store or server      node -> nothing but the standard library
```
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = {
    "runyard": ROOT / "runtime_core",
    "runyard_server": ROOT / "server",
    "runyard_widgets": ROOT / "widgets",
    "runyard_notebooks": ROOT / "notebooks",
}

PURE = frozenset(
    {
        "causes",
        "checks",
        "cron",
        "decorators",
        "facts",
        "freshness",
        "given_inputs",
        "gone_code",
        "input_schemas",
        "intervals",
        "job_refs",
        "job_times",
        "jobs",
        "labels",
        "lean_typing",
        "manifest",
        "manifest_differences",
        "options",
        "outcomes",
        "parameters",
        "planning",
        "pipeline_traces",
        "preview",
    }
    | {
        "profiles",
        "reconcile",
        "refresh",
        "retrying",
        "run_context",
        "runs",
        "schedule_words",
        "selectors",
        "settings",
        "ticks",
        "time_words",
        "tracebacks",
        "triggers",
        "verdicts",
    }
)
"""Modules that decide on given facts. What is listed in no layer acts: files, the store, processes, loops."""

SEAMS = frozenset({"clock", "engines", "ids", "processes"})
"""Protocols behind which the world is, with their real versions."""

MAY_IMPORT = {
    "errors": {"errors"},
    "pure": {"errors", "pure"},
    "seams": {"errors", "pure", "seams"},
    "effects": {"errors", "pure", "seams", "effects", "node"},
    "launchers": {"errors", "pure", "launchers"},
    "node": {"node"},
    "doors": {"errors", "pure", "seams", "effects", "doors"},
    "client": {"errors", "pure", "seams", "effects", "client"},
    "server": {"errors", "pure", "seams", "effects", "doors", "client", "server"},
    "widgets": {"widgets"},
    "notebooks": {"errors", "pure", "doors", "client", "widgets", "notebooks"},
}
"""For each layer, the layers it may import from."""

WHEN_FIRST_USED = {"doors": {"client", "widgets"}}
"""For each layer, what it may import besides, but not while it is imported itself."""

PROTOCOL = "runyard_widgets.feeds"
"""What widgets are fed with: who feeds them imports this, and nothing else of theirs."""

CONVERSIONS = frozenset({"MICROSECONDS", "from_datetime", "to_datetime"})
"""What pure code may take from `clock`: instants as numbers and as datetimes. `now` is handed to it."""

IMPURE = frozenset(
    {"asyncio", "os", "random", "secrets", "shutil"}
    | {"socket", "sqlite3", "subprocess", "tempfile", "threading", "time"}
)
"""Parts of the standard library that pure code has no business with."""

ONLY_UNDER = {
    "alembic": "runyard.core.store",
    "croniter": "runyard.core.ticks",
    "fastapi": "runyard_server",
    "typer": "runyard_server.cli",
}
"""Packages that one part of ours wraps, and that part."""

STATEMENTS = frozenset({"delete", "func", "insert", "select", "text", "update"})
"""What SQL is built of: SQL has one home, the store. Others pass connections along and catch errors."""


@dataclass(frozen=True)
class Import:
    """One imported name: `module` is ours in full, or the top of a package that is not ours."""

    importer: str
    module: str
    name: str | None
    on_import: bool
    line: int

    def __str__(self) -> str:
        return f"{self.importer}:{self.line} imports {self.module}"


def module_name(path: Path, root: Path) -> str:
    parts = path.relative_to(root).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {
    module_name(path, root): path
    for package, root in SOURCES.items()
    for path in sorted((root / package).rglob("*.py"))
}


def layer(module: str) -> str:
    """Return the layer of one of our modules."""
    top, *rest = module.split(".")
    if top == "runyard_server":
        return "client" if rest[:1] == ["client"] else "server"
    if top != "runyard":
        return top.removeprefix("runyard_")
    if rest[:1] != ["core"]:
        return "doors"
    area = rest[1] if len(rest) > 1 else ""
    if area in ("launchers", "node", "errors"):
        return area
    if area in PURE:
        return "pure"
    return "seams" if area in SEAMS and len(rest) == 2 else "effects"


def imports_of(module: str) -> Iterator[Import]:
    """Yield every import statement of a module, name by name, wherever it stands."""
    tree = ast.parse(MODULES[module].read_text(encoding="utf-8"))
    on_import = set(run_on_import(tree.body))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(module, target(alias.name), None, node in on_import, node.lineno)
        elif isinstance(node, ast.ImportFrom):
            source = source_of(module, node)
            for alias in node.names:
                inner = f"{source}.{alias.name}"
                found = inner if inner in MODULES else target(source)
                yield Import(module, found, alias.name, node in on_import, node.lineno)


def source_of(module: str, statement: ast.ImportFrom) -> str:
    """Return the full name of the module or package after `from`."""
    if not statement.level:
        return statement.module or ""
    package = module.split(".") if MODULES[module].stem == "__init__" else module.split(".")[:-1]
    above = package[: len(package) - statement.level + 1]
    return ".".join([*above, *([statement.module] if statement.module else [])])


def run_on_import(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield the statements that run when the module is imported; not those for type checkers only."""
    for statement in body:
        if isinstance(statement, ast.If) and "TYPE_CHECKING" in ast.unparse(statement.test):
            continue
        yield statement
        for inner in ("body", "orelse", "finalbody"):
            if not isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                yield from run_on_import(getattr(statement, inner, []))


def target(name: str) -> str:
    return name if name in MODULES else name.partition(".")[0]


IMPORTS = [found for module in MODULES for found in imports_of(module)]


def test_every_import_points_the_allowed_way() -> None:
    wrong = [
        f"{found} ({layer(found.importer)} -> {layer(found.module)})"
        for found in IMPORTS
        if found.module in MODULES
        and layer(found.module) not in MAY_IMPORT[layer(found.importer)]
        and not (
            not found.on_import and layer(found.module) in WHEN_FIRST_USED.get(layer(found.importer), ())
        )
        and not (layer(found.importer) == "pure" and found.module == "runyard.core.clock")
        and not (found.importer.startswith("runyard_server.client.feeds") and found.module == PROTOCOL)
        and found.module not in ("runyard", "runyard.core", "runyard_server")
    ]
    assert not wrong, "\n".join(wrong)


def test_pure_code_takes_no_clock_and_touches_nothing() -> None:
    wrong = [
        str(found)
        for found in IMPORTS
        if layer(found.importer) in ("pure", "errors")
        and (
            found.module in IMPURE or (found.module == "runyard.core.clock" and found.name not in CONVERSIONS)
        )
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("side", ["doors", "launchers", "node"])
def test_what_runs_beside_a_job_needs_the_standard_library_alone(side: str) -> None:
    reached = {module for module in MODULES if layer(module) == side}
    waiting = list(reached)
    foreign: list[str] = []
    while waiting:
        for found in imports_of(waiting.pop()):
            if not found.on_import:
                continue
            if found.module not in MODULES:
                if found.module not in sys.stdlib_module_names:
                    foreign.append(str(found))
            elif found.module not in reached:
                reached.add(found.module)
                waiting.append(found.module)
    assert not foreign, "\n".join(foreign)


def test_a_wrapped_package_is_used_in_one_part_only() -> None:
    wrong = [
        str(found)
        for found in IMPORTS
        if not found.importer.startswith(ONLY_UNDER.get(found.module, found.importer))
    ]
    assert not wrong, "\n".join(wrong)


def test_sql_has_one_home() -> None:
    wrong = [
        str(found)
        for found in IMPORTS
        if found.module == "sqlalchemy"
        and found.name in STATEMENTS
        and not found.importer.startswith("runyard.core.store")
    ]
    assert not wrong, "\n".join(wrong)
