"""The last words of a run that failed, where only a line of it is shown."""

from __future__ import annotations

from runyard.core.causes import last_error, read_lines
from runyard.core.errors import RunyardError
from runyard_server.client import Client, Run

LOOKED_AT = 40
"""Lines at the end of a log in which the reason is sought: a traceback ends with it, then little follows."""


def last_words(client: Client, run: Run) -> str:
    """Return why a run failed: the server's message, else the error on stderr, else its reason."""
    if run.message:
        return run.message
    try:
        lines = read_lines(client.log_part(run.id, -LOOKED_AT, LOOKED_AT).body)
    except RunyardError:  # a run whose log is gone still has a reason
        lines = []
    return last_error(lines) or run.reason or run.status
