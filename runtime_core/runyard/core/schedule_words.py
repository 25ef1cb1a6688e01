"""What a cron expression, a period or an instant is called by people. Pure texts: when they fire is `intervals`.

Only what is said in a few words is: everything else stays an expression, which is exact.
"""

from __future__ import annotations

from datetime import UTC, datetime

from runyard.core.cron import ALIASES

DAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")

MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)

WEEKDAYS, WEEKEND = (1, 2, 3, 4, 5), (0, 6)

UNITS = {"s": "second", "m": "minute", "h": "hour", "d": "day", "w": "week"}

LISTED_MAX = 3
"""Hours or days that are named one by one; more of them read better as an expression."""


def schedule_in_words(expression: str, timezone: str = "") -> str:
    """Return "every 5 minutes", "daily at 06:00", "every Monday at 06:00 Europe/Berlin": `timezone` where it counts."""
    fields = ALIASES.get(expression.lower(), expression).lower().split()
    if len(fields) == 5:
        minute, hour, *days = fields
        if days == ["*", "*", "*"] and (often := _within_a_day(minute, hour)):
            return often
        if (at := _times(minute, hour)) and (on := _days(*days)):
            return f"{on} at {at} {timezone}".rstrip()
    return f"on schedule {expression} {timezone}".rstrip()


def period_in_words(text: str) -> str:
    """Return "every 5 minutes" for `5m`, "every hour" for `1h`."""
    unit = UNITS.get(text[-1:], "second")
    number = text[:-1] if text[-1:] in UNITS else text
    return f"every {unit}" if number == "1" else f"every {number} {unit}s"


def instant_in_words(text: str) -> str:
    """Return "on 31 January 2026 at 06:00 UTC" for ISO 8601, "at" and the text for what is none."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return f"at {text}"
    at = at.astimezone(UTC) if at.tzinfo else at
    return f"on {at.day} {MONTHS[at.month - 1]} {at.year} at {at:%H:%M} UTC"


def _within_a_day(minute: str, hour: str) -> str:
    """Return how often within each day; nothing if that is not regular."""
    if hour == "*":
        if minute in ("*", "*/1"):
            return "every minute"
        if step := _even_step(minute, 60):
            return f"every {step} minutes"
    past = _numbers(minute, ())
    if len(past) != 1:
        return ""
    sharp = "" if past[0] == 0 else f" at minute {past[0]}"
    if hour in ("*", "*/1"):
        return f"every hour{sharp}"
    step = _even_step(hour, 24)
    return f"every {step} hours{sharp}" if step else ""


def _times(minute: str, hour: str) -> str:
    hours, minutes = _numbers(hour, ()), _numbers(minute, ())
    if len(minutes) != 1 or len(hours) > LISTED_MAX:
        return ""
    return _listed([f"{each:02}:{minutes[0]:02}" for each in hours])


def _days(day: str, month: str, weekday: str) -> str:
    match day, month, weekday:
        case "*", "*", "*":
            return "daily"
        case "*", "*", _:
            days = sorted({each % 7 for each in _numbers(weekday, DAYS)})
            if tuple(days) == WEEKDAYS:
                return "on weekdays"
            if tuple(days) == WEEKEND:
                return "on weekends"
            # A week begins on Monday.
            days.sort(key=lambda each: (each - 1) % 7)
            named = _listed([DAYS[each] for each in days]) if len(days) <= LISTED_MAX else ""
            return f"every {named}" if named else ""
        case _, "*", "*":
            listed = _numbers(day, ())
            return (
                f"monthly on the {_listed(list(map(_ordinal, listed)))}"
                if 0 < len(listed) <= LISTED_MAX
                else ""
            )
        case _, _, "*":
            on, months = _numbers(day, ()), _numbers(month, ("", *MONTHS))
            return f"yearly on {on[0]} {MONTHS[months[0] - 1]}" if len(on) == len(months) == 1 else ""
    return ""


def _numbers(field: str, names: tuple[str, ...]) -> list[int]:
    """Return what a field lists; nothing if it has steps, wildcards or letters that are no name."""
    short = {name[:3].lower(): number for number, name in enumerate(names) if name}
    found: list[int] = []
    for item in field.split(","):
        ends = [short.get(end, int(end) if end.isdecimal() else -1) for end in item.split("-")]
        if min(ends) < 0 or len(ends) > 2 or ends[0] > ends[-1]:
            return []
        found += range(ends[0], ends[-1] + 1)
    return sorted(set(found))


def _even_step(field: str, whole: int) -> int:
    """Return n of `*/n` if it divides the whole, so that all steps are alike; 0 if not."""
    span, _, step = field.partition("/")
    even = span == "*" and step.isdecimal() and 1 < int(step) < whole and whole % int(step) == 0
    return int(step) if even else 0


def _ordinal(number: int) -> str:
    ending = "th" if 10 < number < 14 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


def _listed(words: list[str]) -> str:
    """Return "a", "a and b", "a, b and c"; nothing for none."""
    return " and ".join(filter(None, [", ".join(words[:-1]), *words[-1:]]))
