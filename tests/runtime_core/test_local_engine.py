"""The local engine, with real processes and real signals."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.support.attempts import Workbench, python, wait_gone
from tests.support.patience import PATIENCE_SECONDS

from runyard.core import runs
from runyard.core.clock import SystemClock
from runyard.core.engines import AttemptId, AttemptState, AttemptStatus, EngineEvents
from runyard.core.engines import local as local_module
from runyard.core.engines.local import LocalEngine
from runyard.core.errors import Conflict, StartFailed
from runyard.core.node import attempt_dir, linux

GRACE_SECONDS = 1.5
"""Enough for a job on a busy machine to say that it was asked, and short enough to wait for."""


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Workbench]:
    with Workbench(tmp_path) as bench:
        yield bench


# SPEC: RUN-17
def test_a_finished_attempt_leaves_its_lines_and_its_report(bench: Workbench) -> None:
    before = SystemClock().now()
    status, lines = bench.run("import sys\nprint('out')\nprint('err', file=sys.stderr)\nsys.exit(42)")
    after = SystemClock().now()
    assert {(line.stream, line.text) for line in lines} == {("stdout", "out"), ("stderr", "err")}
    assert all(before <= line.at <= after for line in lines)
    assert status.state is AttemptState.EXITED
    report = status.exit
    assert report is not None
    assert (report.exit_code, report.signal, report.stop, report.line_count) == (42, None, None, 2)
    assert before <= report.started_at <= report.ended_at <= after
    assert report.log_bytes > 0
    assert report.peak_memory_bytes > 1_000_000
    assert report.cpu_seconds > 0


def test_a_crash_is_told_apart_from_an_exit_code(bench: Workbench) -> None:
    status, _ = bench.run("import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)")
    assert status.exit is not None
    assert (status.exit.exit_code, status.exit.signal) == (None, signal.SIGSEGV)


def test_a_program_or_directory_that_is_not_there_ends_with_127_and_says_so(bench: Workbench) -> None:
    for command in (
        replace(python("pass"), argv=["/nowhere"]),
        replace(python("pass"), cwd=Path("/nowhere")),
    ):
        status, lines = bench.run(command)
        assert status.exit is not None
        assert status.exit.exit_code == 127
        assert "No such file or directory: '/nowhere'" in lines[0].text


# SPEC: SCH-04
def test_a_job_inherits_nothing_from_the_server(bench: Workbench) -> None:
    with (bench.root / "of the server").open("w") as mine:
        os.set_inheritable(mine.fileno(), True)
        attempt = bench.start(
            "import os, sys, json\n"
            "fds = os.listdir('/proc/self/fd')\n"
            "ignored = [l for l in open('/proc/self/status') if l.startswith(('SigBlk', 'SigIgn'))]\n"
            "leads = os.getsid(0) == os.getpid()\n"
            "print(json.dumps([sorted(fds), os.environ.copy(), sys.stdin.read(), leads, ignored]))"
        )
        bench.wait_end(attempt)
    fds, environment, stdin, leads_its_session, ignored = json.loads(bench.texts(attempt)[0])
    assert fds == ["0", "1", "2", "3", "4"]  # 3 takes a verdict on the run, 4 is the listing itself
    assert environment == {"PATH": "/usr/bin:/bin", "LC_CTYPE": "C.UTF-8"}  # the latter is Python's own
    assert stdin == ""
    assert leads_its_session
    # Python ignores SIGPIPE and SIGXFSZ for itself; nothing else is ignored or blocked. The C library keeps two
    # signals to itself, and whoever started the tests may have ignored those: no program can change that.
    blocked, unheard = (
        {n for n in signal.valid_signals() if int(line.split()[1], 16) >> n - 1 & 1} for line in ignored
    )
    assert (blocked, unheard) == (set(), {signal.SIGPIPE, signal.SIGXFSZ})


def test_secrets_do_not_stay_on_the_disk(bench: Workbench) -> None:
    attempt = bench.start("pass")
    bench.wait_end(attempt)
    assert sorted(path.name for path in bench.directory(attempt).iterdir()) == ["exit.json", "lock", "log"]


# SPEC: SCH-05
def test_of_eight_simultaneous_starts_one_runs(bench: Workbench) -> None:
    attempt, command = bench.attempt(), python("print('once')")
    all_ready = threading.Barrier(8)
    refused: list[Conflict] = []

    def submit() -> None:
        all_ready.wait()
        try:
            bench.engine.submit(attempt, command)
        except Conflict as conflict:
            refused.append(conflict)

    threads = [threading.Thread(target=submit) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    bench.wait_end(attempt)
    assert len(refused) == 7
    assert bench.texts(attempt) == ["once"]


def test_an_ended_attempt_is_never_started_again(bench: Workbench) -> None:
    attempt = bench.start("print('once')")
    bench.wait_end(attempt)
    with pytest.raises(Conflict, match="was started before"):
        bench.engine.submit(attempt, python("print('twice')"))
    assert bench.texts(attempt) == ["once"]


_SERVER = """
import sys, threading
from pathlib import Path
from runyard.core.clock import SystemClock
from runyard.core.engines import AttemptId, Command, EngineEvents
from runyard.core.engines.local import LocalEngine
data_dir, run_id, code = sys.argv[1:]
engine = LocalEngine(Path(data_dir), SystemClock(), EngineEvents())
engine.submit(AttemptId(run_id, 1), Command([sys.executable, "-c", code], {}, Path("/"), None, 30.0))
print("submitted", flush=True)
sys.stdin.read()
"""


# SPEC: SCH-03, SCH-05, LIM-04
def test_the_server_after_a_killed_one_finds_the_job_and_every_line(bench: Workbench) -> None:
    gate, attempt = bench.gate(), bench.attempt()
    code = f"for i in range(2000):\n  print('line', i)\n  if i == 999: {gate.wait}raise SystemExit(42)"
    server = subprocess.Popen(
        [sys.executable, "-c", _SERVER, str(bench.data_dir), attempt.run_id, code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={"PYTHONPATH": str(Path(local_module.__file__).parents[3])},
    )
    assert server.stdin is not None
    assert server.stdout is not None
    with server.stdin, server.stdout:
        assert server.stdout.readline() == b"submitted\n"
        server.kill()
        server.wait()
    status = bench.engine.watch(attempt)
    assert status.state is AttemptState.RUNNING
    assert bench.engine.list() == [attempt]
    gate.open()
    status = bench.wait_end(attempt)
    assert status.exit is not None
    assert (status.exit.exit_code, status.exit.line_count) == (42, 2000)
    assert bench.texts(attempt) == [f"line {i}" for i in range(2000)]
    assert [line.number for line in bench.lines(attempt)] == list(range(2000))


# SPEC: SCH-04
def test_a_closed_engine_leaves_its_jobs_running(bench: Workbench) -> None:
    gate = bench.gate()
    attempt = bench.start(f"print('up')\n{gate.wait}print('still here')")
    bench.engine.close()
    bench.open()
    assert bench.engine.watch(attempt).state is AttemptState.RUNNING
    gate.open()
    bench.wait_end(attempt)
    assert bench.texts(attempt) == ["up", "still here"]


# SPEC: SCH-04
def test_a_killed_keeper_touches_no_job_and_is_replaced(bench: Workbench) -> None:
    gate = bench.gate()
    old = bench.start(f"{gate.wait}print('unharmed')")
    first_keeper = bench.keeper_pid()
    pidfd = os.pidfd_open(first_keeper)
    os.kill(first_keeper, signal.SIGKILL)
    wait_gone(pidfd)
    status, lines = bench.run("print('new')")
    assert status.state is AttemptState.EXITED
    assert [line.text for line in lines] == ["new"]
    assert bench.keeper_pid() != first_keeper
    gate.open()
    bench.wait_end(old)
    assert bench.texts(old) == ["unharmed"]


# SPEC: SCH-05
def test_a_keeper_that_does_not_answer_starts_nothing_later(
    bench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.run("pass")
    os.kill(bench.keeper_pid(), signal.SIGSTOP)
    monkeypatch.setattr(local_module, "_START_SECONDS", 0.2)
    attempt = bench.attempt()
    with pytest.raises(StartFailed):
        bench.engine.submit(attempt, python("pass"))
    monkeypatch.undo()
    with pytest.raises(Conflict):
        bench.engine.submit(attempt, python("pass"))
    assert bench.engine.status(attempt).state is AttemptState.LOST
    assert bench.run("print('next')")[1][0].text == "next"


# SPEC: SCH-03
def test_a_killed_shim_takes_its_job_along_and_the_attempt_is_lost(bench: Workbench) -> None:
    attempt = bench.start("import os, time\nprint(os.getpid())\ntime.sleep(600)")
    shim = bench.shim_pid(attempt)
    (job,) = linux.descendants(shim)
    pidfd = os.pidfd_open(job)
    os.kill(shim, signal.SIGKILL)
    wait_gone(pidfd)
    assert bench.wait_end(attempt).state is AttemptState.LOST
    assert bench.engine.watch(attempt).state is AttemptState.LOST
    assert bench.engine.list() == []


# SPEC: RUN-11, EXE-03
def test_a_job_that_ignores_the_request_to_stop_is_killed_with_all_it_started(bench: Workbench) -> None:
    attempt = bench.start(
        "import os, signal, time\n"
        "signal.signal(signal.SIGTERM, lambda *_: print('asked'))\n"
        "if os.fork() == 0:\n"
        "  os.setsid()\n"
        "  if os.fork() == 0:\n"
        "    signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "    print('daemon', os.getpid())\n"
        "    print('up')\n"
        "    time.sleep(600)\n"
        "  os._exit(0)\n"
        "while True: time.sleep(600)",
        grace_seconds=GRACE_SECONDS,
    )
    bench.wait_line(attempt, "up")
    daemon = os.pidfd_open(int(bench.texts(attempt)[0].removeprefix("daemon ")))
    bench.engine.cancel(attempt)
    status = bench.wait_end(attempt)
    wait_gone(daemon)
    assert status.exit is not None
    assert (status.exit.signal, status.exit.stop) == (signal.SIGKILL, "cancelled")
    assert status.exit.ended_at - status.exit.started_at < PATIENCE_SECONDS * 1_000_000
    assert bench.texts(attempt)[-1] == "asked"
    assert bench.texts(attempt, "other") == [
        f"cancelled: asked the job to stop, {GRACE_SECONDS} s until it is killed",
        "killed the job",
    ]


def test_a_forced_cancel_does_not_wait_for_the_grace_period(bench: Workbench) -> None:
    attempt = bench.start(
        "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint('up')\nsignal.pause()"
    )
    bench.wait_line(attempt, "up")
    bench.engine.cancel(attempt)
    bench.engine.cancel(attempt, force=True)
    status = bench.wait_end(attempt)
    assert status.exit is not None
    assert (status.exit.signal, status.exit.stop) == (signal.SIGKILL, "cancelled")


# SPEC: EXE-06
def test_a_job_that_exits_well_after_being_asked_still_counts_as_cancelled(bench: Workbench) -> None:
    attempt = bench.start(
        "import signal, sys\n"
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))\n"
        "print('up')\n"
        "signal.pause()"
    )
    bench.wait_line(attempt, "up")
    bench.engine.cancel(attempt)
    report = bench.wait_end(attempt).exit
    assert report is not None
    assert report.exit_code == 0
    assert runs.ending(exit_code=report.exit_code, signal=report.signal, stop=report.stop) == (
        runs.RunStatus.CANCELLED,
        runs.Reason.USER_CANCEL,
    )


# SPEC: EXE-03, EXE-04
def test_a_timeout_holds_while_nobody_watches(bench: Workbench) -> None:
    attempt = bench.start("import signal\nsignal.pause()", timeout_seconds=0.3)
    bench.engine.close()
    bench.wait_released(attempt)
    bench.open()
    report = bench.engine.watch(attempt).exit
    assert report is not None
    assert (report.signal, report.stop) == (signal.SIGTERM, "timeout")
    assert runs.ending(exit_code=None, signal=report.signal, stop=report.stop) == (
        runs.RunStatus.FAILED,
        runs.Reason.TIMEOUT,
    )


def test_what_a_job_leaves_behind_does_not_hold_its_end(bench: Workbench) -> None:
    attempt = bench.start(
        "import os, signal\nchild = os.fork()\nif child == 0: signal.pause()\nprint(child)\nprint('bye')"
    )
    report = bench.wait_end(attempt).exit
    assert report is not None
    assert (report.exit_code, report.stop) == (0, None)
    child, farewell = bench.texts(attempt)
    assert farewell == "bye"
    assert not Path(f"/proc/{child}").exists()


# SPEC: LIM-04
def test_lines_whose_datagram_was_lost_are_seen_within_a_second(bench: Workbench) -> None:
    (bench.data_dir / "sockets" / "notify").unlink()
    gate = bench.gate()
    attempt = bench.start(f"print('unheard')\n{gate.wait}")
    bench.wait_line(attempt, "unheard")
    gate.open()
    bench.wait_end(attempt)


def test_a_long_data_directory_is_no_obstacle_for_sockets(tmp_path: Path) -> None:
    root = tmp_path / ("long" * 30)
    root.mkdir()
    with Workbench(root) as bench:
        attempt = bench.start(f"print('heard')\n{bench.gate().wait}")
        bench.wait_line(attempt, "heard")


# SPEC: SCH-05
def test_a_later_process_with_the_number_of_a_shim_is_never_signalled(bench: Workbench) -> None:
    bystander = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        attempt = bench.attempt()
        bench.directory(attempt).mkdir(parents=True)
        ticks = linux.start_ticks(bystander.pid)
        holder = attempt_dir.Holder(
            pid=bystander.pid, start_ticks=ticks - 1, boot_id=linux.boot_id(), started_at=1
        )
        with (bench.directory(attempt) / "lock").open("w") as lock:
            lock.write(json.dumps(holder))
            lock.flush()
            fcntl.flock(lock, fcntl.LOCK_EX)
            bench.engine.cancel(attempt, force=True)
            assert bench.engine.watch(attempt).state is AttemptState.LOST
        bystander.communicate(b"\n", PATIENCE_SECONDS)
        assert bystander.returncode == 0
    finally:
        bystander.kill()


def test_an_attempt_that_was_never_started_is_absent_and_can_be(bench: Workbench) -> None:
    attempt = bench.attempt()
    assert bench.engine.status(attempt).state is AttemptState.ABSENT
    bench.engine.cancel(attempt)
    bench.directory(attempt).mkdir(parents=True)
    (bench.directory(attempt) / "spec.json").write_text("of a server killed before it could ask the keeper")
    assert bench.engine.watch(attempt).state is AttemptState.ABSENT
    bench.engine.submit(attempt, python("print('now')"))
    bench.wait_end(attempt)
    assert bench.texts(attempt) == ["now"]


def test_a_lock_that_a_power_failure_emptied_is_a_lost_attempt(bench: Workbench) -> None:
    attempt = bench.attempt()
    bench.directory(attempt).mkdir(parents=True)
    (bench.directory(attempt) / "lock").touch()
    assert bench.engine.watch(attempt) == AttemptStatus(AttemptState.LOST)


def test_a_directory_that_cannot_be_written_is_a_failed_start(bench: Workbench) -> None:
    attempt = bench.attempt()
    bench.directory(attempt).parent.write_text("in the way")
    with pytest.raises(StartFailed, match="could not be started"):
        bench.engine.submit(attempt, python("pass"))


def test_a_listener_that_fails_does_not_stop_the_watching(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ended = threading.Semaphore(0)

    def fail(_attempt: AttemptId) -> None:
        ended.release()
        raise RuntimeError("of the listener")

    engine = LocalEngine(tmp_path / "data", SystemClock(), EngineEvents(ended=fail))
    try:
        for number in (1, 2):
            engine.submit(AttemptId("run", number), python("pass"))
            assert ended.acquire(timeout=PATIENCE_SECONDS)
    finally:
        engine.close()
    assert "of the listener" in caplog.text


# SPEC: RUN-11
def test_a_job_that_is_asked_to_stop_the_moment_it_starts_hears_it(bench: Workbench) -> None:
    """The wish must reach the program, not the shim's copy of itself that is about to become the program."""
    gate = bench.gate()
    for _ in range(30):
        attempt = bench.attempt()
        bench.engine.submit(attempt, python(gate.wait))
        bench.engine.cancel(attempt)
        report = bench.wait_end(attempt).exit
        assert report is not None
        assert (report.stop, report.signal) == ("cancelled", signal.SIGTERM)
