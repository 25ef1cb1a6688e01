"""What is said before a run's process starts: the words of whatever builds its environment, and why it could not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from runyard.core.engines import AttemptId
from runyard.core.errors import RunyardError
from runyard.core.logs import make_room
from runyard.core.node.attempt_dir import INDEX, LOG
from runyard.core.node.attempt_log import SHIM, STDOUT, AttemptLog

BUILD_LOG_LIMIT_BYTES = 16 * 1024 * 1024
"""What is kept of an installer's words per run: a verbose build of hundreds of packages stays far below."""


class BuildLog:
    """Keeps what is said, as the log of attempt 0, which readers see first (DGR-06).

    What is said before a later attempt begins the log of that one, as words of the runner.
    """

    def __init__(
        self, directory: Callable[[AttemptId], Path], grew: Callable[[AttemptId], None], attempt: AttemptId
    ) -> None:
        is_first = attempt.number == 1
        self._attempt, self._grew = AttemptId(attempt.run_id, 0) if is_first else attempt, grew
        self._stream = STDOUT if is_first else SHIM
        path = directory(self._attempt)
        make_room(path)
        # A server that was killed while building left half a log; its numbering would begin twice.
        for name in (LOG, INDEX):
            (path / name).unlink(missing_ok=True)
        self._log = AttemptLog(str(path), BUILD_LOG_LIMIT_BYTES)

    def __enter__(self) -> Callable[[str], None]:
        return self._say

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, RunyardError):
            # Its reasons are the builder's own words, which stand above already.
            for words in (error.cause, error.remedy):
                self._say(words)
        self._log.close()

    def _say(self, line: str) -> None:
        self._log.write(self._stream, [line.rstrip("\n").encode()])
        self._grew(self._attempt)
