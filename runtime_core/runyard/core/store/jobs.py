"""Jobs: what is deployed, its versions, and the state that planning keeps of each."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from sqlalchemy import Connection, RowMapping, bindparam, case, delete, func, insert, select, update

from runyard.core.jobs import JobDefinition
from runyard.core.runs import OPEN
from runyard.core.store.links import APP
from runyard.core.store.tables import (
    attempts,
    covered_windows,
    has_begun,
    job_edges,
    job_state,
    job_versions,
    jobs,
    links,
    runs,
    runs_that_are,
    schedule_overrides,
)

_newest_run_at = (
    select(runs.c.created_at)
    .where(runs.c.job_id == jobs.c.id)
    .order_by(runs.c.created_at.desc(), runs.c.id.desc())
    .limit(1)
    .scalar_subquery()
)


# Jobs with their current version, state, the schedule set beside the code, and public link. Built once, like all that
# is asked for often: building a statement costs more than running it.
_JOBS = (
    select(
        jobs,
        job_versions.c.definition,
        job_versions.c.definition_hash,
        job_versions.c.extensions,
        job_versions.c.created_by.label("version_created_by"),
        job_versions.c.created_at.label("version_created_at"),
        job_state.c.next_due_at,
        job_state.c.done_until,
        job_state.c.paused_at,
        job_state.c.paused_by,
        schedule_overrides.c.trigger.label("override"),
        schedule_overrides.c.replaced.label("override_replaced"),
        schedule_overrides.c.set_by.label("override_by"),
        schedule_overrides.c.set_at.label("override_at"),
        links.c.id.label("link_id"),
        links.c.token_hash.label("link_token_hash"),
    )
    .join(job_versions, job_versions.c.id == jobs.c.version_id)
    .join(job_state, job_state.c.job_id == jobs.c.id)
    .outerjoin(schedule_overrides, schedule_overrides.c.job_id == jobs.c.id)
    .outerjoin(links, (links.c.job_id == jobs.c.id) & (links.c.kind == APP) & links.c.revoked_at.is_(None))
)
_JOB = _JOBS.where(jobs.c.workspace_id == bindparam("of_workspace"), jobs.c.id == bindparam("of_job"))
_BY_LABEL = _JOBS.where(jobs.c.label == bindparam("of_label"))
_BY_IDS = _JOBS.where(jobs.c.id.in_(bindparam("ids", expanding=True)))
_ALL_OF = _JOBS.where(jobs.c.workspace_id == bindparam("of_workspace")).order_by(jobs.c.job_ref)


def get(connection: Connection, workspace_id: str, job_id: str) -> RowMapping | None:
    given = {"of_workspace": workspace_id, "of_job": job_id}
    return connection.execute(_JOB, given).mappings().first()


def by_label(connection: Connection, label: str) -> RowMapping | None:
    """Return the interactive job that is served under this host label, whatever its workspace."""
    return connection.execute(_BY_LABEL, {"of_label": label}).mappings().first()


def by_ids(connection: Connection, job_ids: Iterable[str]) -> dict[str, RowMapping]:
    """Return jobs by id."""
    rows = connection.execute(_BY_IDS, {"ids": sorted(set(job_ids))}).mappings()
    return {row["id"]: row for row in rows}


def page(
    connection: Connection,
    workspace_id: str,
    *,
    archived: bool | None = None,
    ref: str | None = None,
    limit: int,
    offset: int,
) -> tuple[Sequence[RowMapping], int]:
    """Return jobs, the one that ran last first, and how many match in all."""
    where = [jobs.c.workspace_id == workspace_id]
    if archived is not None:
        where.append(jobs.c.archived_at.is_not(None) if archived else jobs.c.archived_at.is_(None))
    if ref is not None:
        where.append(jobs.c.job_ref == ref)
    total = connection.execute(select(func.count()).select_from(jobs).where(*where)).scalar_one()
    newest_first = func.coalesce(_newest_run_at, jobs.c.created_at).desc()
    query = _JOBS.where(*where).order_by(newest_first, jobs.c.job_ref).limit(limit).offset(offset)
    return connection.execute(query).mappings().all(), total


def all_of(connection: Connection, workspace_id: str) -> Sequence[RowMapping]:
    """Return every job of a workspace, archived ones too, by ref."""
    return connection.execute(_ALL_OF, {"of_workspace": workspace_id}).mappings().all()


def get_version(connection: Connection, version_id: str) -> RowMapping | None:
    return connection.execute(select(job_versions).where(job_versions.c.id == version_id)).mappings().first()


def versions(connection: Connection, version_ids: Iterable[str]) -> dict[str, RowMapping]:
    """Return job versions by id."""
    query = select(job_versions).where(job_versions.c.id.in_(list(version_ids)))
    return {row["id"]: row for row in connection.execute(query).mappings()}


# What a deploy writes -------------------------------------------------------------------------------------


def create(
    connection: Connection,
    *,
    job_id: str,
    version_id: str,
    workspace_id: str,
    definition: JobDefinition,
    definition_hash: str,
    deployment_module: str | None,
    label: str | None,
    edges: Iterable[str],
    user_id: str,
    now: int,
) -> None:
    """Create a job with its first version; `edges` are the refs it follows or is gated by."""
    _put_version(connection, job_id, version_id, 1, definition, definition_hash, user_id=user_id, now=now)
    connection.execute(
        insert(jobs).values(
            id=job_id,
            workspace_id=workspace_id,
            job_ref=definition.job_ref,
            deployment_module=deployment_module,
            version=1,
            version_id=version_id,
            concurrency=definition.concurrency,
            job_type=definition.entry_point.job_type,
            label=label,
            created_by=user_id,
            created_at=now,
            updated_at=now,
        )
    )
    connection.execute(insert(job_state).values(job_id=job_id, run_count=0, anchor_at=now))
    _put_edges(connection, workspace_id, job_id, edges)


def replace_version(
    connection: Connection,
    job: RowMapping,
    *,
    version_id: str,
    definition: JobDefinition,
    definition_hash: str,
    deployment_module: str | None,
    label: str | None,
    edges: Iterable[str],
    user_id: str,
    now: int,
) -> None:
    """Give a job its next version, and bring it back if it was archived."""
    version = job["version"] + 1
    _put_version(
        connection, job["id"], version_id, version, definition, definition_hash, user_id=user_id, now=now
    )
    connection.execute(
        update(jobs)
        .where(jobs.c.id == job["id"])
        .values(
            version=version,
            version_id=version_id,
            deployment_module=deployment_module,
            concurrency=definition.concurrency,
            job_type=definition.entry_point.job_type,
            label=label,
            updated_at=now,
            archived_at=None,
        )
    )
    _put_edges(connection, job["workspace_id"], job["id"], edges)


def _put_version(
    connection: Connection,
    job_id: str,
    version_id: str,
    version: int,
    definition: JobDefinition,
    definition_hash: str,
    *,
    user_id: str,
    now: int,
) -> None:
    connection.execute(
        insert(job_versions).values(
            id=version_id,
            job_id=job_id,
            version=version,
            definition=dict(definition.wire),
            definition_hash=definition_hash,
            extensions=dict(definition.extensions),
            created_by=user_id,
            created_at=now,
        )
    )


def archive(connection: Connection, job_id: str, now: int) -> None:
    """Switch a job off: its triggers stop, its history stays (RCN-05)."""
    connection.execute(update(jobs).where(jobs.c.id == job_id).values(archived_at=now, updated_at=now))
    connection.execute(
        update(job_state)
        .where(job_state.c.job_id == job_id)
        .values(next_due_at=None, held_at=None, seen_until=None)
    )
    connection.execute(delete(job_edges).where(job_edges.c.job_id == job_id))


def _put_edges(connection: Connection, workspace_id: str, job_id: str, refs: Iterable[str]) -> None:
    connection.execute(delete(job_edges).where(job_edges.c.job_id == job_id))
    rows = [
        {"job_id": job_id, "upstream_ref": ref, "workspace_id": workspace_id} for ref in sorted(set(refs))
    ]
    if rows:
        connection.execute(insert(job_edges), rows)


def set_override(
    connection: Connection, job_id: str, *, trigger: str, replaced: str | None, user_id: str, now: int
) -> None:
    """Store a schedule set beside the code, in place of the one set before."""
    drop_override(connection, job_id)
    values = {"job_id": job_id, "trigger": trigger, "replaced": replaced, "set_by": user_id, "set_at": now}
    connection.execute(insert(schedule_overrides).values(values))


def drop_override(connection: Connection, job_id: str) -> None:
    """Forget the schedule set beside the code, if there is one."""
    connection.execute(delete(schedule_overrides).where(schedule_overrides.c.job_id == job_id))


# State ----------------------------------------------------------------------------------------------------


_SET_STATE = update(job_state).where(job_state.c.job_id == bindparam("of_job"))
_SET_DUE = _SET_STATE.values(
    next_due_at=bindparam("due_at"), held_at=bindparam("held_since"), seen_until=bindparam("looked_until")
)
_UNCOVER = delete(covered_windows).where(covered_windows.c.job_id == bindparam("of_job"))
_START_OVER = _SET_STATE.values(
    done_until=None,
    refresh_requested_at=bindparam("asked_at"),
    next_due_at=func.coalesce(job_state.c.next_due_at, bindparam("due_at")),
)
_LATEST_CLAIM = (
    select(func.max(attempts.c.created_at))
    .join(runs, runs.c.id == attempts.c.run_id)
    .where(runs.c.job_id == bindparam("of_job"), runs_that_are(OPEN), has_begun, attempts.c.number == 1)
)
_claimed_at = (
    select(attempts.c.created_at)
    .where(attempts.c.run_id == bindparam("of_run"), attempts.c.number == 1)
    .scalar_subquery()
)
_NOTE_REFRESHED = _SET_STATE.where(job_state.c.refresh_requested_at <= _claimed_at).values(
    refresh_requested_at=None
)
_COVER = insert(covered_windows)
_COVER_AGAIN = (
    update(covered_windows)
    .where(covered_windows.c.job_id == bindparam("of_job"), covered_windows.c.start_at == bindparam("start"))
    .values(
        end_at=case(
            (covered_windows.c.end_at > bindparam("end"), covered_windows.c.end_at), else_=bindparam("end")
        )
    )
)


def set_due(
    connection: Connection,
    due_at: Mapping[str, int | None],
    held_at: Mapping[str, int] | None = None,
    seen_until: Mapping[str, int] | None = None,
) -> None:
    """Store when each of these jobs is due next, and what a `Plan` says of those of which a tick waits."""
    held, seen = held_at or {}, seen_until or {}
    rows = [
        {"of_job": of, "due_at": at, "held_since": held.get(of), "looked_until": seen.get(of)}
        for of, at in due_at.items()
    ]
    if rows:
        connection.execute(_SET_DUE, rows)


def look_again(connection: Connection, job_ids: Collection[str], now: int) -> None:
    """Let planning look at these jobs now, because a tick of theirs waits for what has just come."""
    if job_ids:
        query = update(job_state).where(
            job_state.c.job_id.in_(sorted(job_ids)), job_state.c.next_due_at > now
        )
        connection.execute(query.values(next_due_at=now))


def hold_back(connection: Connection, job_ids: Collection[str], until: int) -> None:
    """Let planning look at these jobs no earlier; the tick that is due now, or waits, will still be due then."""
    if job_ids:
        query = update(job_state).where(job_state.c.job_id.in_(sorted(job_ids)))
        seen = func.coalesce(job_state.c.seen_until, job_state.c.next_due_at - 1)
        connection.execute(query.values(next_due_at=until, seen_until=seen))


def start_counting(connection: Connection, job_id: str, *, next_due_at: int | None, anchor_at: int) -> None:
    """Store when a job is due next and where the phase of its triggers starts, after these were changed."""
    values = {"next_due_at": next_due_at, "held_at": None, "seen_until": None, "anchor_at": anchor_at}
    connection.execute(_SET_STATE, {"of_job": job_id, **values})


def tell_of_code(connection: Connection, job_ids: Iterable[str], content_hash: str) -> set[str]:
    """Store which code the triggers of these jobs have seen; return the jobs to which it is new (TRG-25)."""
    seen = job_state.c.deployed_hash
    query = (
        update(job_state)
        .where(job_state.c.job_id.in_(sorted(job_ids)), seen.is_(None) | (seen != content_hash))
        .values(deployed_hash=content_hash)
        .returning(job_state.c.job_id)
    )
    return set(connection.execute(query).scalars())


def last_started_at(connection: Connection, job_id: str) -> int | None:
    """Return when the newest run of a job that was started has started."""
    query = (
        select(runs.c.started_at)
        .where(runs.c.job_id == job_id, runs.c.started_at.is_not(None))
        .order_by(runs.c.created_at.desc(), runs.c.id.desc())
        .limit(1)
    )
    return connection.execute(query).scalar_one_or_none()


def set_paused(connection: Connection, job_id: str, *, user_id: str | None, at: int | None) -> None:
    """Store who paused a job and when; None for both: nobody."""
    connection.execute(_SET_STATE, {"of_job": job_id, "paused_at": at, "paused_by": user_id})


def start_over(connection: Connection, job_id: str, *, due_at: int | None, now: int) -> None:
    """Forget what a job has covered and make its next run a refresh, until one completes (RFR-05, RFR-06).

    `due_at` is when it is due next if it was not due any more, because its range was complete. It is asked for after
    every claim there was, also by a clock that was set back, and `queue.claim` is after it in the same way.
    """
    latest = connection.execute(_LATEST_CLAIM, {"of_job": job_id}).scalar_one_or_none()
    asked_at = now if latest is None else max(now, latest + 1)
    connection.execute(_UNCOVER, {"of_job": job_id})
    connection.execute(_START_OVER, {"of_job": job_id, "due_at": due_at, "asked_at": asked_at})


def note_completed(connection: Connection, job_id: str, *, done_until: int | None, now: int) -> None:
    """Store that a run of the job completed, and up to where its windows are covered now."""
    connection.execute(_SET_STATE, {"of_job": job_id, "done_until": done_until, "completed_at": now})


def note_refreshed(connection: Connection, job_id: str, run_id: str) -> None:
    """Store that a refresh completed: it fulfils what was asked before it was claimed first, not what came since."""
    connection.execute(_NOTE_REFRESHED, {"of_job": job_id, "of_run": run_id})


def cover(connection: Connection, *, job_id: str, start: int, end: int, run_id: str) -> None:
    """Store that a completed run covered a window; one that begins where another does may be that one again."""
    if connection.execute(_COVER_AGAIN, {"of_job": job_id, "start": start, "end": end}).rowcount == 0:
        row = {"job_id": job_id, "start_at": start, "end_at": end, "run_id": run_id}
        connection.execute(_COVER, row)
