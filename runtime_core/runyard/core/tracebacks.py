"""Tracebacks as the author of a job wants them: from the first line of their own code on."""

from __future__ import annotations

from runyard.core.errors import RunyardError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType

_MACHINERY = ("<frozen ", "<string>")
_OURS = __file__.rpartition("/core/")[0] + "/"
_FILES = ("/importlib/__init__.py", "/runpy.py", "/asyncio/runners.py", "/asyncio/base_events.py")


def from_user_code(error: BaseException) -> TracebackType | None:
    """Return the traceback without what led into the user's code; None if the error comes from before it."""
    step = error.__traceback__
    while step is not None and _is_machinery(step.tb_frame.f_code.co_filename):
        step = step.tb_next
    return step


def without_ours(error: BaseException) -> str:
    """Return the traceback of an error without what is ours in it, before the user's code and after it.

    Of an error of ours only the places: its cause is a sentence, which is shown beside it.
    """
    from traceback import StackSummary, TracebackException  # no job needs it that ends well

    told = TracebackException.from_exception(error)
    chain = [told]
    for one in chain:
        one.stack = StackSummary.from_list([step for step in one.stack if not _is_machinery(step.filename)])
        chain += [each for each in (one.__cause__, one.__context__) if each is not None]
    return "".join(told.stack.format() if isinstance(error, RunyardError) else told.format())


def _is_machinery(file: str) -> bool:
    return file.startswith((*_MACHINERY, _OURS)) or file.endswith(_FILES)
