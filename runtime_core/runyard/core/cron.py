"""Cron expressions as text: their five fields, and the names some of them have. When they fire is `ticks`.

With the standard library alone, as job files are imported where nothing else is installed.
"""

from __future__ import annotations

from runyard.core.errors import InvalidTrigger

ALIASES = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
"""Names that stand for a whole expression, and for which."""

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_FIELDS: tuple[tuple[str, int, int, tuple[str, ...]], ...] = (
    ("minute", 0, 59, ()),
    ("hour", 0, 23, ()),
    ("day of month", 1, 31, ()),
    ("month", 1, 12, _MONTHS),
    ("day of week", 0, 7, _DAYS),
)


def check_cron(expression: str) -> None:
    """Accept five well-formed fields within their ranges, or an alias.

    `L`, `W` and `#` in the day fields are let through; `intervals.check_schedule` has the last word on them.
    Raises: InvalidTrigger naming the field. Source: TRG-03.
    """
    if expression.lower() in ALIASES:
        return
    fields = expression.lower().split()
    if len(fields) != len(_FIELDS):
        raise InvalidTrigger(
            f"`{expression}` has {len(fields)} fields.",
            "Write five: minute, hour, day of month, month, day of week.",
        )
    for field, (name, low, high, words) in zip(fields, _FIELDS, strict=True):
        for item in field.split(","):
            if not _is_item(item, name, low, high, words):
                raise InvalidTrigger(
                    f"`{expression}`: `{item}` is no {name}.",
                    f"Use {low} to {high}{' or names' if words else ''}: `a`, `a-b`, `*`, and steps `/n`.",
                )


def _is_item(item: str, field: str, low: int, high: int, words: tuple[str, ...]) -> bool:
    span, slash, step = item.partition("/")
    if slash and not (_is_number(step) and int(step) > 0):
        return False
    if field == "day of month":
        span = span if span != "l" else "31"
        span = span.removesuffix("w")
    elif field == "day of week":
        span = span.partition("#")[0].removeprefix("l")
    if span in ("*", "?"):
        return True
    ends = span.split("-")
    return len(ends) <= 2 and all(
        end in words or (_is_number(end) and low <= int(end) <= high) for end in ends
    )


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= 4
