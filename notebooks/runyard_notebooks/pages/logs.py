"""The last words of a run that failed: what its log says of why."""

from __future__ import annotations

from itertools import dropwhile, islice

from runyard.core.errors import RunyardError
from runyard_server.client import Client, Run

LOOKED_AT = 40
"""Lines at the end of a log in which the reason is sought: a traceback ends with it, then little follows."""

TRACEBACK = "Traceback (most recent call last)"

LINES_MAX = 8
"""Of an error's message: what was wrong, not all rows that were."""

CHARACTERS_MAX = 800
"""Of what is shown in a list."""


def last_words(client: Client, run: Run) -> str:
    """Return why a run failed: the server's message, else the error on stderr, else its reason."""
    if run.message:
        return run.message
    try:
        body = client.log_part(run.id, -LOOKED_AT, LOOKED_AT).body
    except RunyardError:  # a run whose log is gone still has a reason
        body = b""
    return last_error(body) or run.reason or run.status


def last_error(body: bytes) -> str:
    """Return what stderr says last: the error that a traceback ends with, else its last line, else nothing.

    `body` is as in `LogPart.body`; a message of several lines has line ends.
    """
    said = [
        text.rstrip()
        for stamp, _, text in (line.partition("\t") for line in body.decode("utf-8", "replace").split("\n"))
        if stamp.startswith("E") and text.strip()
    ]
    tracebacks = [number for number, text in enumerate(said) if text.startswith(TRACEBACK)]
    if tracebacks:
        # The first line that is not indented names the error, and its message may have further ones.
        error = dropwhile(lambda text: text[0].isspace(), said[tracebacks[-1] + 1 :])
        said = list(islice(error, LINES_MAX))
    else:
        said = said[-1:]
    return "\n".join(said)[:CHARACTERS_MAX]
