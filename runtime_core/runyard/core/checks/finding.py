"""What a check has to say: where, what, why it matters, what to do instead; and a parsed file to say it of.

The checks are the modules beside this one, each a pure function of parsed sources and facts. Reading files and asking
an environment is in `runyard.core.checking`.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from importlib.util import decode_source
from typing import TypeVar

from runyard.core.checks import trees

Node = TypeVar("Node", bound=ast.AST)

MODULE_BYTES_MAX = 1024 * 1024
"""Of one file that is read: a larger one is data that happens to be written as Python."""

_IGNORE = re.compile(r"#\s*runyard:\s*ignore\[([^\]]*)\]")


class Severity(StrEnum):
    """An error is what a deploy would refuse; a warning is what it would accept and somebody regret."""

    ERROR = "error"
    WARNING = "warning"


class Code(StrEnum):
    """What was found, for good: a code never changes its meaning. Each is explained in `docs/check.md`."""

    UNREADABLE = "RY2000"
    NOTHING_RUNS = "RY2001"
    RUNS_AT_IMPORT = "RY2002"
    DEV_MODE = "RY2003"
    NOT_DECLARED = "RY2004"
    NAIVE_TIME = "RY2005"
    SECRET_IN_CODE = "RY2006"  # noqa: S105 - the name of a finding
    DESTINATION_MISSING = "RY2007"
    DESTINATION_SHARED = "RY2008"
    NO_PROFILE = "RY2009"
    SECRETS_TRACKED = "RY2010"
    REMARK = "RY2011"
    INPUT_MISSING = "RY2012"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong: `code` is of `Code`, or of an error that a deploy would raise.

    Lines and columns count from 1, `end_column` is behind the last character; None where no line can be named.
    `excerpt` is the line.
    """

    code: str
    severity: Severity
    cause: str
    why: str
    remedy: str
    file: str | None = None
    line: int | None = None
    column: int | None = None
    end_column: int | None = None
    excerpt: str | None = None
    reasons: tuple[str, ...] = ()

    @property
    def is_silenced(self) -> bool:
        """Return whether its line says `# runyard: ignore[CODE]`, several codes separated by commas."""
        said = _IGNORE.search(self.excerpt or "")
        return said is not None and self.code in {code.strip() for code in said[1].split(",")}

    @property
    def place(self) -> str:
        """Return file and line as editors read them."""
        return ":".join(str(part) for part in (self.file, self.line) if part is not None)


@dataclass(frozen=True)
class Source:
    """A Python file of the workspace: `path` is relative to its root, `module` the name it is imported by.

    Lines of `text` end as Python counts them, each with one line feed.
    """

    path: str
    module: str
    text: str
    tree: ast.Module

    @cached_property
    def lines(self) -> list[str]:
        # Not `splitlines`: a form feed or a Unicode separator ends no line.
        return self.text.split("\n")

    @cached_property
    def known(self) -> dict[str, str]:
        """Return what imported names stand for: `{"dt": "datetime", "now": "time.now"}`."""
        return trees.aliases(self.nodes(ast.Import, ast.ImportFrom))

    def nodes(self, *kinds: type[Node]) -> Iterator[Node]:
        """Yield the nodes of these kinds, those of one kind as they stand in the file."""
        for kind in kinds:
            yield from self._by_kind.get(kind, ())  # type: ignore[misc] # each is in the list of its kind

    @cached_property
    def _by_kind(self) -> dict[type[ast.AST], list[ast.AST]]:
        """Return all nodes of the tree by kind. Several checks ask, and a large tree is walked once."""
        found: dict[type[ast.AST], list[ast.AST]] = defaultdict(list)
        for node in trees.walk(self.tree):
            found[type(node)].append(node)
        return found

    @property
    def package(self) -> str:
        """Return what relative imports start from."""
        return self.module if self.path.endswith("__init__.py") else self.module.rpartition(".")[0]

    def finding(
        self,
        node: ast.stmt | ast.expr | ast.keyword | ast.alias,
        code: Code,
        cause: str,
        why: str,
        remedy: str,
        severity: Severity = Severity.WARNING,
    ) -> Finding:
        """Return a finding at the first line of a node, of a function at its name."""
        line = self.lines[node.lineno - 1]
        ends_here = node.end_lineno == node.lineno and node.end_col_offset is not None
        start = _characters(line, node.col_offset)
        end = _characters(line, node.end_col_offset or 0) if ends_here else len(line.rstrip())
        if isinstance(node, trees.FUNCTIONS) and (at := line.find(node.name, start)) >= 0:
            # It may be missing: on the next line, or spelled with letters that Python takes for others.
            start, end = at, at + len(node.name)
        return Finding(
            code,
            severity,
            cause,
            why,
            remedy,
            file=self.path,
            line=node.lineno,
            column=start + 1,
            end_column=end + 1,
            excerpt=line.rstrip(),
        )


def files_of(module: str) -> tuple[str, str]:
    """Return the files that a module may be, in the order in which Python looks for them."""
    base = module.replace(".", "/")
    return f"{base}/__init__.py", f"{base}.py"


def parse(path: str, module: str, content: bytes) -> Source | Finding:
    """Return a file as a tree, or the finding that it is none."""
    try:
        text = decode_source(content)
    except (SyntaxError, ValueError, LookupError):  # said better where it is parsed
        text = content.decode("utf-8", "replace").replace("\r\n", "\n").replace("\r", "\n")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of odd escapes: the author's linter says them
            return Source(path, module, text, ast.parse(content))
    except SyntaxError as error:
        line = error.lineno if error.lineno and error.lineno > 0 else 1
        lines = text.split("\n")
        column = error.offset or 1
        return Finding(
            Code.UNREADABLE,
            Severity.ERROR,
            f"This is no Python: {error.msg}.",
            "A job that imports this file fails before its first line.",
            "Correct the line.",
            file=path,
            line=line,
            column=column,
            end_column=max(column + 1, error.end_offset or 0 if error.end_lineno == line else 0),
            excerpt=lines[line - 1].rstrip() if line <= len(lines) else None,
        )
    except (ValueError, LookupError, RecursionError, MemoryError) as error:
        return unreadable(path, f"{type(error).__name__}: {error}")


def unreadable(path: str, reason: str) -> Finding:
    """Return the finding that a file was not looked into."""
    return Finding(
        Code.UNREADABLE,
        Severity.WARNING,
        f"This file was not checked: {reason}.",
        "What is in it is deployed unseen.",
        "Split it, or correct what keeps it from being read.",
        file=path,
    )


def in_order(findings: Iterable[Finding]) -> list[Finding]:
    """Return findings by file and line, those of no file first, each once."""
    return sorted(
        dict.fromkeys(findings), key=lambda each: (each.file or "", each.line or 0, each.column or 0)
    )


def _characters(line: str, utf8_offset: int) -> int:
    return len(line.encode()[:utf8_offset].decode(errors="ignore"))
