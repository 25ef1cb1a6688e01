"""In what two manifests differ, job by job, with both values of each field. Pure. What a deploy does: `reconcile`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from runyard.core.reconcile import Change


@dataclass(frozen=True, slots=True)
class JobDifference:
    """A job that one of two manifests declares otherwise: by field, what the first says and what the other says."""

    job_ref: str
    change: Change
    fields: Mapping[str, tuple[Any, Any]]


def differences(
    old_jobs: Sequence[Mapping[str, Any]],
    old_extensions: Mapping[str, Mapping[str, Any]],
    new_jobs: Sequence[Mapping[str, Any]],
    new_extensions: Mapping[str, Mapping[str, Any]],
) -> list[JobDifference]:
    """Return what the newer manifest says otherwise, by job ref; nothing for jobs that both declare alike.

    Source: RCN-18.
    """
    old = {job["job_ref"]: {**job, **old_extensions.get(job["job_ref"], {})} for job in old_jobs}
    new = {job["job_ref"]: {**job, **new_extensions.get(job["job_ref"], {})} for job in new_jobs}
    found = []
    for ref in sorted({*old, *new}):
        before, after = old.get(ref, {}), new.get(ref, {})
        fields = {
            key: (before.get(key), after.get(key))
            for key in sorted({*before, *after})
            if before.get(key) != after.get(key)
        }
        if fields:
            change = Change.CREATED if not before else Change.ARCHIVED if not after else Change.UPDATED
            found.append(JobDifference(ref, change, fields))
    return found
