"""Two sets of jobs, the deployed and the declared: what a deploy would change. Pure; `deploying` writes it.

A job that is declared and unknown is created, one that differs is updated, one that was deployed from the same
module and is no longer declared is archived. A quick run without a module archives nothing (ADH-05).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from runyard.core.jobs import JobDefinition


class Change(StrEnum):
    """What a deploy does to one job."""

    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    ARCHIVED = "archived"


@dataclass(frozen=True, slots=True)
class DeployedJob:
    """A job as the store knows it."""

    job_ref: str
    definition: Mapping[str, Any]
    extensions: Mapping[str, Any]
    deployment_module: str | None
    archived: bool


@dataclass(frozen=True, slots=True)
class JobChange:
    """What happens to one job; `fields` names what differs, sorted (RCN-04). `declared` is None when archived."""

    job_ref: str
    change: Change
    declared: JobDefinition | None = None
    fields: tuple[str, ...] = ()


def reconcile(
    deployed: Iterable[DeployedJob], declared: Sequence[JobDefinition], deployment_module: str | None
) -> list[JobChange]:
    """Return one change per declared job in their order, then one per job to archive, by ref.

    Re-adding an archived ref updates the same job, so that its history and numbering go on (RCN-06).
    Source: RCN-03..06, ADH-05, contract 7.2.
    """
    known = {job.job_ref: job for job in deployed}
    changes = [_change(known.get(job.job_ref), job, deployment_module) for job in declared]
    names = {job.job_ref for job in declared}
    if deployment_module is not None:
        changes += [
            JobChange(job.job_ref, Change.ARCHIVED)
            for job in sorted(known.values(), key=lambda job: job.job_ref)
            if job.job_ref not in names and job.deployment_module == deployment_module and not job.archived
        ]
    return changes


def owner_after(job: DeployedJob | None, deployment_module: str | None) -> str | None:
    """Return which module owns a job after a deploy: an ad-hoc deploy never takes one over (ADH-05)."""
    return job.deployment_module if job is not None and deployment_module is None else deployment_module


def _change(known: DeployedJob | None, job: JobDefinition, deployment_module: str | None) -> JobChange:
    if known is None:
        return JobChange(job.job_ref, Change.CREATED, job)
    fields = _differences(known.definition, job.wire) + _differences(known.extensions, job.extensions)
    if known.archived:
        fields.append("archived")
    if owner_after(known, deployment_module) != known.deployment_module:
        fields.append("deployment_module")
    change = Change.UPDATED if fields else Change.UNCHANGED
    return JobChange(job.job_ref, change, job, tuple(sorted(set(fields))))


def _differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    if not isinstance(old, Mapping):
        old = {}  # damaged, and all of it is written anew
    return [key for key in {*old, *new} if old.get(key) != new.get(key)]
