"""Where a refresh goes: along follow-ups and gates, around what blocks it, and never back to where it began."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from tests.support.planning import at, job

from runyard.core.facts import JobFacts
from runyard.core.refresh import Reached, downstream_of, reach_of, upstreams_of


def node(name: str, *, gates: Sequence[str] = (), follows: Sequence[str] = (), **more: Any) -> JobFacts:
    policy = more.pop("policy", None)
    wire: dict[str, Any] = {"freshness": [f"job.is_fresh:jobs.s.{gate}" for gate in gates]}
    if policy:
        wire["refresh_propagation"] = policy
    triggers = [f"job.success:jobs.s.{followed}" for followed in follows]
    return job(*triggers, ref=f"jobs.s.{name}", wire=wire, **more)


def reached(origin: str, *nodes: JobFacts) -> list[str]:
    graph = {each.definition.job_ref: each for each in nodes}
    return [each.definition.name for each in downstream_of(graph[f"jobs.s.{origin}"], graph)]


# SPEC: RFR-04
def test_a_refresh_goes_along_gates_and_follow_ups_nearest_first() -> None:
    far, near, other = node("far", gates=["near"]), node("near", follows=["origin"]), node("other")
    assert reached("origin", far, other, near, node("origin")) == ["near", "far"]
    assert upstreams_of(node("x", gates=["a"], follows=["b"])) == {"jobs.s.a", "jobs.s.b"}


# SPEC: RFR-03
def test_a_job_that_blocks_a_refresh_does_not_pass_it_on() -> None:
    wall, behind = node("wall", gates=["origin"], policy="block"), node("behind", gates=["wall"])
    assert reached("origin", node("origin"), wall, behind) == []
    # Round the wall is another way.
    assert reached("origin", node("origin"), wall, node("behind", gates=["wall", "origin"])) == ["behind"]


def test_an_archived_job_is_not_reached() -> None:
    gone, behind = node("gone", gates=["origin"], archived=True), node("behind", gates=["gone"])
    assert reached("origin", node("origin"), gone, behind) == []


# SPEC: RFR-04
@pytest.mark.parametrize("archived", [False, True])
def test_a_refresh_never_returns_to_its_origin_and_reaches_each_job_once(archived: bool) -> None:
    origin = node("origin", gates=["b"], archived=archived)
    a, b = node("a", gates=["origin", "b"]), node("b", gates=["a", "origin"])
    assert reached("origin", origin, a, b) == ["a", "b"]


# SPEC: RFR-11
def test_a_refresh_says_of_each_job_how_far_back_it_goes() -> None:
    daily = {"interval": {"start": "2026-01-01T00:00:00Z"}, "freshness": ["job.is_fresh:jobs.s.origin"]}
    ranged, origin = job("schedule:@daily", ref="jobs.s.ranged", wire=daily), node("origin")
    graph = {"jobs.s.origin": origin, "jobs.s.ranged": ranged}
    assert reach_of(origin, graph) == [
        Reached("jobs.s.origin", None),
        Reached("jobs.s.ranged", at("2026-01-01T00:00")),
    ]


# SPEC: RFR-11
def test_how_far_back_a_job_goes_in_a_zone_that_nobody_knows_is_not_said() -> None:
    elsewhere = {"interval": {"start": "2026-01-01"}, "require": {"timezone": "Atlantis/City"}}
    assert reach_of(job("schedule:@daily", wire=elsewhere), {}) == [Reached("jobs.etl.load", None)]
