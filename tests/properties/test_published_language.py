"""The language of jobs on generated texts: what the published parsers read, ours read alike, or it is named here.

The published rules are in `dlt._workspace.deployment`. Each difference is a row below and a line of
docs/decisions/differences-from-dlt.md; a row fails as soon as its difference is gone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from dlt._workspace.deployment import _job_ref as published_refs
from dlt._workspace.deployment import _trigger_helpers as published
from dlt._workspace.deployment import manifest as published_manifest
from dlt._workspace.deployment.exceptions import (
    AmbiguousJobRef,
    InvalidJobRef,
    InvalidTrigger,
    JobRefNotFound,
)
from dlt._workspace.deployment.typing import TTrigger
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.support.expressions import any_cron

from runyard.core import job_refs, manifest, selectors, triggers
from runyard.core.errors import RunyardError
from runyard.core.jobs import JobDefinition, parse_job

FAST = settings(max_examples=100)

names = st.sampled_from(["load", "clean", "etl", "daily", "a", "b2"])
refs = st.builds("jobs.{}.{}".format, names, names) | st.builds("jobs.{}".format, names)
crons = st.randoms(use_true_random=False).map(lambda random: any_cron(random).text) | st.just("@daily")
selections = st.one_of(
    st.builds(
        "{}:{}".format, st.sampled_from(["tag", "schedule", "every", "manual", "job.*"]), names | st.just("*")
    ),
    st.sampled_from(
        ["*", "batch", "interactive", "job", "batch:", "job:", "tag:", "schedule", "tag", "*.load"]
    ),
    st.builds("jobs.{}.*".format, names),
    st.builds("{}*".format, names),
    st.builds("[{}]*".format, names),
    st.builds("jobs.?tl.{}".format, names),
)
well_formed = st.one_of(
    st.builds("schedule:{}".format, crons),
    st.builds("every:{}{}".format, st.integers(60, 10_000), st.sampled_from(["", "s", "m", "h", "d"])),
    st.builds(
        "every:{}{}".format, st.floats(1, 9, allow_nan=False).map("{:.2f}".format), st.sampled_from("mhd")
    ),
    st.builds("once:{}".format, st.datetimes().filter(lambda at: 1900 <= at.year < 2200).map(str)),
    st.builds("{}:{}".format, st.sampled_from(["job.success", "job.fail"]), refs | selections),
    st.builds("tag:{}".format, names),
    st.builds(
        "http:{}{}".format, st.integers(1, 65535) | st.just(""), st.sampled_from(["", "/", "/app", "/a/b"])
    ),
    st.sampled_from(["http:", "deployment:", "webhook:", "webhook:orders"]),
)
broken = st.one_of(
    st.builds("{}:{}".format, st.sampled_from(["evry", "", "batch", "cron"]), names),
    st.builds("schedule:{}".format, st.sampled_from(["", "daily", "* * * *", "61 * * * *", "*/0 * * * *"])),
    st.builds("every:{}".format, st.sampled_from(["", "0", "-5m", "5y", "m", "five", "1.2.3h"])),
    st.builds("once:{}".format, st.sampled_from(["", "tomorrow", "2026-13-01", "2026-02-30"])),
    st.builds("job.fail:{}".format, names | st.just("")),
    st.sampled_from(["tag:", "http:0", "http:65536", "http:app", "http:-1", "daily", ""]),
)


def accepts(parse: Callable[..., Any], text: str, *errors: type[Exception]) -> bool:
    try:
        parse(text)
    except errors:
        return False
    return True


def published_parse(text: str) -> Any:
    return published.parse_trigger(TTrigger(text))


# Triggers ---------------------------------------------------------------------------------------------------


# SPEC: QLT-02, TRG-07
@FAST
@given(well_formed)
def test_a_trigger_is_read_as_published(text: str) -> None:
    parsed, ours = published_parse(text), triggers.parse_trigger(text)
    assert (ours.type, str(ours)) == (parsed.type, str(parsed.raw))
    match parsed.type:
        case "every":
            assert triggers.parse_duration(ours.expr) == parsed.expr
        case "once":
            assert triggers.parse_instant(ours.expr) == parsed.expr


# SPEC: QLT-02, TRG-05
@FAST
@given(well_formed)
def test_a_written_trigger_is_normalised_as_published(text: str) -> None:
    [ours] = triggers.read_triggers(text)
    normal = str(published.normalize_trigger(text))
    # A `once` is written down in one form, so that the same instant is the same trigger.
    assert ours == normal or ours == triggers.once(triggers.parse_instant(normal.partition(":")[2]))


# SPEC: QLT-02, TRG-09
@FAST
@given(broken)
def test_what_is_no_trigger_as_published_is_none_here(text: str) -> None:
    assert not accepts(published_parse, text, InvalidTrigger)
    assert not accepts(triggers.parse_trigger, text, RunyardError)


@pytest.mark.parametrize(
    ("text", "as_published"),
    [
        # Ours alone.
        ("every:2w", False),
        ("every:30s", False),
        # Published alone.
        ("every:inf", True),
        ("every:1e3", True),
        ("schedule:* * * * * *", True),
        ("schedule:5-5 * * * *", True),
        ("schedule:0 0 1 * 5#2", True),
        ("schedule:0 22-3/2 * * *", True),
        ("schedule:0 0 */2 * mon", True),
        ("once:9999-01-01", True),
        ("once:1767225600", True),
        ("job.success:jobs.py.load", True),
        ("job.success:jobs.a.b.c", True),
        ("job.success:stream", True),
        ("http:8000?x", True),
    ],
)
def test_a_trigger_that_only_one_of_the_two_accepts(text: str, as_published: bool) -> None:
    assert accepts(published_parse, text, InvalidTrigger) is as_published
    assert accepts(triggers.parse_trigger, text, RunyardError) is not as_published


# Names and selectors ----------------------------------------------------------------------------------------


# SPEC: QLT-02, TAG-07
@FAST
@given(st.lists(refs, min_size=1, max_size=5, unique=True), names | refs | refs.map(lambda ref: ref[5:]))
def test_a_name_is_resolved_as_published(known: list[str], text: str) -> None:
    try:
        expected = published_refs.resolve_job_ref(text, known)  # type: ignore[arg-type]
    except (AmbiguousJobRef, InvalidJobRef, JobRefNotFound):
        assert not accepts(lambda name: job_refs.resolve(name, known), text, RunyardError)
    else:
        assert job_refs.resolve(text, known) == expected
        assert job_refs.parse_ref(expected) == published_refs.parse_job_ref(expected)
        assert job_refs.short_name(expected) == published_refs.short_name(expected)


@pytest.mark.parametrize("text", ["jobs.py.load", "jobs.a/b.c", "jobs..c", "jobs."])
def test_a_ref_that_cannot_stand_in_a_path_is_no_ref_here(text: str) -> None:
    published_refs.parse_job_ref(text)  # type: ignore[arg-type]
    assert not job_refs.is_ref(text)


def test_a_script_is_the_name_of_its_job_here_alone() -> None:
    with pytest.raises(InvalidJobRef):
        published_refs.resolve_job_ref("reports/x.daily.py", ["jobs.daily"])  # type: ignore[list-item]
    assert job_refs.resolve("reports/daily.py", ["jobs.daily"]) == "jobs.daily"


jobs = st.builds(
    lambda ref, kind, declared, tags, manual, pipeline: {
        "engine_version": 2,
        "job_ref": ref,
        "entry_point": {"module": "m", "function": "f", "job_type": kind, "launcher": "l"},
        "triggers": declared,
        "execute": {},
        "expose": {"tags": tags, "manual": manual},
        **({"deliver": {"pipeline_name": pipeline}} if pipeline else {}),
    },
    refs,
    st.sampled_from(["batch", "interactive"]),
    st.lists(well_formed, max_size=3, unique=True),
    st.lists(names, max_size=2),
    st.booleans(),
    st.none() | names,
)


def both(wire: dict[str, Any]) -> tuple[Any, JobDefinition]:
    return wire, parse_job(wire)


# SPEC: QLT-02, TRG-11, TRG-12
@FAST
@given(jobs)
def test_what_starts_a_job_is_what_is_published(wire: dict[str, Any]) -> None:
    theirs, ours = both(wire)
    assert list(manifest.expand_triggers(ours)) == published_manifest.expand_triggers(theirs)
    assert manifest.default_trigger(ours.triggers) == published_manifest.compute_default_trigger(theirs)


# SPEC: QLT-02, TAG-07, TAG-14
@FAST
@given(jobs, st.lists(selections, min_size=1, max_size=3))
@example(
    wire={
        "job_ref": "jobs.etl.load",
        "entry_point": {"module": "m", "function": "f", "job_type": "batch", "launcher": "l"},
        "triggers": ["tag:b", "tag:a"],
    },
    patterns=["tag:a", "tag:b"],
)
def test_selectors_match_what_the_published_ones_match(wire: dict[str, Any], patterns: list[str]) -> None:
    theirs, ours = both(wire)
    everything = published_manifest.expand_triggers(theirs)
    matched = published.match_triggers_with_selectors(
        ours.entry_point.job_type, everything, patterns, ours.job_ref
    )
    found = selectors.matching_triggers(ours, everything, patterns)
    # Published: in the order of the selectors. Ours: in that of the job, whoever asked first.
    assert sorted(found) == sorted(matched)
    assert list(found) == [trigger for trigger in everything if trigger in matched]
    for pattern in patterns:
        assert triggers.is_selector(pattern) == published.is_selector(pattern)
        one = published.match_triggers_with_selectors(
            ours.entry_point.job_type, everything, [pattern], ours.job_ref
        )
        if one:
            default = published_manifest.compute_default_trigger(theirs)
            with_default = parse_job({**wire, "default_trigger": default})
            alone = selectors.matching_triggers(ours, everything, [pattern])
            assert selectors.pick_trigger(with_default, alone) == published.pick_trigger(one, default)


def test_triggers_match_in_the_order_of_the_job_and_not_of_the_selectors() -> None:
    wire = {
        "job_ref": "jobs.etl.load",
        "entry_point": {"module": "m", "function": "f", "job_type": "batch", "launcher": "l"},
    }
    declared, patterns = ["tag:b", "tag:a"], ["tag:a", "tag:b"]
    assert published.match_triggers_with_selectors("batch", declared, patterns) == ["tag:a", "tag:b"]  # type: ignore[arg-type]
    assert selectors.matching_triggers(parse_job(wire), declared, patterns) == ("tag:b", "tag:a")


def test_a_stream_is_no_type_of_job_here() -> None:
    assert published.is_selector("stream")
    assert not triggers.is_selector("stream")


# Hashes -----------------------------------------------------------------------------------------------------

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**31), 2**31) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


# SPEC: QLT-02
@FAST
@given(jobs, st.dictionaries(st.sampled_from(["description", "config_keys", "inputs"]), json_values))
def test_the_hash_of_a_job_and_of_a_manifest_is_the_published_one(
    wire: dict[str, Any], more: dict[str, Any]
) -> None:
    entry: Any = {**wire, **more}
    assert manifest.definition_hash(entry) == published_manifest.hash_job_definition(entry)
    whole: Any = manifest.build_manifest(
        [entry], deployment_module="__deployment__", created_at="2026-01-01T00:00:00Z"
    )
    expected = published_manifest.generate_manifest_hash(whole)
    assert manifest.manifest_hash(whole) == expected
    assert manifest.manifest_hash({**whole, "created_at": "later", "version": 7}) == expected
