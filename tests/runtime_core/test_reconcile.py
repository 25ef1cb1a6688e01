"""What a deploy would change, on two lists of jobs given by hand."""

from __future__ import annotations

from typing import Any

import pytest

from runyard.core.jobs import JobDefinition, parse_job
from runyard.core.reconcile import Change, DeployedJob, JobChange, owner_after, reconcile

MODULE = "__deployment__"


def declared(ref: str, extensions: dict[str, Any] | None = None, **fields: Any) -> JobDefinition:
    entry = {"module": "m", "function": "f", "job_type": "batch", "launcher": "l"}
    return parse_job({"job_ref": ref, "entry_point": entry, **fields}, extensions)


def deployed(job: JobDefinition, module: str | None = MODULE, *, archived: bool = False) -> DeployedJob:
    return DeployedJob(job.job_ref, job.wire, job.extensions, module, archived)


def changes(
    old: list[DeployedJob], new: list[JobDefinition], module: str | None = MODULE
) -> list[tuple[str, str, tuple[str, ...]]]:
    return [(each.job_ref, each.change, each.fields) for each in reconcile(old, new, module)]


A, B, C = declared("jobs.x.a"), declared("jobs.x.b"), declared("jobs.x.c")


# SPEC: RCN-03, RCN-04
def test_declared_jobs_come_in_their_order_and_archived_ones_after_them_by_name() -> None:
    d = declared("jobs.x.d")
    assert changes([deployed(d), deployed(C), deployed(A)], [B, A]) == [
        ("jobs.x.b", Change.CREATED, ()),
        ("jobs.x.a", Change.UNCHANGED, ()),
        ("jobs.x.c", Change.ARCHIVED, ()),
        ("jobs.x.d", Change.ARCHIVED, ()),
    ]


# SPEC: RCN-04
def test_an_update_names_every_field_that_is_new_gone_or_different() -> None:
    old = declared("jobs.x.a", {"split": "7d"}, description="one", triggers=["tag:x"])
    new = declared("jobs.x.a", {"idle_timeout": 60}, description="two", freshness=["job.is_fresh:jobs.x.b"])
    assert changes([deployed(old)], [new]) == [
        ("jobs.x.a", Change.UPDATED, ("description", "freshness", "idle_timeout", "split", "triggers"))
    ]


def test_a_job_of_which_no_definition_is_stored_is_written_anew() -> None:
    damaged: Any = []
    old = DeployedJob(A.job_ref, damaged, A.extensions, MODULE, archived=False)
    assert changes([old], [A]) == [("jobs.x.a", Change.UPDATED, ("entry_point", "job_ref"))]


def test_a_change_carries_what_was_declared_and_nothing_for_what_is_archived() -> None:
    assert reconcile([deployed(B)], [A], MODULE) == [
        JobChange("jobs.x.a", Change.CREATED, A),
        JobChange("jobs.x.b", Change.ARCHIVED, None),
    ]


# SPEC: RCN-06
def test_a_job_that_returns_from_the_archive_is_updated() -> None:
    assert changes([deployed(A, archived=True)], [A]) == [("jobs.x.a", Change.UPDATED, ("archived",))]


# SPEC: RCN-05, ADH-05
@pytest.mark.parametrize(
    ("owner", "archived", "module", "is_archived"),
    [
        (MODULE, False, MODULE, True),
        (MODULE, True, MODULE, False),
        ("other", False, MODULE, False),
        (None, False, MODULE, False),
        (MODULE, False, None, False),
        (None, False, None, False),
    ],
)
def test_a_module_archives_what_it_deployed_itself_and_a_quick_run_nothing(
    owner: str | None, archived: bool, module: str | None, is_archived: bool
) -> None:
    found = reconcile([deployed(B, owner, archived=archived)], [A], module)
    assert [each.change for each in found] == [Change.CREATED, *[Change.ARCHIVED] * is_archived]


# SPEC: ADH-05
def test_a_quick_run_never_takes_a_job_over_and_a_module_does() -> None:
    assert owner_after(deployed(A, "other"), MODULE) == MODULE
    assert owner_after(deployed(A, "other"), None) == "other"
    assert owner_after(None, None) is None
    assert owner_after(None, MODULE) == MODULE
    assert changes([deployed(A, "other")], [A]) == [("jobs.x.a", Change.UPDATED, ("deployment_module",))]
    assert changes([deployed(A, "other")], [A], None) == [("jobs.x.a", Change.UNCHANGED, ())]


def test_an_update_carries_the_new_definition() -> None:
    new = declared("jobs.x.a", description="two")
    [change] = reconcile([deployed(A)], [new], MODULE)
    assert change.declared is new
