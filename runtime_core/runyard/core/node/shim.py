"""Owns one attempt: starts its process, writes its log, enforces its limits, reports its end.

A shim depends on nobody: the server and the keeper may come and go. If the shim itself is killed, the job is
killed with it and the attempt is lost; so no job runs unsupervised. To the shim, SIGTERM means: stop the job
politely, then firmly. SIGQUIT means: kill it now.
"""

from __future__ import annotations

import fcntl
import math
import os
import resource
import select
import signal
import time
import traceback
from collections.abc import Callable
from typing import Any, NoReturn

from . import attempt_dir, linux
from .attempt_log import STDERR, STDOUT, AttemptLog
from .notifier import Notifier
from .output_pipe import OutputPipe, widen_pipe

CANNOT_START = 127
"""Exit code of a job whose program could not be executed, as in a shell."""

_LEFTOVER_SECONDS = 0.5
"""How long processes that a job leaves behind have between being asked to stop and being killed."""

_KILL_AGAIN_SECONDS = 0.1
"""Between two rounds of killing: a process may have been forked during the first one."""

_GIVE_UP_SECONDS = 5.0
"""How long the end of an ended job is put off for leftovers that no kill ends (a hanging disk)."""

_PATIENCE_MAX_SECONDS = 86400.0
"""Longest wait at once: the kernel takes none above 24 days, and a look each day costs nothing."""

VERDICT = 3
"""The descriptor on which a job's launcher may say how the run ends; content: a reason, a newline, a message."""

_VERDICT_BYTES = 1024
"""Size of the file behind it, which cannot grow: a reason and a short message."""

_DEFAULTED = tuple(signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP})
_HEARD = (signal.SIGTERM, signal.SIGQUIT, signal.SIGCHLD)
_UNHEARD = (signal.SIGHUP, signal.SIGINT, signal.SIGPIPE, signal.SIGXFSZ)


def run(directory: str, started: Callable[[], None]) -> None:
    """Run the attempt to its end; call `started` once it runs.

    Raises: FileExistsError if it was started before; another OSError if there is not what it takes to start,
    and unless the attempt's lock is there by then, it may be started again later.
    """
    spec: attempt_dir.Spec | None = attempt_dir.read_json(directory, attempt_dir.SPEC)
    if spec is None:
        raise FileNotFoundError(f"{directory}/{attempt_dir.SPEC}")
    log = AttemptLog(directory, spec["log_limit_bytes"])
    notifier = Notifier(spec["notify"], spec["attempt"])
    linux.adopt_orphans()
    signals = _listen_to_signals()
    # From here on the attempt counts as started; whoever sees the lock may send us signals.
    attempt_dir.claim(directory)  # never closed: it is held until this process ends, however it ends
    try:
        os.unlink(f"{directory}/{attempt_dir.SPEC}")  # noqa: PTH108 - no pathlib here
        exit_file = attempt_dir.ExitFile(directory)
        shim = Shim(spec, log, notifier, signals)
        shim.start()
        started()
        shim.supervise()
        log.sync()
        exit_file.publish(shim.report())
    except Exception:
        for line in traceback.format_exc().splitlines():
            log.say(line)
        raise


def _listen_to_signals() -> int:
    """Return a descriptor from which the numbers of arriving signals can be read."""
    reader, writer = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
    for number in _HEARD:
        signal.signal(number, lambda _number, _frame: None)
    for number in _UNHEARD:
        signal.signal(number, signal.SIG_IGN)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    return reader


class Shim:
    """One job process and everything that descends from it. Instants of deadlines are monotonic seconds."""

    def __init__(self, spec: attempt_dir.Spec, log: AttemptLog, notifier: Notifier, signals: int) -> None:
        self._spec = spec
        self._log = log
        self._notifier = notifier
        self._signals = signals
        self._pipes: dict[int, OutputPipe] = {}
        self._poll = select.poll()
        self._poll.register(signals, select.POLLIN)
        self._has_children = True
        self._exit: tuple[int, resource.struct_rusage] | None = None
        self._stop: str | None = None
        self._timeout_at: float | None = None
        self._kill_at: float | None = None
        self._give_up_at = math.inf

    def start(self) -> None:
        """Start the job."""
        number = self._spec["attempt"].rpartition(".")[2]
        if number != "1":
            self._log.say(f"attempt {number}")
        outputs = {stream: os.pipe2(os.O_CLOEXEC) for stream in (STDOUT, STDERR)}
        parent = os.getpid()
        self._started_at = time.time_ns() // 1000
        # Until the job has default signals it would take a wish to stop as a shim does, and forget it at exec.
        signal.pthread_sigmask(signal.SIG_BLOCK, _HEARD)
        self._verdict = _verdict_file()
        self._job = os.fork()
        if self._job == 0:
            _become_job(self._spec, parent, outputs[STDOUT][1], outputs[STDERR][1], self._verdict)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _HEARD)
        if self._spec["timeout_seconds"] is not None:
            self._timeout_at = time.monotonic() + self._spec["timeout_seconds"]
        for stream, (reader, writer) in outputs.items():
            os.close(writer)
            widen_pipe(reader)
            self._pipes[reader] = OutputPipe(reader, stream, self._log)
            self._poll.register(reader, select.POLLIN)

    def supervise(self) -> None:
        """Return when the job and all it started have ended and everything they printed is in the log."""
        while not self._is_over():
            ready = self._poll.poll(self._patience_milliseconds())
            now = time.monotonic()
            for descriptor, _event in ready:
                if descriptor == self._signals:
                    self._take_signals(now)
                else:
                    self._take_output(descriptor, now)
            self._flush_late_output(now)
            self._stop_when_due(now)
            self._notifier.send_due(now)
        for pipe in self._pipes.values():
            pipe.finish()

    def report(self) -> dict[str, Any]:
        """Return the exit report, the fields of `engines.ExitReport`."""
        assert self._exit is not None, "a report is made at the end"
        status, usage = self._exit
        code = os.waitstatus_to_exitcode(status)
        said = os.pread(self._verdict, _VERDICT_BYTES, 0).rstrip(b"\0").decode(errors="ignore")
        verdict, _, message = said.partition("\n")
        return {
            "exit_code": code if code >= 0 else None,
            "signal": -code if code < 0 else None,
            "stop": self._stop,
            "started_at": self._started_at,
            "ended_at": time.time_ns() // 1000,
            "line_count": self._log.line_count,
            "log_bytes": self._log.size_bytes,
            "peak_memory_bytes": usage.ru_maxrss * 1024,
            "cpu_seconds": round(usage.ru_utime + usage.ru_stime, 6),
            "verdict": verdict or None,
            "message": message or None,
        }

    def _is_over(self) -> bool:
        if self._exit is None:
            return False
        return not (self._has_children or self._pipes) or time.monotonic() >= self._give_up_at

    def _patience_milliseconds(self) -> int | None:
        deadlines = [self._timeout_at, self._kill_at, self._notifier.due_at]
        deadlines += [pipe.late_at for pipe in self._pipes.values()]
        next_at = min((deadline for deadline in deadlines if deadline is not None), default=None)
        if next_at is None:
            return None
        seconds = min(next_at - time.monotonic(), _PATIENCE_MAX_SECONDS)
        return max(0, math.ceil(seconds * 1000))

    def _take_signals(self, now: float) -> None:
        for number in os.read(self._signals, 512):
            if number == signal.SIGTERM:
                self._ask_to_stop("cancelled", now)
            elif number == signal.SIGQUIT and self._exit is None:
                self._stop = self._stop or "cancelled"
                self._kill_at = now
        # Always: signals of one kind may have been merged into one.
        self._reap(now)

    def _take_output(self, descriptor: int, now: float) -> None:
        if not self._pipes[descriptor].read(now):
            self._poll.unregister(descriptor)
            del self._pipes[descriptor]
        self._notifier.grew(now)

    def _flush_late_output(self, now: float) -> None:
        for pipe in self._pipes.values():
            if pipe.late_at is not None and now >= pipe.late_at:
                pipe.flush_late()
                self._notifier.grew(now)

    def _stop_when_due(self, now: float) -> None:
        """Take the step that a deadline asks for: ask the job to stop, or kill it."""
        if self._timeout_at is not None and now >= self._timeout_at:
            self._ask_to_stop("timeout", now)
        if self._kill_at is not None and now >= self._kill_at:
            self._kill_everything(now)

    def _ask_to_stop(self, why: str, now: float) -> None:
        """Send SIGTERM to the job's group and begin the grace period. Only the first wish counts."""
        if self._stop is not None or self._exit is not None:
            return
        self._stop, self._timeout_at = why, None
        self._kill_at = now + self._spec["grace_seconds"]
        self._say(f"{why}: asked the job to stop, {self._spec['grace_seconds']:g} s until it is killed", now)
        self._signal_group(signal.SIGTERM)

    def _kill_everything(self, now: float) -> None:
        if self._exit is None:
            self._say("killed the job", now)
            self._signal_group(signal.SIGKILL)
            self._kill_at = None  # `_reap` takes it from here
        else:
            self._kill_at = now + _KILL_AGAIN_SECONDS
        self._signal_descendants(signal.SIGKILL)

    def _signal_group(self, number: int) -> None:
        # Before the job calls setsid it has no group of its own yet: then it is signalled alone.
        send = os.killpg if os.getpgid(self._job) == self._job else os.kill
        send(self._job, number)

    def _signal_descendants(self, number: int) -> None:
        for pid in linux.descendants(os.getpid()):
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                continue

    def _reap(self, now: float) -> None:
        """Take the exit status of every child that has ended: the job, and orphans that became ours."""
        while True:
            try:
                pid, status, usage = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                self._has_children = False
                return
            if pid == 0:
                return
            if pid == self._job:
                self._exit = status, usage
                self._timeout_at = None
                # What is left behind had its warning if the job was stopped; else it is asked now.
                self._kill_at = now if self._stop else now + _LEFTOVER_SECONDS
                self._give_up_at = now + _LEFTOVER_SECONDS + _GIVE_UP_SECONDS
                if self._stop is None:
                    self._signal_descendants(signal.SIGTERM)

    def _say(self, text: str, now: float) -> None:
        self._log.say(text)
        self._notifier.grew(now)


def _verdict_file() -> int:
    """Return a file in memory: it is there on a full disk too, and for a job that may write nowhere."""
    file = os.memfd_create("verdict", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.ftruncate(file, _VERDICT_BYTES)
    fcntl.fcntl(file, fcntl.F_ADD_SEALS, fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK)
    return file


def _become_job(spec: attempt_dir.Spec, parent: int, stdout: int, stderr: int, verdict: int) -> NoReturn:
    """Turn this forked process into the job: own session, default signals, nothing inherited but output."""
    try:
        os.setsid()
        linux.die_with_parent(signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(CANNOT_START)  # it died before we asked to die with it
        signal.set_wakeup_fd(-1)
        for number in _DEFAULTED:
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(stdout, 1)
        os.dup2(stderr, 2)
        stderr = 2  # the other may be the number that is taken now
        os.dup2(verdict, VERDICT)
        os.set_inheritable(VERDICT, True)
        os.chdir(spec["cwd"])
        os.execvpe(spec["argv"][0], spec["argv"], spec["env"])  # noqa: S606 - that is what it is for
    except BaseException as error:
        os.write(stderr, f"runyard cannot start this job: {error}\n".encode())
        os._exit(CANNOT_START)
