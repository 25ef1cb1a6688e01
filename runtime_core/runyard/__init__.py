"""runyard: run Python data jobs and notebooks on your own machine or cluster.

A job file says `from runyard import run, trigger` and needs nothing but the standard library; a program that
speaks to a server says `from runyard import Client`, which needs the packages of the base install; a notebook says
`from runyard.widgets import LogTail`. Names are imported when they are first used, so that importing this package
costs next to nothing.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from runyard import run, trigger, widgets

__all__ = ["Client", "run", "trigger", "widgets"]


def __getattr__(name: str) -> Any:
    if name == "Client":
        return __import__("runyard_server.client", fromlist=[name]).Client
    if name in __all__:
        __import__(f"{__name__}.{name}")
        return globals()[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
