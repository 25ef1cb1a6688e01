"""Instants, windows and changes of clocks as people say them, in a zone that is given. Pure texts.

Whoever shows one names the zone beside it (TZ-06). What a trigger is called is in `schedule_words`.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)")
"""How our sentences name instants; whoever shows one puts it into the reader's words."""


def zone_called(name: str) -> ZoneInfo:
    """Return a time zone by its IANA name; UTC for a name that this machine does not know."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return ZoneInfo("UTC")


def moment(at: datetime, zone: tzinfo, now: datetime) -> str:
    """Return "Sun 29 Mar 03:00", with the year if it is another than now."""
    at, now = at.astimezone(zone), now.astimezone(zone)
    year = f" {at.year}" if at.year != now.year else ""
    return f"{at:%a} {at.day} {at:%b}{year} {_clock(at)}"


def window(start: datetime, end: datetime, zone: tzinfo) -> str:
    """Return a window as "28 Mar", "28 Mar 02:00 to 03:00" or with both ends in full; "-" for one without length."""
    start, end = start.astimezone(zone), end.astimezone(zone)
    if start == end:
        return "-"
    if not (_has_clock(start) or _has_clock(end)):
        last = end - timedelta(days=1)
        return _day(start) if start.date() == last.date() else f"{_day(start)} to {_day(last)}"
    last_day = "" if start.date() == end.date() else f"{_day(end)} "
    return f"{_day(start)} {_clock(start)} to {last_day}{_clock(end)}"


def in_words(sentence: str, zone: tzinfo, now: datetime) -> str:
    """Return a sentence of the server with its instants as the reader's clocks show them."""
    return _INSTANT.sub(lambda found: moment(datetime.fromisoformat(found[0]), zone, now), sentence)


def span(seconds: float) -> str:
    """Return a change of clocks: "1 h", "30 min"."""
    hours, minutes = divmod(round(abs(seconds)) // 60, 60)
    return " ".join([*([f"{hours} h"] if hours else []), *([f"{minutes} min"] if minutes else [])])


def _day(at: datetime) -> str:
    return f"{at.day} {at:%b}"


def _clock(at: datetime) -> str:
    return f"{at:%H:%M:%S}" if at.second else f"{at:%H:%M}"


def _has_clock(at: datetime) -> bool:
    return bool(at.hour or at.minute or at.second)
