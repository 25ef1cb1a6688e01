"""Inputs that a job requires and nobody gives: it starts by itself, no form is filled, and the run fails (JCF-09)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from runyard.core.checks.finding import Code, Finding, Severity
from runyard.core.decorators import JOB_LAUNCHER
from runyard.core.jobs import JobDefinition
from runyard.core.parameters import configured, environment_key
from runyard.core.triggers import JOB_EVENTS, TIMED, TriggerType

BY_THEMSELVES = TIMED | JOB_EVENTS | {TriggerType.DEPLOYMENT, TriggerType.HTTP}
"""Triggers that bring no values, a visit of an app among them. A person can give some, and so can whoever calls a
webhook."""

WHY = "The run fails before the function begins."


def check(job: JobDefinition, profile: str, settings: Mapping[str, Any]) -> Iterator[Finding]:
    """Yield what a job that starts without anybody requires and `settings`, those of its profile, do not give.

    A cause begins with the ref of the job. Launchers of others look in more places than we know of, so of their jobs
    nothing is said.
    """
    if job.entry_point.launcher != JOB_LAUNCHER:
        return
    if BY_THEMSELVES.isdisjoint(trigger.partition(":")[0] for trigger in job.triggers):
        return
    inputs = job.inputs or {}
    for name in inputs.get("required") or ():
        is_secret = inputs["properties"][name].get("writeOnly") is True
        file, instead = ("secrets", "") if is_secret else ("config", ", or give it a default")
        if configured(name, job.job_ref, {}, settings) is None:
            yield Finding(
                Code.INPUT_MISSING,
                Severity.WARNING,
                f"{job.job_ref}: `{name}` is required, and no settings file of the profile {profile} gives it.",
                WHY,
                f"Set `{name}` under `[{job.job_ref}]` in `.dlt/{profile}.{file}.toml`{instead}. "
                f"If the server's environment has {environment_key(job.job_ref, name)}, ignore this.",
            )
