"""Questions that several checks ask of a syntax tree: what a name means, what runs when a file is imported."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable, Iterator, Mapping

Function = ast.FunctionDef | ast.AsyncFunctionDef

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)

_DEFERRED = (*FUNCTIONS, ast.ClassDef, ast.Lambda)

_BLOCKS = frozenset({"body", "handlers", "orelse", "finalbody", "cases"})
"""Fields of statements, of handlers and of cases that hold statements, or handlers and cases."""

_PLAIN = frozenset(
    {"arg", "asname", "attr", "conversion", "ctx", "id", "is_async", "kind", "level", "module", "simple"}
)
"""Fields that hold text or numbers in whatever node they are, and the mark whether a name is read or written."""

_KINDS = [kind for kind in vars(ast).values() if isinstance(kind, type) and issubclass(kind, ast.AST)]

_INSIDE = {
    kind: ()
    if kind is ast.Constant
    else tuple(field for field in reversed(kind._fields) if field not in _PLAIN)
    for kind in _KINDS
}
"""The fields in which a node of each kind may hold others, the last first."""

_WITH_BLOCKS = {kind: tuple(field for field in kind._fields if field in _BLOCKS) for kind in _KINDS}


def walk(tree: ast.AST) -> Iterator[ast.AST]:
    """Yield a node and all below it, each before what it holds, in the order of the file.

    `ast.walk` takes several times as long: it looks into names and texts too, and visits the marks that say whether a
    name is read or written.
    """
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        for field in _INSIDE[type(node)]:
            value = getattr(node, field, None)
            if isinstance(value, list):
                if value:
                    waiting += [each for each in reversed(value) if isinstance(each, ast.AST)]
            elif isinstance(value, ast.AST):
                waiting.append(value)


def blocks(node: ast.AST) -> list[ast.AST]:
    """Return the statements inside a statement, and the handlers and cases that hold some, in the order of the file."""
    # Not by looking for them in all that a statement holds: expressions are most of it and have none.
    return [each for field in _WITH_BLOCKS[type(node)] for each in getattr(node, field)]


def aliases(imports: Iterable[ast.Import | ast.ImportFrom]) -> dict[str, str]:
    """Return what imported names stand for: `{"dt": "datetime", "now": "time.now"}`."""
    found: dict[str, str] = {}
    for node in imports:
        if isinstance(node, ast.Import):
            for alias in node.names:
                top = alias.name.partition(".")[0]
                found[alias.asname or top] = alias.name if alias.asname else top
        elif node.module and not node.level:
            for alias in node.names:
                found[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    return found


def full_name(node: ast.expr, known: Mapping[str, str]) -> str:
    """Return the dotted name an expression means, nothing if it is no plain name."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        return ""
    return ".".join([known.get(node.id, node.id), *reversed(parts)])


def is_main_guard(statement: ast.stmt) -> bool:
    """Return whether this is `if __name__ == "__main__":`."""
    if not isinstance(statement, ast.If):
        return False
    said = [*walk(statement.test)]
    return any(isinstance(node, ast.Name) and node.id == "__name__" for node in said) and any(
        isinstance(node, ast.Constant) and node.value == "__main__" for node in said
    )


def is_for_type_checkers(statement: ast.stmt) -> bool:
    """Return whether this is `if TYPE_CHECKING:`."""
    match statement:
        case ast.If(test=ast.Name(id=name) | ast.Attribute(attr=name)):
            return name == "TYPE_CHECKING"
    return False


def statements(body: Iterable[ast.stmt], *, as_script: bool = False) -> Iterator[ast.stmt]:
    """Yield the statements that run when a file is imported, or as a script, those inside others too."""
    # Not by recursion: each `elif` is an `if` inside the one before, and generated code has hundreds.
    waiting = [*body][::-1]
    while waiting:
        statement = waiting.pop()
        if is_for_type_checkers(statement) or (is_main_guard(statement) and not as_script):
            assert isinstance(statement, ast.If)
            waiting += reversed(statement.orelse)
            continue
        yield statement
        if isinstance(statement, _DEFERRED):
            continue
        parts = (*getattr(statement, "handlers", ()), *getattr(statement, "cases", ()))
        inside = [one for field in ("body", "orelse", "finalbody") for one in getattr(statement, field, ())]
        waiting += reversed([*inside, *(one for part in parts for one in part.body)])


def calls(statement: ast.stmt) -> Iterator[ast.Call]:
    """Yield the calls that a statement makes itself: not those of statements, functions or lambdas inside it."""
    waiting: list[ast.AST] = [
        child for child in ast.iter_child_nodes(statement) if not isinstance(child, ast.stmt)
    ]
    if isinstance(statement, _DEFERRED):
        waiting = []
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Call):
            yield node
        if not isinstance(node, _DEFERRED):
            waiting += [child for child in ast.iter_child_nodes(node) if not isinstance(child, ast.stmt)]


def functions(tree: ast.Module) -> dict[str, Function]:
    """Return the functions of a file by name."""
    return {node.name: node for node in tree.body if isinstance(node, FUNCTIONS)}


def true_keyword(call: ast.Call, names: Collection[str | None]) -> ast.keyword | None:
    """Return the first argument of one of these names that is `True` as written."""
    for keyword in call.keywords:
        if keyword.arg in names and isinstance(keyword.value, ast.Constant) and keyword.value.value is True:
            return keyword
    return None
