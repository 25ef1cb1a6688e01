"""Instants and lengths of time as people say them. Only `now_in` reads the clock; all else is given `now`.

`now` is in the time zone of who looks, everything else is aware; so whoever has `now` can say when something is by the
viewer's clocks, and say which clocks these are (TZ-06).
"""

from __future__ import annotations

from datetime import datetime, tzinfo

from runyard_notebooks.fragments import Html, html

MINUTE, HOUR, DAY = 60, 3600, 86400
"""Seconds."""


def now_in(zone: tzinfo) -> datetime:
    """Return the present by the clocks of a zone."""
    return datetime.now(zone)


def clocks_of(now: datetime) -> tzinfo:
    """Return the zone that `now` is in."""
    assert now.tzinfo is not None, "now is in the zone of who looks"
    return now.tzinfo


def zone_of(now: datetime) -> str:
    """Return the name of the zone that `now` is in."""
    return str(now.tzinfo)


def your_time(zone: tzinfo | None) -> str:
    """Return what is said beside times by the viewer's clocks."""
    return f"your time ({zone})"


def same_clocks(at: datetime, now: datetime, theirs: tzinfo) -> bool:
    """Return whether the clocks of a job show the same time at an instant as those of who looks."""
    return at.astimezone(theirs).utcoffset() == at.astimezone(now.tzinfo).utcoffset()


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


def instant(at: datetime, zone: tzinfo | None) -> str:
    """Return an instant in full, as the clocks of a zone show it: "22 Nov 2026, 14:03:07"."""
    at = at.astimezone(zone)
    return f"{at.day} {at:%b %Y, %H:%M:%S}"


def when(at: datetime | None, now: datetime, theirs: tzinfo | None = None) -> Html | None:
    """Return an instant as an element that says it beside now, and in full to whoever points at it.

    In full it is by the viewer's clocks, and by those of the job's zone where they show another time.
    """
    if at is None:
        return None
    full = f"{instant(at, now.tzinfo)} {your_time(now.tzinfo)}"
    if theirs is not None and not same_clocks(at, now, theirs):
        full += f", {instant(at, theirs)} in {theirs}"
    return html(
        '<time datetime="{iso}" title="{full}">{words}</time>',
        iso=at.isoformat(),
        full=full,
        words=relative(at, now),
    )


def window(start: datetime | None, end: datetime | None, theirs: tzinfo) -> str:
    """Return a window of time in the job's zone, which it names; nothing for one without length.

    Days where it begins and ends at midnight there.
    """
    if start is None or end is None or start == end:
        return ""
    ends = [at.astimezone(theirs) for at in (start, end)]
    is_days = not any(at.hour or at.minute or at.second for at in ends)
    form = "%Y-%m-%d" if is_days else "%Y-%m-%d %H:%M:%S"
    return f"{ends[0]:{form}} to {ends[1]:{form}} {theirs}"
