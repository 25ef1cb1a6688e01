"""runyard: run Python data jobs and notebooks on your own machine or cluster.

A job file says `from runyard import run, trigger` and needs nothing but the standard library. Names are
imported when they are first used, so that importing this package costs next to nothing.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from runyard import run, trigger

__all__ = ["run", "trigger"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        from importlib import import_module

        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
