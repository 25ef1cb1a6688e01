from __future__ import annotations

import itertools
import random
from typing import Any

import pytest
from dlt._workspace.deployment import manifest as published

from runyard.core.errors import InvalidManifest, InvalidTrigger
from runyard.core.jobs import JobDefinition, parse_job
from runyard.core.manifest import (
    JOBS_MAX,
    NESTING_MAX,
    build_manifest,
    default_trigger,
    definition_hash,
    expand_triggers,
    manifest_hash,
    validate_manifest,
)


def wire(ref: str, *triggers: str, kind: str = "batch", **fields: Any) -> dict[str, Any]:
    entry = {"module": "m", "function": ref, "job_type": kind, "launcher": "l"}
    job: dict[str, Any] = {"engine_version": 2, "job_ref": ref, "entry_point": entry, "execute": {}}
    return {**job, "triggers": list(triggers), **fields}


def nested(levels: int) -> list[Any]:
    """Return lists within each other."""
    found: list[Any] = []
    for _ in range(levels - 1):
        found = [found]
    return found


def reasons(*jobs: dict[str, Any], extensions: dict[str, dict[str, Any]] | None = None) -> tuple[str, ...]:
    with pytest.raises(InvalidManifest) as caught:
        validate_manifest(jobs, 2, extensions)
    return caught.value.reasons


# SPEC: TRG-12, TAG-03
def test_a_job_is_also_started_by_its_tags_by_hand_and_by_its_pipeline() -> None:
    job = wire("jobs.a.b", "every:5m", "tag:x", expose={"tags": ["x", "y"]}, deliver={"pipeline_name": "p"})
    expected = ("every:5m", "tag:x", "tag:y", "manual:jobs.a.b", "pipeline_name:p")
    assert expand_triggers(parse_job(job)) == expected
    assert tuple(published.expand_triggers(job)) == expected  # type: ignore[arg-type]
    assert expand_triggers(parse_job(wire("jobs.a.b", expose={"manual": False}))) == ()


# SPEC: TRG-11
@pytest.mark.parametrize(
    ("triggers", "default"),
    [
        (["tag:x", "schedule:0 6 * * *"], "schedule:0 6 * * *"),
        (["job.success:jobs.a.b", "webhook:", "tag:x"], "webhook:"),
        (["manual:jobs.a.b", "deployment:", "job.fail:jobs.a.b"], None),
        (["http:"], "http:"),
        ([], None),
    ],
)
def test_the_default_trigger_is_the_first_periodic_else_the_first_that_is_no_event(
    triggers: list[str], default: str | None
) -> None:
    assert default_trigger(triggers) == default
    assert published.compute_default_trigger(wire("jobs.a.b", *triggers)) == default  # type: ignore[arg-type]


def test_hashes_are_those_of_the_published_client() -> None:
    job = wire(
        "jobs.a.b",
        "every:5m",
        description="Größe \u2028 'x' \"y\" \x7f",
        execute={"timeout": {"timeout": 7200.0}},
    )
    manifest = build_manifest(
        [job], deployment_module="m", created_at="2026-01-01T00:00:00+00:00", tags=["t"]
    )
    assert definition_hash(job) == published.hash_job_definition(job)  # type: ignore[arg-type]
    assert manifest_hash(manifest) == published.generate_manifest_hash(manifest)  # type: ignore[arg-type]
    assert manifest_hash({**manifest, "created_at": "later", "version": 3}) == manifest_hash(manifest)


# SPEC: TRG-09
def test_everything_that_is_wrong_is_told_at_once_with_job_text_and_reason() -> None:
    told = reasons(wire("jobs.a.b", "schedule:0 99 * * *"), wire("jobs.a.c", "nonsense"), wire("jobs.a.d"))
    assert len(told) == 2
    assert told[0].startswith("jobs.a.b: `0 99 * * *`: `99` is no hour.")
    assert told[1].startswith("jobs.a.c: `nonsense`")


# SPEC: DEP-13, DEP-14, FRS-07, IVL-01, IVL-13, PRF-17, TRG-10, TRG-28
@pytest.mark.parametrize(
    ("job", "says"),
    [
        (wire("jobs.a.up"), "two jobs have this ref"),
        (wire("jobs.a.b", "every:5m", "schedule:0 6 * * *"), "one `schedule` or `every`"),
        (wire("jobs.a.b", "http:"), "batch job cannot have an `http:`"),
        (wire("jobs.a.b", "job.success:jobs.a.gone"), "not deployed here"),
        (wire("jobs.a.b", freshness=["job.is_fresh:jobs.a.gone"]), "not deployed here"),
        (wire("jobs.a.b", freshness=["job.is_fresh:jobs.a.app"]), "interactive"),
        (wire("jobs.a.b", freshness=["job.is_matching_interval_fresh:jobs.a.up"]), "no freshness constraint"),
        (wire("jobs.a.b", interval={"start": "2026-01-01"}), "needs a `schedule` or `every`"),
        (wire("jobs.a.b", require={"profile": "dev"}), "own machine"),
        (wire("jobs.a.b", require={"timezone": "Mars/Base"}), "no timezone"),
        (wire("jobs.a.b", require={"timezone": "../../etc/passwd"}), "no timezone"),
        (wire("jobs.a.b", default_trigger="every:1h"), "none of its triggers"),
        (wire("jobs.a.b", execute={"concurrency": 0}), "above 0"),
        (wire("jobs.a.b", execute={"concurrency": 0.5}), "whole number"),
        (wire("jobs.a.b", execute={"concurrency": float("inf")}), "whole number"),
        (wire("jobs.a.b", execute={"concurrency": 10**30}), "whole number"),
        (wire("jobs.a.b", execute={"timeout": {"timeout": float("inf")}}), "above 0"),
        (wire("jobs.a.b", execute={"timeout": {"timeout": 10**400}}), "above 0"),
        (wire("jobs.a.b", execute={"timeout": {"grace_period": float("nan")}}), "above 0"),
        (wire("jobs.a.b", "once:9999-12-31T23:59:59-14:00"), "no instant"),
        (wire("jobs.py.b"), "no job ref"),
        (wire("jobs.a.b", engine_version=1), "engine 1"),
        (wire("jobs.a.b", description="x" * 100_000), "bytes"),
        (wire("jobs.a.b", heard_of=float("nan")), "no plain JSON"),
        (wire("jobs.a.b", heard_of="\ud800"), "no plain JSON"),
        (wire("jobs.a.b", heard_of={1, 2}), "no plain JSON"),
        (wire("jobs.a.b", require={"profile": "pr\0d"}), "no plain JSON"),
        (wire("jobs.a.b", "tag:a\0b"), "no plain JSON"),
        (wire("jobs.a.b", heard_of=[{"a\\\0": 1}]), "no plain JSON"),
        (wire("jobs.a.b", heard_of=nested(NESTING_MAX)), "too deep"),
        (wire("jobs.a.b", refresh_propagation=nested(50_000)), "too deep"),
        (wire("jobs.a.b", config_keys=5), "a list of texts"),
        (wire("jobs.a.b", *[f"tag:{n}" for n in range(1001)]), "too many"),
        (wire("jobs.workspace.dashboard"), "interactive"),
    ],
)
def test_what_no_run_could_make_good_is_a_deploy_error(job: dict[str, Any], says: str) -> None:
    told = reasons(wire("jobs.a.up"), wire("jobs.a.app", "http:", kind="interactive"), job)
    assert len(told) == 1
    assert job["job_ref"] in told[0]
    assert says in told[0]


# SPEC: TRG-23
def test_a_job_that_follows_itself_and_jobs_that_follow_each_other_are_refused_with_the_circle() -> None:
    assert "follows itself" in reasons(wire("jobs.a.b", "job.success:jobs.a.b"))[0]
    told = reasons(
        wire("jobs.a.first", "job.success:jobs.a.third", "job.fail:jobs.a.third"),
        wire("jobs.a.second", "job.success:jobs.a.first"),
        wire("jobs.a.third", "job.success:jobs.a.second"),
        wire("jobs.a.leaf", "job.success:jobs.a.third"),
    )
    assert len(told) == 1
    assert "jobs.a.first -> jobs.a.second -> jobs.a.third -> jobs.a.first" in told[0]


# SPEC: TRG-23
def test_follow_ups_are_refused_exactly_when_there_is_a_circle() -> None:
    draw = random.Random(7)  # noqa: S311 - replay is the point
    for _ in range(200):
        count = draw.randint(2, 7)
        edges = {(draw.randrange(count), draw.randrange(count)) for _ in range(draw.randint(1, 9))}
        edges = {(a, b) for a, b in edges if a != b}
        jobs = [
            wire(f"jobs.a.n{n}", *[f"job.success:jobs.a.n{a}" for a, b in edges if b == n])
            for n in range(count)
        ]
        left = set(range(count))
        while ready := {n for n in left if not any(b == n and a in left for a, b in edges)}:
            left -= ready
        told: tuple[str, ...] = ()
        try:
            validate_manifest(jobs, 2)
        except InvalidManifest as error:
            told = error.reasons
        assert bool(told) == bool(left)
        for reason in told:
            circle = reason.split(": ")[1].removesuffix(". Remove one of the triggers.").split(" -> ")
            numbers = [int(ref.removeprefix("jobs.a.n")) for ref in circle]
            assert numbers[0] == numbers[-1]
            assert all(step in edges for step in itertools.pairwise(numbers))


def test_a_chain_as_long_as_a_manifest_is_no_circle() -> None:
    count = 3000
    jobs = [wire(f"jobs.a.n{n}", *([f"job.success:jobs.a.n{n - 1}"] if n else [])) for n in range(count)]
    assert len(validate_manifest(jobs, 2)) == count


# SPEC: DEC-23
def test_extensions_are_known_by_name_and_belong_to_a_job() -> None:
    job = wire("jobs.a.b", "every:1h", interval={"start": "2026-01-01"})
    [parsed] = validate_manifest([job], 2, {"jobs.a.b": {"split": "1d"}})
    assert parsed.interval is not None
    assert parsed.interval.split == "1d"
    assert "Did you mean `split`" in reasons(job, extensions={"jobs.a.b": {"splt": "1d"}})[0]
    assert "bytes" in reasons(job, extensions={"jobs.a.b": {"idle_timeout": "x" * 100_000}})[0]
    assert "too deep" in reasons(job, extensions={"jobs.a.b": {"idle_timeout": nested(NESTING_MAX)}})[0]
    assert "no job here" in reasons(job, extensions={"jobs.a.c": {"split": "1d"}})[0]
    assert "needs an `interval`" in reasons(wire("jobs.a.b"), extensions={"jobs.a.b": {"split": "1d"}})[0]
    assert (
        "needs `freshness`" in reasons(wire("jobs.a.b"), extensions={"jobs.a.b": {"freshness_wait": 60}})[0]
    )


# SPEC: CMP-12
def test_the_older_engine_is_read_as_the_newer_one_and_the_original_is_left_alone() -> None:
    old = wire("jobs.a.b", engine_version=1, refresh="always", require={"machine": "medium", "region": "eu"})
    old |= {"allow_external_schedulers": True}
    before = dict(old)
    [job] = validate_manifest([old], 1)
    assert job.refresh == "always"
    assert job.wire["incremental_mode"] == "interval"
    assert job.wire["require"] == {"region": "eu", "instance": {"size": "medium"}}
    assert old == before


# SPEC: CMP-12
def test_a_newer_engine_is_refused_with_both_versions() -> None:
    with pytest.raises(InvalidManifest, match="engine 3, this server understands up to 2"):
        validate_manifest([wire("jobs.a.b")], 3)


# SPEC: CMP-12
def test_the_job_comes_back_as_it_was_sent() -> None:
    sent = wire("jobs.a.b", "every:5m", expose={"starred": True, "unheard_of": 1}, another={"x": [1]})
    [job] = validate_manifest([sent], 2)
    assert job.wire == sent


def test_a_manifest_beyond_its_bound_or_of_no_objects_is_refused() -> None:
    with pytest.raises(InvalidManifest, match="at most"):
        validate_manifest([{}] * (JOBS_MAX + 1), 2)
    with pytest.raises(InvalidManifest, match="no object"):
        validate_manifest(["jobs.a.b"], 2)  # type: ignore[list-item]
    with pytest.raises(InvalidManifest, match="no job_ref"):
        validate_manifest([{}], 2)


def test_checks_that_need_more_than_this_module_are_handed_in() -> None:
    def check(_job: JobDefinition) -> None:
        raise InvalidTrigger("It never fires.", "Correct it.")

    with pytest.raises(InvalidManifest, match=r"jobs\.a\.b: It never fires"):
        validate_manifest([wire("jobs.a.b")], 2, check=check)
