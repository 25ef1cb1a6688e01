"""Loads the facts that planning decides on.

Who decides loads the facts in the transaction that writes the decision; writes happen one after the other, so what was
true when deciding is still true when it is written.
"""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    BindParameter,
    Connection,
    RowMapping,
    bindparam,
    func,
    literal_column,
    null,
    select,
    union_all,
)

from runyard.core.clock import from_datetime
from runyard.core.errors import InvalidInput, InvalidJob
from runyard.core.facts import JobFacts
from runyard.core.intervals import Window
from runyard.core.jobs import JobDefinition, RefreshPolicy, parse_job
from runyard.core.manifest import with_schedule
from runyard.core.planning import cause_of_tick
from runyard.core.runs import OPEN
from runyard.core.store.tables import (
    attempts,
    covered_windows,
    has_begun,
    job_edges,
    job_state,
    job_versions,
    jobs,
    runs,
    runs_that_are,
    schedule_overrides,
)
from runyard.core.triggers import PERIODIC, TriggerType, parse_instant

log = logging.getLogger(__name__)

BATCH = 500
"""Jobs planned in one transaction: enough that a burst is quick, few enough that others get their turn."""


_IDS: BindParameter[Any] = bindparam("ids", expanding=True)

# Built once, because every wake-up, start, claim and end runs them.
_DUE = (
    select(job_state.c.job_id)
    .where(job_state.c.next_due_at <= bindparam("now"))
    # By nothing else, or all that are due would be sorted for each batch of them.
    .order_by(job_state.c.next_due_at)
    .limit(bindparam("at_most"))
)
_NEXT_DUE_AT = (
    select(job_state.c.next_due_at)
    .where(job_state.c.next_due_at.is_not(None))
    .order_by(job_state.c.next_due_at)
    .limit(1)
)
_JOBS = (
    select(
        job_state,
        jobs.c.workspace_id,
        jobs.c.archived_at,
        jobs.c.version_id,
        job_versions.c.definition,
        job_versions.c.extensions,
        schedule_overrides.c.trigger.label("override"),
    )
    .join(jobs, jobs.c.id == job_state.c.job_id)
    .outerjoin(schedule_overrides, schedule_overrides.c.job_id == job_state.c.job_id)
    .join(job_versions, job_versions.c.id == jobs.c.version_id)
    .where(job_state.c.job_id.in_(_IDS))
)
_of_these = runs.c.job_id.in_(_IDS) & runs_that_are(OPEN)
_OPEN_RUNS = union_all(
    select(runs.c.job_id, runs.c.interval_start, runs.c.interval_end, literal_column("0").label("waiting"))
    .where(_of_these, has_begun),
    # Of runs that wait only how many there are: there may be very many.
    select(runs.c.job_id, null(), null(), func.count())
    .where(_of_these, ~has_begun)
    .group_by(runs.c.job_id),
)  # fmt: skip
_oldest = (
    select(runs.c.job_id, func.min(runs.c.number).label("number"))
    # What covers a part of time that somebody named takes in no tick and no event.
    .where(runs.c.job_id.in_(_IDS), runs_that_are(OPEN), ~has_begun, ~runs.c.exact)
    .group_by(runs.c.job_id, runs.c.trigger)
    .subquery()
)
_WAITING = select(runs.c.job_id, runs.c.trigger, runs.c.id).join(
    _oldest, (runs.c.job_id == _oldest.c.job_id) & (runs.c.number == _oldest.c.number)
)
_REFRESHING = (
    select(runs.c.job_id)
    # One that is tried again covers what it began with, so it fulfils nothing that was asked since.
    .join(attempts, (attempts.c.run_id == runs.c.id) & (attempts.c.number == 1))
    .join(job_state, job_state.c.job_id == runs.c.job_id)
    .where(
        runs.c.job_id.in_(_IDS),
        runs_that_are(OPEN),
        has_begun,
        runs.c.refresh,
        attempts.c.created_at >= job_state.c.refresh_requested_at,
    )
)
_FIRED = select(runs.c.job_id, runs.c.trigger).where(
    runs.c.job_id.in_(_IDS), runs.c.cause.in_(bindparam("causes", expanding=True))
)
_BY_REF = select(jobs.c.id).where(
    jobs.c.workspace_id == bindparam("of_workspace"), jobs.c.job_ref.in_(bindparam("refs", expanding=True))
)
_DOWNSTREAM = (
    select(job_edges.c.job_id, jobs.c.job_ref)
    .join(jobs, jobs.c.id == job_edges.c.job_id)
    .where(
        job_edges.c.workspace_id == bindparam("of_workspace"),
        job_edges.c.upstream_ref.in_(bindparam("refs", expanding=True)),
    )
)
_upstream_ref = select(jobs.c.job_ref).where(jobs.c.id == bindparam("of_job")).scalar_subquery()
_FOLLOWERS = (
    select(job_edges.c.job_id, jobs.c.job_ref)
    .join(jobs, jobs.c.id == job_edges.c.job_id)
    .where(job_edges.c.workspace_id == bindparam("of_workspace"), job_edges.c.upstream_ref == _upstream_ref)
)
_COVERED_AFTER_GAPS = (
    select(covered_windows.c.job_id, covered_windows.c.start_at, covered_windows.c.end_at)
    .join(job_state, job_state.c.job_id == covered_windows.c.job_id)
    .where(covered_windows.c.job_id.in_(_IDS), covered_windows.c.end_at > job_state.c.done_until)
    .order_by(covered_windows.c.start_at)
)


def due_job_ids(connection: Connection, now: int, limit: int = BATCH) -> Sequence[str]:
    """Return the jobs whose time has come, the longest overdue first."""
    return connection.execute(_DUE, {"now": now, "at_most": limit}).scalars().all()


def next_due_at(connection: Connection) -> int | None:
    """Return when the next job is due, None if no job is timed."""
    return connection.execute(_NEXT_DUE_AT).scalar_one_or_none()


def load(connection: Connection, job_ids: Iterable[str]) -> dict[str, JobFacts]:
    """Return the facts of these jobs by id; unknown ids are left out.

    Raises: InvalidInput if this version of runyard cannot read what is stored of one.
    """
    found, unreadable = load_readable(connection, job_ids)
    for error in unreadable.values():
        raise error
    return found


def load_readable(
    connection: Connection, job_ids: Iterable[str]
) -> tuple[dict[str, JobFacts], dict[str, InvalidInput]]:
    """Return the facts of these jobs by id, and why those of some cannot be told; unknown ids are left out."""
    ids = sorted(set(job_ids))
    rows = connection.execute(_JOBS, {"ids": ids}).mappings().all() if ids else []
    fresh: Counter[str] = Counter()
    begun: Counter[str] = Counter()
    # Also of a job whose schedule was taken away meanwhile: what is under way covers its window all the same.
    working_on: defaultdict[str, list[Window]] = defaultdict(list)
    for job_id, start, end, waiting_count in connection.execute(_OPEN_RUNS, {"ids": ids}) if ids else ():
        if waiting_count:
            fresh[job_id] = waiting_count
            continue
        begun[job_id] += 1
        if start is not None and start < end:
            working_on[job_id].append(Window(start, end))
    views, unreadable = jobs_of({row["job_id"]: row for row in rows})
    # What most jobs do not have is asked for only where it can be.
    waiting = _oldest_by_trigger(connection, list(fresh))
    periodic = [job_id for job_id, view in views.items() if _is_periodic(view)]
    covered = _covered_after_gaps(connection, periodic)
    fired = _fired(connection, views)
    asked = [
        row["job_id"] for row in rows if row["refresh_requested_at"] is not None and row["job_id"] in begun
    ]
    refreshing = set(connection.execute(_REFRESHING, {"ids": asked}).scalars()) if asked else set()
    found = {
        row["job_id"]: JobFacts(
            job_id=row["job_id"],
            workspace_id=row["workspace_id"],
            definition=views[row["job_id"]],
            anchor_at=row["anchor_at"],
            next_due_at=row["next_due_at"],
            held_at=row["held_at"],
            seen_until=row["seen_until"],
            fired=frozenset(fired[row["job_id"]]),
            done_until=row["done_until"],
            covered=tuple(covered[row["job_id"]]),
            completed_at=row["completed_at"],
            refresh_pending=row["refresh_requested_at"] is not None,
            refreshing=row["job_id"] in refreshing,
            paused=row["paused_at"] is not None,
            archived=row["archived_at"] is not None,
            waiting=waiting[row["job_id"]],
            waiting_count=fresh[row["job_id"]],
            active_count=begun[row["job_id"]],
            working_on=tuple(working_on[row["job_id"]]),
        )
        for row in rows
        if row["job_id"] in views
    }
    return found, unreadable


def by_ref(connection: Connection, workspace_id: str, refs: Iterable[str]) -> dict[str, JobFacts]:
    """Return the facts of the jobs with these refs, by ref; those that cannot be read are left out."""
    wanted = sorted(set(refs))
    if not wanted:
        return {}  # most jobs have no gate
    ids = connection.execute(_BY_REF, {"of_workspace": workspace_id, "refs": wanted}).scalars()
    found, _ = load_readable(connection, ids)
    return {facts.definition.job_ref: facts for facts in found.values()}


def with_followers(
    connection: Connection, workspace_id: str, job_id: str, *, refresh: bool
) -> tuple[JobFacts, dict[str, JobFacts]]:
    """Return the facts of a job, and those of the jobs that follow it or are gated by it, by ref.

    With `refresh`, or if the job always passes one on, also of all that come after those. Followers that cannot be
    read are left out. Raises: InvalidInput if the job itself cannot be.
    """
    edges = {"of_workspace": workspace_id, "of_job": job_id}
    followers = dict(connection.execute(_FOLLOWERS, edges).all())
    found, unreadable = load_readable(connection, {job_id, *followers})
    if job_id in unreadable:
        raise unreadable[job_id]
    job, reached = found[job_id], set(followers)
    if followers and (refresh or job.definition.refresh is RefreshPolicy.ALWAYS):
        reached |= _reached(connection, workspace_id, followers.values())
        more, broken = load_readable(connection, reached - found.keys() - unreadable.keys())
        found, unreadable = found | more, unreadable | broken
    for broken_id, error in unreadable.items():
        log.error("job %s is left out of what an end causes", broken_id, exc_info=error)
    return job, {each.definition.job_ref: each for each in found.values() if each.job_id in reached}


def downstream(connection: Connection, workspace_id: str, ref: str) -> dict[str, JobFacts]:
    """Return all jobs that come after a job, by ref; those that cannot be read are left out."""
    followers, _ = load_readable(connection, _reached(connection, workspace_id, [ref]))
    return {facts.definition.job_ref: facts for facts in followers.values()}


def _reached(connection: Connection, workspace_id: str, refs: Iterable[str]) -> set[str]:
    """Return the ids of all jobs that come after those with these refs."""
    reached: set[str] = set()
    frontier = set(refs)
    while frontier:
        edges = connection.execute(_DOWNSTREAM, {"of_workspace": workspace_id, "refs": sorted(frontier)})
        found = {(job_id, ref) for job_id, ref in edges if job_id not in reached}
        reached |= {job_id for job_id, _ in found}
        frontier = {ref for _, ref in found}
    return reached


def job_of(row: RowMapping) -> JobDefinition:
    """Return the typed view of a job as it counts: its current version, with the schedule set beside it (TRG-21)."""
    return definition_of(row["version_id"], row["definition"], row["extensions"], row["override"])


def jobs_of(rows: Mapping[str, RowMapping]) -> tuple[dict[str, JobDefinition], dict[str, InvalidInput]]:
    """Return the typed views of jobs by id, and why some of them have none."""
    views: dict[str, JobDefinition] = {}
    unreadable: dict[str, InvalidInput] = {}
    for job_id, row in rows.items():
        try:
            views[job_id] = job_of(row)
        except InvalidInput as error:
            unreadable[job_id] = error
    return views, unreadable


def definition_of(
    version_id: str,
    definition: Mapping[str, Any],
    extensions: Mapping[str, Any],
    schedule: str | None = None,
) -> JobDefinition:
    """Return the typed view of a job version, with another schedule if one is set beside the code.

    A version never changes, so its view is made once. Raises: InvalidInput if this version of runyard cannot read it.
    """
    view = _views(version_id, schedule)
    if not view:
        try:
            job = parse_job(definition, extensions)
            view.append(job if schedule is None else with_schedule(job, schedule))
        except InvalidInput:
            raise
        except Exception as error:
            # Of any kind: what is wrong with one job must not keep the others from being read.
            raise InvalidJob(
                f"What is stored of the job is no job definition ({error!r:.200}).", "Deploy it again."
            ) from error
    return view[0]


@lru_cache(maxsize=20_000)
def _views(_version_id: str, _schedule: str | None) -> list[JobDefinition]:
    """Return the place where the view of one version is kept: empty until it is made."""
    return []


def _is_periodic(job: JobDefinition) -> bool:
    """Return whether runs of a job may cover windows."""
    return any(trigger.partition(":")[0] in PERIODIC for trigger in job.triggers)


def _fired(connection: Connection, views: Mapping[str, JobDefinition]) -> defaultdict[str, set[str]]:
    """Return, by job, the `once` triggers whose tick has its run."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    causes = sorted({cause for view in views.values() for cause in _causes_of_once(view)})
    for job_id, trigger in (
        connection.execute(_FIRED, {"ids": list(views), "causes": causes}) if causes else ()
    ):
        found[job_id].add(trigger)
    return found


def _causes_of_once(job: JobDefinition) -> Iterator[str]:
    """Yield the causes of the runs that the `once` triggers of a job make; none of one that cannot be read."""
    for trigger in job.triggers:
        kind, _, expr = trigger.partition(":")
        if kind == TriggerType.ONCE:
            with suppress(InvalidInput):
                yield cause_of_tick(trigger, from_datetime(parse_instant(expr)))


def _oldest_by_trigger(connection: Connection, job_ids: Sequence[str]) -> defaultdict[str, dict[str, str]]:
    """Return, by job and trigger, the oldest run that waits."""
    found: defaultdict[str, dict[str, str]] = defaultdict(dict)
    for job_id, trigger, run_id in connection.execute(_WAITING, {"ids": job_ids}) if job_ids else ():
        found[job_id][trigger] = run_id
    return found


def _covered_after_gaps(connection: Connection, job_ids: Sequence[str]) -> defaultdict[str, list[Window]]:
    """Return the windows that are covered after one that is not, by job."""
    found: defaultdict[str, list[Window]] = defaultdict(list)
    for job_id, start, end in connection.execute(_COVERED_AFTER_GAPS, {"ids": job_ids}) if job_ids else ():
        found[job_id].append(Window(start, end))
    return found
