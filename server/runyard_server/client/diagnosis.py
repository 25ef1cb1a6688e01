"""Why a run ended as it did, for people: its last error and what most likely caused it (TRB-04).

Made here of the run, its log and its job, so that the command line and the panel say the same. What is recognised is
in `runyard.core.causes`.
"""

from __future__ import annotations

from dataclasses import dataclass

from runyard.core.causes import LINES_LOOKED_AT, Cause, Launch, last_error, likely_causes, read_lines
from runyard.core.checks.main_guard import is_script
from runyard.core.errors import RunyardError
from runyard.core.runs import RunStatus
from runyard_server.client.client import Client
from runyard_server.client.models import Run


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """The last error of a run, empty if it printed none, and likely causes, the most certain first."""

    error: str = ""
    causes: tuple[Cause, ...] = ()


def diagnose(client: Client, run: Run) -> Diagnosis:
    """Return what a failed run died of, or that a script did nothing; of others there is nothing to say."""
    if run.status not in (RunStatus.FAILED, RunStatus.COMPLETED):
        return Diagnosis()
    try:
        job = client.job(run.job_ref or "").definition
        if run.is_completed and not is_script(job.entry_point.launcher):
            return Diagnosis()  # only a script can have executed nothing
        lines = read_lines(client.log_part(run.id, -LINES_LOOKED_AT, LINES_LOOKED_AT).body)
    except RunyardError:  # a run whose log or job is gone still has a reason
        return Diagnosis(run.message or "")
    is_limited = job.is_batch or "timeout" in (job.wire.get("execute") or {})
    launch = Launch(job.entry_point.module, run.profile, job.timeout_seconds if is_limited else None)
    causes = likely_causes(run.reason, run.exit_code, lines, launch)
    error = run.message or last_error(lines) if run.status == RunStatus.FAILED else ""
    return Diagnosis(error, tuple(causes))
