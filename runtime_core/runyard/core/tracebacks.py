"""Tracebacks as the author of a job wants them: from the first line of their own code on."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType

_MACHINERY = ("<frozen ", "<string>")
_OURS = __file__.rpartition("/core/")[0] + "/"
_FILES = ("/importlib/__init__.py", "/runpy.py", "/asyncio/runners.py", "/asyncio/base_events.py")


def from_user_code(error: BaseException) -> TracebackType | None:
    """Return the traceback without what led into the user's code; None if the error comes from before it."""
    step = error.__traceback__
    while step is not None:
        file = step.tb_frame.f_code.co_filename
        if not file.startswith((*_MACHINERY, _OURS)) and not file.endswith(_FILES):
            break
        step = step.tb_next
    return step
