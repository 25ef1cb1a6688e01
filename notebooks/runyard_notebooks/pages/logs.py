"""The last words of a run that failed: the line of its log that says why."""

from __future__ import annotations

from runyard.core.errors import RunyardError
from runyard_server.client import Client, Run

LOOKED_AT = 40
"""Lines at the end of a log in which the reason is sought: a traceback ends with it, then little follows."""

TRACEBACK = "Traceback (most recent call last)"

CHARACTERS_MAX = 300
"""Of a line that is shown in a list."""


def last_words(client: Client, run: Run) -> str:
    """Return why a run failed: the server's message, else the last line on stderr, else its reason."""
    if run.message:
        return run.message
    try:
        body = client.log_part(run.id, -LOOKED_AT, LOOKED_AT).body
    except RunyardError:  # a run whose log is gone still has a reason
        body = b""
    return last_error_line(body) or run.reason or run.status


def last_error_line(body: bytes) -> str:
    """Return what stderr says last: the error that a traceback ends with, else its last line, else nothing.

    Lines are as in `LogPart.body`.
    """
    said = [
        text.rstrip()
        for stamp, _, text in (line.partition("\t") for line in body.decode("utf-8", "replace").split("\n"))
        if stamp.startswith("E") and text.strip()
    ]
    tracebacks = [number for number, text in enumerate(said) if text.startswith(TRACEBACK)]
    if tracebacks:
        # A message may have further lines; the first that is not indented names the error.
        said = [text for text in said[tracebacks[-1] + 1 :] if not text[0].isspace()][:1]
    return said[-1][:CHARACTERS_MAX] if said else ""
