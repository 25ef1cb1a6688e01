"""Whose clocks to read: the zone of who looks, beside which that of the job stands (TZ-06). Words: `time_words`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import UTC, datetime, time, tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo

LOCAL_ZONE = Path("/etc/localtime")
"""Leads into the time zone database, to the zone of this machine."""

ZONES = "/zoneinfo/"

_UTC_NAMES = frozenset({"UTC", "Etc/UTC", "Etc/UCT", "UCT", "Zulu", "Etc/Zulu", "Etc/Universal", "Universal"})


def viewer_zone(env: Mapping[str, str] = os.environ) -> ZoneInfo:
    """Return the zone of who looks: that of `TZ`, else that of this machine, else UTC."""
    names = [env.get("TZ", "").lstrip(":")]
    if LOCAL_ZONE.is_symlink():
        names.append(str(LOCAL_ZONE.resolve()).rpartition(ZONES)[2])
    for name in names:
        try:
            return ZoneInfo("UTC" if name in _UTC_NAMES else name)
        except (KeyError, ValueError, OSError):
            continue
    return ZoneInfo("UTC")


def same_zone(one: str, other: str) -> bool:
    """Return whether two names mean one zone."""
    return one == other or {one, other} <= _UTC_NAMES


def dates(start: datetime, end: datetime, zone: tzinfo) -> str:
    """Return a window as two dates if it is of whole days in a zone, else with minutes, or seconds if it needs them."""
    ends = [at.astimezone(zone) for at in (start, end)]
    if all(at.time() == time.min for at in ends):
        written = "%Y-%m-%d"
    elif all(at.second == at.microsecond == 0 for at in ends):
        written = "%Y-%m-%d %H:%M"
    else:
        written = "%Y-%m-%d %H:%M:%S"
    return " to ".join(at.strftime(written) for at in ends)


def now() -> datetime:
    return datetime.now(UTC)
