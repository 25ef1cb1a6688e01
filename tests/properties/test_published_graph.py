"""Gates and refreshes on generated graphs: the published answers, or the difference is a test below.

The published rules are in `dlt._workspace.deployment.freshness` and `.interval`; our differences are listed in
docs/decisions/differences-from-dlt.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from dlt._workspace.deployment.exceptions import InvalidFreshnessConstraint
from dlt._workspace.deployment.freshness import (
    get_direct_freshness_downstream,
    get_refresh_cascade_targets,
    get_transitive_freshness_downstream,
    parse_freshness_constraint,
)
from dlt._workspace.deployment.interval import check_all_upstream_run_fresh
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.oracles import DAY, HOUR, instant_of
from tests.support.planning import job

from runyard.core.clock import to_datetime
from runyard.core.errors import InvalidManifest
from runyard.core.facts import JobFacts
from runyard.core.freshness import stale_because
from runyard.core.intervals import Window
from runyard.core.manifest import default_trigger, validate_manifest
from runyard.core.refresh import downstream_of

FAST = settings(max_examples=150)

NOW = instant_of(2026) + 40 * DAY
UPSTREAM = "jobs.etl.raw"
GATES = [f"job.is_fresh:{UPSTREAM}"]

# Gates ------------------------------------------------------------------------------------------------------

triggers = st.sampled_from(
    [
        "schedule:0 * * * *",
        "schedule:30 6 * * mon",
        "schedule:@daily",
        "every:90m",
        "every:1d",
        "tag:x",
        "deployment:",
    ]
)
zones = st.sampled_from(["UTC", "Asia/Kathmandu", "America/New_York"])


def published_is_fresh(upstream: JobFacts, now: int) -> bool:
    wire: Any = {**upstream.definition.wire, "default_trigger": default_trigger(upstream.definition.triggers)}
    done = None if upstream.done_until is None else to_datetime(upstream.done_until)
    gates: Any = GATES
    fresh, _ = check_all_upstream_run_fresh(gates, {UPSTREAM: wire}, {UPSTREAM: done}, to_datetime(now))
    return fresh


def is_fresh(upstream: JobFacts, now: int) -> bool:
    return not stale_because(GATES, {UPSTREAM: upstream}, now)


def raw(
    declared: Sequence[str], timezone: str = "UTC", done_until: int | None = None, **more: Any
) -> JobFacts:
    wire = {"require": {"timezone": timezone}, **more.pop("wire", {})}
    return job(*declared, ref=UPSTREAM, wire=wire, done_until=done_until, completed_at=done_until, **more)


# SPEC: QLT-02, FRS-01
@FAST
@given(
    st.lists(triggers, max_size=2, unique_by=lambda text: text.partition(":")[0] in ("schedule", "every")),
    zones,
    st.none() | st.integers(0, 10 * DAY) | st.integers(0, 48).map(lambda halves: halves * HOUR // 2),
)
def test_an_upstream_is_as_fresh_as_published(declared: list[str], timezone: str, age: int | None) -> None:
    upstream = raw(declared, timezone, None if age is None else NOW - age)
    assert is_fresh(upstream, NOW) == published_is_fresh(upstream, NOW)


# SPEC: FRS-05
def test_an_upstream_that_is_loading_is_not_fresh_here() -> None:
    loading = raw(["schedule:0 * * * *"], done_until=NOW, working_on=(Window(NOW, NOW + 1),), active_count=1)
    assert published_is_fresh(loading, NOW)
    assert not is_fresh(loading, NOW)


# SPEC: FRS-01, IVL-08
def test_an_upstream_that_has_covered_its_whole_range_stays_fresh_here() -> None:
    end = datetime(2026, 1, 20, tzinfo=UTC).isoformat()
    interval = {"start": "2026-01-01T00:00:00Z", "end": end}
    done = raw(["schedule:@daily"], done_until=instant_of(2026) + 19 * DAY, wire={"interval": interval})
    assert not published_is_fresh(done, NOW)
    assert is_fresh(done, NOW)


# SPEC: FRS-07
def test_only_one_kind_of_gate_exists_here() -> None:
    gate = f"job.is_matching_interval_fresh:{UPSTREAM}"
    assert parse_freshness_constraint(gate).expr == UPSTREAM
    gated = job("tag:x", ref="jobs.etl.gated", wire={"freshness": [gate]}).definition.wire
    with pytest.raises(InvalidManifest, match="is no freshness constraint"):
        validate_manifest([gated, raw(["tag:x"]).definition.wire], 2)
    with pytest.raises(InvalidFreshnessConstraint):
        parse_freshness_constraint("job.is_stale:jobs.etl.raw")


# Refreshes --------------------------------------------------------------------------------------------------

NAMES = ["a", "b", "c", "d", "e", "f"]
policies = st.sampled_from([None, "always", "block"])
graphs = st.fixed_dictionaries(
    {name: st.tuples(st.lists(st.sampled_from(NAMES), max_size=3, unique=True), policies) for name in NAMES}
)


def facts_of(graph: Mapping[str, tuple[list[str], str | None]]) -> dict[str, JobFacts]:
    nodes = {}
    for name, (gates, policy) in graph.items():
        wire: dict[str, Any] = {
            "freshness": [f"job.is_fresh:jobs.s.{gate}" for gate in gates if gate != name]
        }
        if policy:
            wire["refresh_propagation"] = policy
        nodes[f"jobs.s.{name}"] = job(ref=f"jobs.s.{name}", wire=wire)
    return nodes


# SPEC: QLT-02, RFR-03, RFR-04
@FAST
@given(graphs, st.sampled_from(NAMES))
def test_a_refresh_reaches_what_it_reaches_as_published(graph: dict[str, Any], origin: str) -> None:
    nodes, ref = facts_of(graph), f"jobs.s.{origin}"
    wires: Any = {name: node.definition.wire for name, node in nodes.items()}
    assert [node.job_id for node in downstream_of(nodes[ref], nodes)] == get_refresh_cascade_targets(
        ref, wires
    )
    free = {
        name: job(ref=name, wire={"freshness": node.definition.freshness}) for name, node in nodes.items()
    }
    reached = [node.job_id for node in downstream_of(free[ref], free)]
    assert reached == get_transitive_freshness_downstream(ref, wires)
    assert set(get_direct_freshness_downstream(ref, wires)) <= set(reached)


# SPEC: RFR-04
def test_a_refresh_goes_along_follow_ups_here_too() -> None:
    origin, after = job(ref="jobs.s.a"), job("job.success:jobs.s.a", ref="jobs.s.b")
    nodes = {"jobs.s.a": origin, "jobs.s.b": after}
    wires: Any = {name: node.definition.wire for name, node in nodes.items()}
    assert get_refresh_cascade_targets("jobs.s.a", wires) == []
    assert downstream_of(origin, nodes) == [after]
