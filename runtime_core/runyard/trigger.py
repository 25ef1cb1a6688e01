"""Reasons to run a job, for the `trigger` argument of the decorators in `runyard.run`."""

from runyard.core.triggers import (
    deployment,
    every,
    http,
    job_fail,
    job_success,
    once,
    pipeline_name,
    schedule,
    tag,
    webhook,
)

__all__ = [
    "deployment",
    "every",
    "http",
    "job_fail",
    "job_success",
    "once",
    "pipeline_name",
    "schedule",
    "tag",
    "webhook",
]
