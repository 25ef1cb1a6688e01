"""What a file imports, and whether a job that gets there will find it (DGR-08)."""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from runyard.core.checks.finding import Code, Finding, Source
from runyard.core.checks.trees import FUNCTIONS, blocks, full_name, is_for_type_checkers, is_main_guard, walk
from runyard.core.job_refs import short_name

JOBS_NAMED = 3
"""Jobs in one sentence; a module that everybody imports would name them all."""

FORGIVING = frozenset({"ImportError", "ModuleNotFoundError", "Exception", "BaseException"})

DISTRIBUTIONS: Mapping[str, str] = {
    "attr": "attrs",
    "bs4": "beautifulsoup4",
    "Crypto": "pycryptodome",
    "cv2": "opencv-python",
    "dateutil": "python-dateutil",
    "docx": "python-docx",
    "dotenv": "python-dotenv",
    "fitz": "pymupdf",
    "IPython": "ipython",
    "git": "gitpython",
    "github": "pygithub",
    "grpc": "grpcio",
    "jwt": "pyjwt",
    "MySQLdb": "mysqlclient",
    "OpenSSL": "pyopenssl",
    "PIL": "pillow",
    "pptx": "python-pptx",
    "psycopg2": "psycopg2-binary",
    "serial": "pyserial",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "slugify": "python-slugify",
    "snowflake": "snowflake-connector-python",
    "yaml": "pyyaml",
    "zmq": "pyzmq",
}
"""Packages that are installed under another name than they are imported by; asked when one is not installed here."""

_PYTHON = frozenset({"sys.version_info", "sys.platform"})
"""What says which Python or system it is, besides all of the module `platform`."""

_PYTHON_MODULES = frozenset({"sys", "platform"})
"""Where that is found: a file that imports neither asks nothing of the kind."""


@dataclass(frozen=True, slots=True)
class Import:
    """One import: `names` are the modules it may mean, the most certain first.

    `is_certain` says that it is made whenever the file is imported; others only in a function or as a script.
    `is_for_others` says that the file asks on which Python or system it is, and makes it on some of them.
    """

    names: tuple[str, ...]
    node: ast.Import | ast.ImportFrom | ast.alias
    is_certain: bool
    is_for_others: bool

    @property
    def top(self) -> str:
        return self.names[0].partition(".")[0]


@dataclass(frozen=True, slots=True)
class Reach:
    """A job with the modules it imports, directly or not, and the names its environment provides."""

    job_ref: str
    modules: Collection[str]
    provided: Collection[str]


def imports_of(source: Source) -> Iterator[Import]:
    """Yield what a file imports, except for type checkers and where a failure is expected."""

    telling = {own: name for own, name in source.known.items() if name.partition(".")[0] in _PYTHON_MODULES}
    # Not by recursion, as in `trees.statements`. With each node: is it certain, is it for others.
    waiting: list[tuple[ast.AST, bool, bool]] = [(node, True, False) for node in reversed(source.tree.body)]
    while waiting:
        node, is_certain, is_for_others = waiting.pop()
        inside: Sequence[ast.AST]
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import((alias.name,), alias, is_certain, is_for_others)
            continue
        if isinstance(node, ast.ImportFrom):
            base = _base(source, node)
            if base:
                names = (base, *(f"{base}.{alias.name}" for alias in node.names))
                yield Import(names, node, is_certain, is_for_others)
            continue
        if isinstance(node, ast.With) and any(map(_suppresses, node.items)):
            continue
        if isinstance(node, ast.Try) and any(map(_forgives, node.handlers)):
            inside = (*node.handlers, *node.orelse, *node.finalbody)
        elif not isinstance(node, ast.If):
            inside = blocks(node)
            is_certain = is_certain and not isinstance(node, FUNCTIONS)
        elif is_for_type_checkers(node):
            inside = node.orelse
        elif _asks_for_python(node.test, telling):
            inside = [*node.body, *node.orelse]
            if len(node.orelse) == 1 and isinstance(node.orelse[0], ast.If):
                # An `elif` asks something else.
                waiting.append((node.orelse[0], is_certain, is_for_others))
                inside = node.body
            is_for_others = True
        else:
            inside = [*node.body, *node.orelse]
            is_certain = is_certain and not is_main_guard(node)
        waiting += [(child, is_certain, is_for_others) for child in reversed(inside)]


def local_names(made: Import) -> Iterator[str]:
    """Yield the modules that an import loads if they are files of the workspace, packages on the way included."""
    for name in made.names:
        parts = name.split(".")
        yield from (".".join(parts[: number + 1]) for number in range(len(parts)))


def check(
    sources: Mapping[str, Source],
    reaches: Sequence[Reach],
    *,
    left_out: Collection[str],
    ours: Collection[str],
    distribution_of: Callable[[str], str],
    groups_with: Callable[[str], Sequence[str]],
) -> Iterator[Finding]:
    """Yield each import that a job will not find.

    `sources` are the deployed files by module, `left_out` the modules that are here and do not travel, `ours` what
    the server puts on the path of every job. `distribution_of` says what to install for an imported name,
    `groups_with` which dependency groups provide it.
    """
    found_here = {name.partition(".")[0] for name in (*sources, *left_out)} | set(ours) | {"__main__"}
    missing: dict[str, _Missing] = {}
    for source in sources.values():
        users = [reach for reach in reaches if source.module in reach.modules]
        for made in imports_of(source):
            if lost := next((name for name in local_names(made) if name in left_out), None):
                yield source.finding(
                    made.node,
                    Code.NOT_DECLARED,
                    f"`{lost}` is not part of the deployment: `.gitignore` leaves it out.",
                    "A job that gets here fails with ModuleNotFoundError.",
                    "Take it out of `.gitignore`, or do not import it.",
                )
            if made.is_for_others or made.top in found_here or made.top in sys.stdlib_module_names:
                continue
            without = [reach.job_ref for reach in users if made.top not in reach.provided]
            # What is imported in a function belongs to one of the jobs here, and which is not known.
            if without and (made.is_certain or len(without) == len(users)):
                noted = missing.setdefault(made.top, _Missing(source, made))
                noted.jobs.update(dict.fromkeys(without))
                noted.files.add(source.path)
    for top, noted in missing.items():
        yield noted.finding(distribution_of(top), groups_with(top))


@dataclass(slots=True)
class _Missing:
    """A name that is not provided: where it is imported first, by which files, and the jobs that get there."""

    source: Source
    made: Import
    jobs: dict[str, None] = field(default_factory=dict)
    files: set[str] = field(default_factory=set)

    def finding(self, distribution: str, groups: Sequence[str]) -> Finding:
        names = [f"`{short_name(ref)}`" for ref in self.jobs]
        more = len(names) - JOBS_NAMED
        jobs = ", ".join(names[:JOBS_NAMED]) + (f" and {more} more" if more > 0 else "")
        cause = f"No declared dependency provides `{self.made.top}`"
        remedy = f"Declare it: `uv add {distribution}`, or add it to `dependencies` in pyproject.toml."
        if groups:
            cause = f"`{self.made.top}` is only in the dependency group `{groups[0]}`, which not every job requires"
            remedy = (
                f'Give {jobs} `require={{"dependency_groups": ["{groups[0]}"]}}`, or move `{distribution}` to '
                "`dependencies` in pyproject.toml."
            )
        return self.source.finding(
            self.made.node,
            Code.NOT_DECLARED,
            f"{cause}{f'; {len(self.files)} files import it' if len(self.files) > 1 else ''}.",
            f"On the server {jobs} would fail with ModuleNotFoundError.",
            remedy,
        )


def _base(source: Source, node: ast.ImportFrom) -> str:
    """Return the full name of what stands after `from`."""
    if not node.level:
        return node.module or ""
    parts = source.package.split(".") if source.package else []
    above = parts[: len(parts) - node.level + 1]
    return ".".join([*above, *([node.module] if node.module else [])])


def _asks_for_python(test: ast.expr, telling: Mapping[str, str]) -> bool:
    """Return whether this asks on which Python or system it is: what it guards is for another one, perhaps.

    `telling` are the imported names that can say it.
    """
    if not telling:
        return False
    asked = [node for node in walk(test) if isinstance(node, ast.Attribute | ast.Name)]
    # A name that was not imported is somebody's own `platform`.
    names = (full_name(node, telling) for node in asked if full_name(node, {}).partition(".")[0] in telling)
    return any(name in _PYTHON or name.startswith("platform.") for name in names)


def _suppresses(item: ast.withitem) -> bool:
    """Return whether this is `with suppress(...)`."""
    call = item.context_expr
    match call.func if isinstance(call, ast.Call) else None:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name == "suppress"
    return False


def _forgives(handler: ast.ExceptHandler) -> bool:
    if handler.type is None:
        return True
    caught = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return any(isinstance(kind, ast.Name) and kind.id in FORGIVING for kind in caught)
