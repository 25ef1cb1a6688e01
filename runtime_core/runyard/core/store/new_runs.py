"""New runs: created once per cause, numbered per job, many at once. What becomes of them is `runs`."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    JSON,
    Column,
    Connection,
    FunctionElement,
    ScalarSelect,
    Select,
    bindparam,
    column,
    func,
    insert,
    literal_column,
    select,
    update,
)

from runyard.core.planning import NewRun
from runyard.core.runs import RunStatus
from runyard.core.store.runs import SYSTEM, Move, add_causes, note_moves
from runyard.core.store.tables import configurations, deployments, job_state, jobs, runs


@dataclass(frozen=True, slots=True)
class Versions:
    """What a run is made of: the versions of job, code and settings it will use."""

    workspace_id: str
    job_version_id: str
    deployment_id: str
    configuration_id: str
    profiles: Sequence[str]
    """Those that the configuration has settings files for."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A run to create under an id, unless its cause has one already."""

    run_id: str
    job_id: str
    new: NewRun
    versions: Versions
    profile: str


def _newest(column: Column[Any]) -> ScalarSelect[Any]:
    """Select a column of the current snapshot of a job's workspace."""
    table = column.table
    return (
        select(column)
        .where(table.c.workspace_id == jobs.c.workspace_id)
        .order_by(table.c.version.desc())
        .limit(1)
        .scalar_subquery()
    )


# Built once: building one costs as much as running it.
_VERSIONS_NOW = select(
    jobs.c.id,
    jobs.c.workspace_id,
    jobs.c.version_id,
    _newest(deployments.c.id),
    _newest(configurations.c.id),
    _newest(configurations.c.profiles),
).where(jobs.c.id.in_(bindparam("ids", expanding=True)))


def _with_cause(list_of: FunctionElement[Any]) -> Select[str, str]:
    """Select which of some pairs of job and cause have a run; `list_of` makes rows of a list in JSON."""
    pairs = list_of.table_valued(column("value", JSON), name="pairs")
    job_id, cause = (pairs.c.value.op("->>")(literal_column(place)) for place in ("0", "1"))
    return select(runs.c.job_id, runs.c.cause).join(
        pairs, (runs.c.job_id == job_id) & (runs.c.cause == cause)
    )


# Pairs in a list of parameters SQLite looks for among all runs that ever were, and PostgreSQL thinks about for long.
_WITH_CAUSE = {
    "sqlite": _with_cause(func.json_each(bindparam("pairs", type_=JSON))),
    "postgresql": _with_cause(func.json_array_elements(bindparam("pairs", type_=JSON))),
}
_CREATE = insert(runs)
_TAKE_NUMBERS = (
    update(job_state)
    .where(job_state.c.job_id.in_(bindparam("ids", expanding=True)))
    .values(run_count=job_state.c.run_count + bindparam("more"))
    .returning(job_state.c.job_id, job_state.c.run_count)
)


def versions_now(connection: Connection, job_ids: Collection[str]) -> dict[str, Versions]:
    """Return the current versions for jobs, by job id. A workspace with jobs has code and settings."""
    rows = connection.execute(_VERSIONS_NOW, {"ids": sorted(job_ids)})
    return {job_id: Versions(*versions) for job_id, *versions in rows}


def create(
    connection: Connection,
    wanted: Sequence[Wanted],
    *,
    config: Mapping[str, Any],
    user_id: str | None,
    now: int,
) -> set[str]:
    """Create pending runs and return the ids of those created: a cause that has its run already gets none (TRG-18).

    Runs of a job are numbered in the order given. However many there are, it takes the same few statements.
    """
    created = _without_a_run(connection, wanted)
    if not created:
        return set()
    numbers = _take_numbers(connection, Counter(each.job_id for each in created))
    births = [(each, next(numbers[each.job_id])) for each in created]
    rows = [
        {
            "id": each.run_id,
            "workspace_id": each.versions.workspace_id,
            "job_id": each.job_id,
            "job_version_id": each.versions.job_version_id,
            "deployment_id": each.versions.deployment_id,
            "configuration_id": each.versions.configuration_id,
            "number": number,
            "trigger": each.new.trigger,
            "cause": each.new.cause,
            "tick_at": each.new.tick_at,
            "status": RunStatus.PENDING,
            "profile": each.profile,
            "refresh": each.new.refresh,
            "config": dict(config),
            "triggered_by": user_id,
            "previous_run_id": each.new.previous_run_id,
            "interval_start": None if each.new.window is None else each.new.window.start,
            "interval_end": None if each.new.window is None else each.new.window.end,
            "exact": each.new.window is not None,
            "attempt": 0,
            "due_at": now if each.new.tick_at is None else each.new.tick_at,
            "created_at": now,
            "updated_at": now,
        }
        for each, number in births
    ]
    connection.execute(_CREATE, rows)
    add_causes(connection, ((each.run_id, cause) for each in created for cause in each.new.caused_by))
    moves = [
        Move(each.versions.workspace_id, each.job_id, each.run_id, number, None, RunStatus.PENDING)
        for each, number in births
    ]
    note_moves(connection, moves, actor=user_id or SYSTEM, now=now)
    return {each.run_id for each in created}


def have_runs(connection: Connection, causes: Collection[tuple[str, str]]) -> set[tuple[str, str]]:
    """Return which of these pairs of job and cause have a run."""
    if not causes:
        return set()
    query = _WITH_CAUSE[connection.dialect.name]
    return {(job_id, cause) for job_id, cause in connection.execute(query, {"pairs": list(causes)})}


def _without_a_run(connection: Connection, wanted: Sequence[Wanted]) -> list[Wanted]:
    """Return those whose cause has no run yet, each cause once."""
    by_cause = {(each.job_id, each.new.cause): each for each in reversed(wanted)}
    done = have_runs(connection, by_cause)
    return [each for cause, each in reversed(by_cause.items()) if cause not in done]


def _take_numbers(connection: Connection, how_many: Mapping[str, int]) -> dict[str, Iterator[int]]:
    """Return the next run numbers of each job, so many as asked for; nobody else gets these."""
    by_count: defaultdict[int, list[str]] = defaultdict(list)
    for job_id, count in how_many.items():
        by_count[count].append(job_id)
    return {
        job_id: iter(range(last - count + 1, last + 1))
        for count, job_ids in by_count.items()
        for job_id, last in connection.execute(_TAKE_NUMBERS, {"ids": job_ids, "more": count})
    }
