from __future__ import annotations

import socket
import threading

import pytest

from runyard.core import health
from runyard.core.clock import SystemClock


class HurriedClock(SystemClock):
    """Lets the limit pass while it waits for the first time."""

    def __init__(self) -> None:
        self.elapsed_seconds = 0.0

    def monotonic(self) -> float:
        return self.elapsed_seconds

    def wait(self, event: threading.Event, timeout_seconds: float | None) -> bool:
        self.elapsed_seconds += health.START_LIMIT_SECONDS + (timeout_seconds or 0.0)
        return event.is_set()


def test_an_app_that_never_answers_is_given_up_after_the_limit() -> None:
    clock = HurriedClock()
    with socket.socket() as taken:
        taken.bind((health.LOOPBACK, 0))  # and does not listen, nor can anybody else
        assert not health.until_it_answers(taken.getsockname()[1], lambda: False, clock)
    assert clock.elapsed_seconds > health.START_LIMIT_SECONDS


def test_an_app_that_is_gone_is_not_asked() -> None:
    assert not health.until_it_answers(health.free_port(), lambda: True, SystemClock())


@pytest.mark.parametrize(("said", "counts"), [(b"HTTP/1.1 500 No\r\n\r\n", True), (b"220 mail\r\n", False)])
def test_any_answer_counts_if_it_is_http(said: bytes, counts: bool) -> None:
    with socket.create_server((health.LOOPBACK, 0)) as server:

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(said)

        thread = threading.Thread(target=answer)
        thread.start()
        assert health.answers(server.getsockname()[1]) is counts
        thread.join()
