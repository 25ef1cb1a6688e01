"""The names of `typing` that job-side code needs when it runs; for type checkers they are those of `typing`.

Importing `typing` takes as long as starting Python, so a module that a job's process imports takes these, has the
rest below `if TYPE_CHECKING`, and sets `TYPE_CHECKING = False` itself, which type checkers know to read as true.
"""

from __future__ import annotations

TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import Generic, ParamSpec, TypedDict, TypeVar

    P = ParamSpec("P")
    R = TypeVar("R")
else:
    P = R = object()

    class Generic:
        """A class that takes parameters and forgets them."""

        def __class_getitem__(cls, _parameters):
            return cls

    class TypedDict(dict):
        """A dict whose keys stand in `__annotations__` of the class and of those before it."""

        def __init_subclass__(cls, *, total=True):
            cls.__total__ = total


__all__ = ["Generic", "P", "R", "TypedDict"]
