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

_ANY = ("*", "?")
_COUNTED = frozenset("#l")


def check_cron(expression: str) -> None:
    """Accept five well-formed fields within their ranges, or an alias.

    How often `L`, `W` and `#` may stand in the day fields is left to `ticks.check_schedule`, which has the last word.
    What readers of cron disagree about is refused: a range from a value to itself (one minute, or all of them?), steps
    that go round the end of a field, and, beside another restricted day, a `*/n` or a day counted within a month (`#`,
    `L5`, `W`).
    Raises: InvalidTrigger naming the field. Source: TRG-03.
    """
    if expression.strip().lower() in ALIASES:
        return
    if expression.startswith("@"):
        raise InvalidTrigger(f"`{expression}` is no name of a schedule.", f"Use {', '.join(ALIASES)}.")
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
            _check_range(expression, _span(item, name), item, low, high, words)
    day, weekday = fields[2], fields[4]
    if day not in _ANY and weekday not in _ANY and "*" in day + weekday:
        raise InvalidTrigger(
            f"`{expression}` restricts both day fields, one of them with `*`: some readers want both, some either.",
            "List the days, or leave one of the fields `*`.",
        )
    if ("w" in day and weekday not in _ANY) or (day not in _ANY and not _COUNTED.isdisjoint(weekday)):
        raise InvalidTrigger(
            f"`{expression}` counts days within a month and restricts the other day field too.",
            "Leave the other day field `*`.",
        )


def _check_range(expression: str, span: str, item: str, low: int, high: int, words: tuple[str, ...]) -> None:
    first, dash, last = span.partition("-")
    if not dash:
        return
    start, end = (words.index(each) + low if each in words else int(each) for each in (first, last))
    # Sunday is 0 and 7.
    if start == end or (high == 7 and (start, end) == (7, 0)):
        raise InvalidTrigger(
            f"`{expression}`: `{item}` is a range from a value to itself.", f"Write `{first}`."
        )
    if start > end and "/" in item:
        raise InvalidTrigger(
            f"`{expression}`: `{item}` goes round the end of its field in steps.", "Write a list: `a,b,c`."
        )


def _span(item: str, field: str) -> str:
    """Return an item without its step and without what counts days within a month."""
    span = item.partition("/")[0]
    if field == "day of month":
        return "31" if span == "l" else span.removesuffix("w")
    return span.partition("#")[0].removeprefix("l") if field == "day of week" else span


def _is_item(item: str, field: str, low: int, high: int, words: tuple[str, ...]) -> bool:
    _, slash, step = item.partition("/")
    if slash and not (_is_number(step) and int(step) > 0):
        return False
    span = _span(item, field)
    if span in _ANY:
        return True
    ends = span.split("-")
    return len(ends) <= 2 and all(
        end in words or (_is_number(end) and low <= int(end) <= high) for end in ends
    )


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= 4
