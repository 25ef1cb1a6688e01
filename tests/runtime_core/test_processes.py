from __future__ import annotations

import os
import select
import signal
import sys
import threading
from pathlib import Path

import pytest
from tests.support.patience import PATIENCE_SECONDS

from runyard.core.errors import StartFailed
from runyard.core.processes import OUTPUT_BYTES_MAX, Completed, SystemProcesses


def python(
    code: str, cwd: Path, *, timeout_seconds: float = PATIENCE_SECONDS, lines: list[str] | None = None
) -> Completed:
    return SystemProcesses().run(
        [sys.executable, "-c", code],
        cwd=cwd,
        env={"WORD": "told"},
        timeout_seconds=timeout_seconds,
        on_line=lines.append if lines is not None else None,
    )


def test_both_streams_the_exit_code_and_only_the_given_environment_come_back(tmp_path: Path) -> None:
    code = "import os, sys; print(os.environ['WORD'], 'HOME' in os.environ); sys.exit('no')"
    assert python(code, tmp_path) == Completed(1, "told False\n", "no\n")


def test_lines_are_handed_on_as_they_come_the_last_one_without_newline_too(tmp_path: Path) -> None:
    lines: list[str] = []
    python("print('one\\ntwo'); print('three', end='')", tmp_path, lines=lines)
    assert lines == ["one", "two", "three"]


def test_a_helper_past_its_time_is_stopped_even_if_it_ignores_being_asked(tmp_path: Path) -> None:
    # Ignored from before its first instruction on: the helper may not have come to one when its time is over.
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        result = python("import signal\nwhile True: signal.pause()", tmp_path, timeout_seconds=0.3)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert (result.timed_out, result.returncode) == (True, -9)


def test_nothing_of_a_helper_is_left_when_it_has_ended(tmp_path: Path) -> None:
    code = "import subprocess; print(subprocess.Popen(['sleep', '60']).pid)"
    result = python(code, tmp_path)
    assert result.returncode == 0
    assert not result.timed_out
    try:
        child = os.pidfd_open(int(result.stdout))
    except ProcessLookupError:
        return
    try:
        # It was killed; the kernel may still be at it.
        assert select.select([child], [], [], PATIENCE_SECONDS)[0]
    finally:
        os.close(child)


def test_output_beyond_its_bound_is_dropped_and_the_helper_still_ends(tmp_path: Path) -> None:
    result = python(f"print('x' * {OUTPUT_BYTES_MAX + 1000})", tmp_path)
    assert (result.returncode, len(result.stdout)) == (0, OUTPUT_BYTES_MAX)


def test_a_program_that_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(StartFailed, match="no-such-program"):
        SystemProcesses().run(["no-such-program"], cwd=tmp_path, env=dict(os.environ), timeout_seconds=1)


def test_closing_ends_what_runs_and_everything_after_it(tmp_path: Path) -> None:
    processes = SystemProcesses()
    started = threading.Event()
    ended: list[Completed] = []

    def run() -> None:
        command = [sys.executable, "-c", "print('up', flush=True); import time; time.sleep(600)"]
        ended.append(
            processes.run(command, cwd=tmp_path, env={}, timeout_seconds=600, on_line=lambda _: started.set())
        )

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    assert started.wait(PATIENCE_SECONDS)
    processes.close()
    thread.join(PATIENCE_SECONDS)
    assert [completed.returncode for completed in ended] == [-15]
    run()
    assert ended[-1].returncode == -15
