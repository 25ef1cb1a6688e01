"""Times without a zone where windows are reckoned with: the ends of a window have one, and mean instants.

`utcnow` is wrong everywhere. Other times without a zone are only named in functions that deal with windows: to stamp a
file name with the local time is nobody's business.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from runyard.core.checks.finding import Code, Finding, Source
from runyard.core.checks.trees import Function, full_name, walk

ALWAYS = frozenset({"utcnow", "utcfromtimestamp"})
"""Return UTC and do not say so; Python has deprecated them."""

ZONE_POSITION = {"now": 1, "fromtimestamp": 2, "": 8}
"""How many positional arguments include the zone, of `datetime` itself under no name."""

WINDOW_WORDS = frozenset({"run_context", "interval_start", "interval_end"})
"""Names of ours that say: this is about windows."""

INCREMENTAL_WORDS = WINDOW_WORDS | {"initial_value", "end_value", "last_value"}
"""The same with those of dlt's incremental loading; in a file without dlt they mean other things."""

NAMES = frozenset(
    {
        "datetime.datetime",
        *(f"datetime.datetime.{name}" for name in (*ALWAYS, *ZONE_POSITION, "today") if name),
    }
)
"""What makes times without a zone, if it is not given one."""

AWARE = frozenset({"astimezone", "replace", "timestamp"})
"""Methods that turn a time without a zone into an instant; `replace` if it is given `tzinfo`."""


def check(source: Source) -> Iterator[Finding]:
    """Yield each time without a zone that meets windows."""
    if "datetime" not in source.text:
        return
    made = [
        (node, name)
        for node in source.nodes(ast.Call)
        if (name := full_name(node.func, source.known)) in NAMES
    ]
    if not made:
        return
    about_windows, made_aware = _about_windows(source), set(_made_aware(source))
    for node, name in made:
        method = name.removeprefix("datetime.datetime").removeprefix(".")
        if method in ALWAYS:
            cause = f"`{method}()` returns UTC without saying so."
        elif node in about_windows and not _has_zone(node, method) and node not in made_aware:
            cause = f"`datetime{'.' if method else ''}{method}(...)` has no timezone, and windows have one."
        else:
            continue
        yield source.finding(
            node,
            Code.NAIVE_TIME,
            cause,
            "It cannot be compared with the ends of a window, and means another instant on another machine.",
            "Write `datetime.now(UTC)`."
            if method in (*ALWAYS, "now", "today")
            else "Give it `tzinfo=UTC`, or `tz=UTC`.",
        )


def _about_windows(source: Source) -> set[ast.AST]:
    """Return every node inside a function that names windows, without its decorators."""
    found: set[ast.AST] = set()
    outer: list[Function] = [*source.nodes(ast.FunctionDef), *source.nodes(ast.AsyncFunctionDef)]
    words = INCREMENTAL_WORDS if "dlt" in source.text else WINDOW_WORDS
    for function in outer:
        inside = [node for part in (function.args, *function.body) for node in walk(part)]
        if any(_word(node) in words for node in inside):
            found.update(inside)
    return found


def _word(node: ast.AST) -> str | None:
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name) | ast.arg(arg=name) | ast.Constant(value=str(name)):
            return name
        case ast.keyword(arg=str(name)):
            return name
    return None


def _has_zone(call: ast.Call, method: str) -> bool:
    if any(keyword.arg in ("tz", "tzinfo", None) for keyword in call.keywords):
        return True
    return len(call.args) >= ZONE_POSITION.get(method, 99) or any(
        isinstance(one, ast.Starred) for one in call.args
    )


def _made_aware(source: Source) -> Iterator[ast.expr]:
    """Yield what a method makes an instant of: `x` of `x.astimezone()`."""
    for call in source.nodes(ast.Call):
        method = call.func
        if not (isinstance(method, ast.Attribute) and method.attr in AWARE):
            continue
        if method.attr != "replace" or any(keyword.arg == "tzinfo" for keyword in call.keywords):
            yield method.value
