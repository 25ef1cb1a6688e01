from __future__ import annotations

from typing import Any

import pytest

from runyard.core.errors import AmbiguousName, InvalidSelector, NotFound
from runyard.core.jobs import JobDefinition, parse_job
from runyard.core.selectors import expand_event_triggers, select


def job(ref: str, *triggers: str, kind: str = "batch", **fields: Any) -> JobDefinition:
    entry = {"module": "m", "function": "f", "job_type": kind, "launcher": "l"}
    return parse_job({"job_ref": ref, "entry_point": entry, "triggers": list(triggers), **fields})


JOBS = [
    job(
        "jobs.etl.load",
        "schedule:0 6 * * *",
        expose={"tags": ["ingest"]},
        default_trigger="schedule:0 6 * * *",
    ),
    job("jobs.etl.clean", "every:5m", deliver={"pipeline_name": "flights"}, default_trigger="every:5m"),
    job("jobs.web.load", expose={"tags": ["ingest", "web"], "manual": False}),
    job("jobs.report", "http:", kind="interactive"),
]


# SPEC: TAG-03, TAG-07
@pytest.mark.parametrize(
    ("selector", "refs"),
    [
        ("clean", ["jobs.etl.clean"]),
        ("web.load", ["jobs.web.load"]),
        ("jobs.etl.load", ["jobs.etl.load"]),
        ("notebooks/report.py", ["jobs.report"]),
        ("batch", ["jobs.etl.load", "jobs.etl.clean", "jobs.web.load"]),
        ("job:", ["jobs.etl.load", "jobs.etl.clean", "jobs.web.load"]),
        ("interactive", ["jobs.report"]),
        ("tag:ingest", ["jobs.etl.load", "jobs.web.load"]),
        ("tag:in*", ["jobs.etl.load", "jobs.web.load"]),
        ("schedule:*", ["jobs.etl.load"]),
        ("schedule", ["jobs.etl.load"]),
        ("every:", ["jobs.etl.clean"]),
        ("manual:*load", ["jobs.etl.load"]),
        ("pipeline_name:flights", ["jobs.etl.clean"]),
        ("jobs.etl.*", ["jobs.etl.load", "jobs.etl.clean"]),
        ("*", ["jobs.etl.load", "jobs.etl.clean", "jobs.web.load", "jobs.report"]),
    ],
)
def test_each_form_of_selector_names_its_jobs(selector: str, refs: list[str]) -> None:
    assert [picked.job.job_ref for picked in select(JOBS, [selector])] == refs


# SPEC: TAG-15
def test_timed_names_every_job_that_the_clock_starts_and_records_which_trigger_it_was() -> None:
    once = job("jobs.etl.backfill", "job.success:jobs.etl.load", "once:2026-01-01T00:00:00+00:00")
    picked = select([*JOBS, once], ["timed"])
    assert [(one.job.job_ref, one.trigger) for one in picked] == [
        ("jobs.etl.load", "schedule:0 6 * * *"),
        ("jobs.etl.clean", "every:5m"),
        ("jobs.etl.backfill", "once:2026-01-01T00:00:00+00:00"),
    ]
    assert picked == select([*JOBS, once], ["timed:"])


# SPEC: TAG-08
def test_several_selectors_are_a_union_in_which_each_job_stands_once() -> None:
    picked = select(JOBS, ["tag:ingest", "jobs.etl.*", "web.load"])
    assert [one.job.job_ref for one in picked] == ["jobs.etl.load", "jobs.etl.clean", "jobs.web.load"]


# SPEC: TAG-14
def test_a_start_records_the_default_trigger_if_it_matched_else_the_first_match() -> None:
    by_ref = {one.job.job_ref: one for one in select(JOBS, ["batch"])}
    assert by_ref["jobs.etl.load"].trigger == "schedule:0 6 * * *"
    assert by_ref["jobs.web.load"].trigger == "tag:ingest"
    [by_tag] = select(JOBS[:1], ["tag:ingest"])
    assert (by_tag.trigger, by_tag.matched_triggers) == ("tag:ingest", ("tag:ingest",))


def test_a_job_without_any_trigger_can_still_be_named() -> None:
    [picked] = select([job("jobs.a.b", expose={"manual": False})], ["b"])
    assert (picked.matched_triggers, picked.trigger) == ((), "manual:jobs.a.b")


# SPEC: TAG-09
def test_a_bare_name_of_two_jobs_is_refused_with_both_refs() -> None:
    with pytest.raises(AmbiguousName, match=r"jobs\.etl\.load, jobs\.web\.load"):
        select(JOBS, ["load"])


# SPEC: TAG-10
def test_no_match_lists_the_tags_and_types_there_are() -> None:
    with pytest.raises(NotFound) as caught:
        select(JOBS, ["tag:INGEST"])
    assert "ingest, web" in caught.value.remedy
    assert "every, http, manual, pipeline_name, schedule, tag" in caught.value.remedy


@pytest.mark.parametrize("selector", ["", "  ", "*" * 10_000])
def test_a_selector_that_is_empty_or_endless_is_refused(selector: str) -> None:
    with pytest.raises(InvalidSelector):
        select(JOBS, [selector])


# SPEC: TRG-26
def test_selectors_in_job_events_become_refs_of_other_batch_jobs() -> None:
    alarm = job("jobs.ops.alarm", "job.fail:tag:ingest", "job.fail:*", "job.success:tag:none")
    triggers, warnings = expand_event_triggers([*JOBS, alarm])
    assert triggers[-1] == (
        "job.fail:jobs.etl.load",
        "job.fail:jobs.web.load",
        "job.fail:jobs.etl.clean",
    )
    assert triggers[0] == JOBS[0].triggers
    assert warnings == ["jobs.ops.alarm: `job.success:tag:none` matches no job."]


def test_a_type_that_does_not_fit_leaves_the_other_selectors_to_match() -> None:
    assert [picked.trigger for picked in select(JOBS, ["interactive", "tag:web", "every"])] == [
        "every:5m",
        "tag:web",
        "http:",
    ]


def test_a_job_that_is_named_is_picked_with_all_that_starts_it() -> None:
    [picked] = select(JOBS, ["etl.load"])
    assert picked.matched_triggers == ("schedule:0 6 * * *", "tag:ingest", "manual:jobs.etl.load")


# SPEC: TRG-26
def test_what_stands_after_a_plain_trigger_is_expanded_too() -> None:
    alarm = job("jobs.ops.alarm", "tag:x", "job.fail:tag:web")
    triggers, _ = expand_event_triggers([*JOBS, alarm])
    assert triggers[-1] == ("tag:x", "job.fail:jobs.web.load")
