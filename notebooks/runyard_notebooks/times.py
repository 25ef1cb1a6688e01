"""Instants and lengths of time as people say them. Pure: `now` is given, everything is aware and UTC."""

from __future__ import annotations

from datetime import datetime

from runyard_notebooks.fragments import Html, html

MINUTE, HOUR, DAY = 60, 3600, 86400
"""Seconds."""


def duration(seconds: float) -> str:
    """Return a length of time in its two largest units: "4.2 s", "3 m 05 s", "2 h 10 m", "3 d 4 h"."""
    whole = int(max(seconds, 0))
    if seconds < 10:
        return f"{max(seconds, 0):.1f} s"
    if whole < MINUTE:
        return f"{whole} s"
    if whole < HOUR:
        return f"{whole // MINUTE} m {whole % MINUTE:02} s"
    if whole < DAY:
        return f"{whole // HOUR} h {whole % HOUR // MINUTE:02} m"
    return f"{whole // DAY} d {whole % DAY // HOUR} h"


def relative(at: datetime, now: datetime) -> str:
    """Return an instant beside now in one unit: "just now", "5 min ago", "in 3 h", "12 d ago"."""
    seconds = (at - now).total_seconds()
    length = int(abs(seconds))
    if length < MINUTE:
        return "in a moment" if seconds > 0 else "just now"
    size, unit = (MINUTE, "min") if length < HOUR else (HOUR, "h") if length < DAY else (DAY, "d")
    words = f"{length // size} {unit}"
    return f"in {words}" if seconds > 0 else f"{words} ago"


def instant(at: datetime) -> str:
    """Return an instant in full: "22 Nov 2026, 14:03:07 UTC"."""
    return f"{at.day} {at:%b %Y, %H:%M:%S} UTC"


def when(at: datetime | None, now: datetime) -> Html | None:
    """Return an instant as an element that says it beside now, and in full to whoever points at it."""
    if at is None:
        return None
    return html(
        '<time datetime="{iso}" title="{full}">{words}</time>',
        iso=at.isoformat(),
        full=instant(at),
        words=relative(at, now),
    )


def window(start: datetime | None, end: datetime | None) -> str:
    """Return a window of time, days where it begins and ends at midnight UTC; nothing for one without length."""
    if start is None or end is None or start == end:
        return ""
    is_days = not any(at.hour or at.minute or at.second for at in (start, end))
    form = "%Y-%m-%d" if is_days else "%Y-%m-%d %H:%M:%S"
    return f"{start:{form}} to {end:{form}} UTC"
