"""How a job ends its own run without failing: `raise run.Abort("why")` or `raise run.Skip("why")`.

Here is what they are. The launcher catches them (`launchers.invocation`) and hands the verdict to the supervisor
through a file in memory that is there for nothing else: no exit code of a program is ever mistaken for one.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import ClassVar

VERDICT_FD = "RUNYARD_VERDICT_FD"
"""The variable that tells a launcher the descriptor of the file."""

MESSAGE_BYTES = 600
"""What is kept of a message: a few lines. It stands in the exit report, for which there is room on a full disk."""


class Verdict(BaseException):
    """A job's own word on its run. No `Exception`: code that goes on after any error does not go on after this."""

    reason: ClassVar[str]
    """One of `runs.Reason`."""
    word: ClassVar[str]

    def __init__(self, why: str = "") -> None:
        self.why = " ".join(str(why).split())
        super().__init__(self.why)

    @property
    def line(self) -> str:
        """Return what the log says of it."""
        return f"{self.word}: {self.why}" if self.why else self.word

    @property
    def report(self) -> bytes:
        """Return what the supervisor is told: the reason, a newline, the message."""
        why = self.why.encode(errors="replace")[:MESSAGE_BYTES]
        return self.reason.encode() + b"\n" + why


class Abort(Verdict):
    """Ends the run as cancelled, reason `aborted`: it must not go on. Nothing follows, and it is not tried again."""

    reason = "aborted"
    word = "Aborted"


class Skip(Verdict):
    """Ends the run as cancelled, reason `self_skip`: there is nothing to do. Nothing follows."""

    reason = "self_skip"
    word = "Skipped"


def verdict_in(error: BaseException) -> Verdict | None:
    """Return the verdict that an exception is, or the first of a group of tasks that ended with nothing else."""
    if isinstance(error, BaseExceptionGroup):
        said, others = error.split(Verdict)
        first: BaseException | None = said
        while isinstance(first, BaseExceptionGroup):
            first = first.exceptions[0]
        return first if isinstance(first, Verdict) and others is None else None
    return error if isinstance(error, Verdict) else None
