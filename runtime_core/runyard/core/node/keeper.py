"""The fork server: forks a shim for each attempt the engine names. It knows nothing of what shims do.

A process of its own, started by exec, so that no shim inherits the server's lock, port or threads; and a
small one, with everything a shim needs imported, so that a fork is cheap. It serves one engine over one
socket, its standard input: a request is the directory of an attempt, the answer is `STARTED` or why not, sent
by the shim itself. When the engine is gone so is the keeper; shims need neither.
"""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import socket

from . import shim

_REQUEST_BYTES = 4096
"""The longest path Linux knows."""

ANSWER_BYTES = 1024
"""Enough for the text of an OSError; an answer must not be longer than a datagram may be."""

STARTED = b"started"


def main() -> None:
    """Serve until the engine closes its end."""
    engine = socket.socket(fileno=os.dup(0))
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.chdir("/")
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    # The kernel reaps ended shims for us. They stay our children so that somebody does, also in a container
    # whose first process does not.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    gc.disable()  # nothing here makes cycles, and a collection in a shim would copy pages it shares with us
    while request := engine.recv(_REQUEST_BYTES):
        try:
            pid = os.fork()
        except OSError as error:
            engine.send(str(error).encode())
            continue
        if pid == 0:
            _be_shim(engine, os.fsdecode(request))


def _be_shim(engine: socket.socket, directory: str) -> None:
    status = 1
    try:
        os.setsid()
        shim.run(directory, lambda: _answer(engine, STARTED))
        status = 0
    except BaseException as error:
        _answer(engine, f"{type(error).__name__}: {error}".encode())
    finally:
        os._exit(status)


def _answer(engine: socket.socket, text: bytes) -> None:
    """Send the one answer to the request this process was forked for; a second one goes nowhere."""
    with contextlib.suppress(OSError):  # the engine may be gone
        engine.send(text[:ANSWER_BYTES])
    # The engine must see the end of the connection when the keeper ends, not when its last shim does.
    engine.close()
