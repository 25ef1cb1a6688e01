"""How the signal "reload from scratch" travels: from a job to everything downstream that does not block it.

Downstream means reachable over follow-up edges and freshness edges, breadth first, each job once (RFR-04). The
signal drops no data; it resets pointers and tells the next run (RFR-05, RFR-09).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

from runyard.core.errors import InvalidInput
from runyard.core.facts import JobFacts
from runyard.core.jobs import RefreshPolicy, upstream_refs


@dataclass(frozen=True, slots=True)
class Reached:
    """A job that starts over, and the instant its windows begin at; None if it declares none: then the job decides."""

    job_ref: str
    since: int | None


def downstream_of(origin: JobFacts, graph: Mapping[str, JobFacts]) -> list[JobFacts]:
    """Return the jobs a refresh of `origin` reaches, nearest first.

    A job that blocks refreshes neither receives the signal nor passes it on (RFR-03).
    """
    reached: dict[str, JobFacts] = {}
    queue = deque([origin.definition.job_ref])
    while queue:
        ref = queue.popleft()
        for other_ref, other in graph.items():
            if other_ref in reached or other_ref == origin.definition.job_ref or other.archived:
                continue
            if ref in upstreams_of(other) and other.definition.refresh is not RefreshPolicy.BLOCK:
                reached[other_ref] = other
                queue.append(other_ref)
    return list(reached.values())


def reach_of(origin: JobFacts, graph: Mapping[str, JobFacts]) -> list[Reached]:
    """Return what a refresh of `origin` makes start over, itself first, and how far back each goes (RFR-11)."""
    return [Reached(job.definition.job_ref, _since(job)) for job in (origin, *downstream_of(origin, graph))]


def _since(job: JobFacts) -> int | None:
    """Return where the range of a job begins; None if it declares none, or one in a zone that nobody knows."""
    try:
        return None if job.range is None else job.range.start
    except InvalidInput:
        return None


def upstreams_of(job: JobFacts) -> set[str]:
    """Return the refs of the jobs this one follows or is gated by."""
    return {*job.definition.follows, *upstream_refs(job.definition.freshness)}
