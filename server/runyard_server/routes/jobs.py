"""Jobs: what is deployed, starting and pausing it, and why it did or did not run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query
from sqlalchemy import Connection, RowMapping
from starlette.responses import Response

from runyard.core import pausing, publishing, rescheduling, webhooks
from runyard.core.clock import from_datetime
from runyard.core.errors import InvalidRequest, NotFound
from runyard.core.given_inputs import check_given
from runyard.core.intervals import Window
from runyard.core.run_control import STARTED, StartAnswer
from runyard.core.store import decisions, jobs, links, shown_runs
from runyard_server import requests, schemas
from runyard_server.context import Here, Pausing, Publishing, Reading, Scheduling, Starting, page, reply
from runyard_server.errors import respond
from runyard_server.routes.runs import find_run
from runyard_server.views import Views, instant_or_none

router = APIRouter(prefix="/api/v1/workspaces/{workspace_id}/jobs", tags=["jobs"])

RecentRuns = Annotated[int | None, Query(ge=0, le=requests.RECENT_RUNS_MAX)]


@router.get("", response_model=schemas.Page[schemas.DetailedJob])
def list_jobs(here: Reading, query: Annotated[requests.JobQuery, Query()]) -> Response:
    """Return jobs, the one that ran last first; archived ones too unless told otherwise."""

    def work(connection: Connection) -> schemas.Page[schemas.DetailedJob]:
        rows, total = jobs.page(
            connection,
            here.workspace_id,
            archived=query.is_archived,
            ref=query.ref,
            limit=query.limit,
            offset=query.offset,
        )
        return page(_detailed(here, connection, rows, query.recent_job_runs_limit), total, query)

    return reply(here.read(work))


@router.get("/{job_id}", response_model=schemas.DetailedJob)
def get_job(here: Reading, job_id: UUID, recent_job_runs_limit: RecentRuns = None) -> Response:
    """Return a job."""

    def work(connection: Connection) -> schemas.DetailedJob:
        row = find_job(here, connection, job_id)
        return _detailed(here, connection, [row], recent_job_runs_limit)[0]

    return reply(here.read(work))


@router.get("/{job_id}/decisions", response_model=schemas.Decisions)
def list_decisions(
    here: Reading, job_id: UUID, query: Annotated[requests.DecisionQuery, Query()]
) -> Response:
    """Return what was last decided about a job and why, newest first."""

    def work(connection: Connection) -> schemas.Decisions:
        rows = decisions.newest(connection, find_job(here, connection, job_id)["id"], query.limit)
        return {"items": [here.views().decision(row) for row in rows]}

    return reply(here.read(work))


@router.post("/-trigger", response_model=schemas.TriggeredJobs)
def trigger_jobs(here: Starting, request: requests.TriggerJobs) -> Response:
    """Start every job that an id or a selector names; a job that declines is an answer, not a run."""
    try:
        config = {**_given_to(here, request), **(request.config or {})}
        check_given(config)
        answers = here.runtime.run_control.start(
            here.workspace_id,
            job_ids=None if request.job_ids is None else [str(job_id) for job_id in request.job_ids],
            selectors=request.selectors,
            profile=request.profile,
            refresh=request.refresh,
            dry_run=request.dry_run,
            force=request.force,
            config=config,
            window=_window(request.interval_start, request.interval_end),
            user_id=here.actor.user_id,
        )
    except NotFound as error:
        # Of a 404 the published client says that the workspace is not there, and hides our words.
        return respond(error, status=400)
    views = here.views()
    receipt: schemas.TriggeredJobs = {"succeeded": [], "skipped": [], "failed": []}
    for answer in answers:
        if answer.job is None:
            receipt["failed"].append({"ref": answer.job_id, "detail": "There is no such job."})
        else:
            list_of = receipt["succeeded"] if answer.status == STARTED else receipt["skipped"]
            list_of.append(_triggered(views, answer, answer.job))
    return reply(receipt)


@router.post("/{job_id}/-pause", response_model=schemas.Job)
def pause_job(here: Pausing, job_id: UUID) -> Response:
    """Let the triggers of a job rest until it is resumed; it can still be started by hand."""
    return _changed(
        here,
        job_id,
        lambda connection, job, now: pausing.pause(connection, job, user_id=here.actor.user_id, now=now),
    )


@router.post("/{job_id}/-resume", response_model=schemas.ResumedJob)
def resume_job(here: Pausing, job_id: UUID, *, catch_up: bool = False) -> Response:
    """Let the triggers of a job work again; its next run covers the time since the last one.

    With `catch_up` what they missed is made up for now.
    """

    def work(connection: Connection) -> schemas.ResumedJob:
        job, now = find_job(here, connection, job_id), here.runtime.clock.now()
        makes_up = pausing.resume(connection, job, ids=here.runtime.ids, now=now, catch_up=catch_up)
        job = find_job(here, connection, job_id)
        return {**here.views_of(connection).job(job), "makes_up": makes_up}

    response = reply(here.write(work))
    here.runtime.scheduler.wake()
    return response


@router.put("/{job_id}/schedule", response_model=schemas.Job)
def set_schedule(here: Scheduling, job_id: UUID, request: requests.SetSchedule) -> Response:
    """Set another schedule beside the code of a job; it counts until it is taken away or does not fit the code."""
    answer = _changed(
        here,
        job_id,
        lambda connection, job, now: rescheduling.set_schedule(
            connection,
            job,
            request.trigger,
            min_every_seconds=here.runtime.min_every_seconds,
            user_id=here.actor.user_id,
            now=now,
        ),
    )
    here.runtime.scheduler.wake()
    return answer


@router.delete("/{job_id}/schedule", response_model=schemas.Job)
def drop_schedule(here: Scheduling, job_id: UUID) -> Response:
    """Let the schedule in the code of a job count again."""
    answer = _changed(
        here, job_id, lambda connection, job, now: rescheduling.drop_schedule(connection, job, now=now)
    )
    here.runtime.scheduler.wake()
    return answer


@router.post("/{job_id}/-publish", response_model=schemas.Job)
def publish_job(here: Publishing, job_id: UUID) -> Response:
    """Give an app a new public link, which opens it without an account; the one before never works again."""
    link_id = here.runtime.ids.new_id()
    token = here.server.links.token(link_id)
    return _changed(
        here,
        job_id,
        lambda connection, job, now: publishing.publish(
            connection, job, link_id=link_id, token=token, user_id=here.actor.user_id, now=now
        ),
    )


@router.post("/{job_id}/-unpublish", response_model=schemas.Job)
def unpublish_job(here: Publishing, job_id: UUID) -> Response:
    """Take the public link of an app away, also from those who have it open."""
    return _changed(
        here,
        job_id,
        lambda connection, job, now: publishing.unpublish(
            connection, job, user_id=here.actor.user_id, now=now
        ),
    )


@router.post("/{job_id}/-webhook", response_model=schemas.Webhook)
def issue_webhook(here: Publishing, job_id: UUID, request: requests.IssueWebhook) -> Response:
    """Return the secret addresses that start a job, made at the first time of asking or anew."""
    server, runtime = here.server, here.runtime

    def work(connection: Connection) -> schemas.Webhook:
        job = find_job(here, connection, job_id)
        webhooks.require(job)
        link = links.webhook_of(connection, job["id"])
        was_signed = link is not None and link["kind"] == links.SIGNED_WEBHOOK
        is_signed = was_signed if request.signed is None else request.signed
        if link is None or request.renew or is_signed is not was_signed:
            link_id = runtime.ids.new_id()
            token = server.links.hook_token(link_id)
            user_id, now = here.actor.user_id, runtime.clock.now()
            webhooks.issue(
                connection, job, link_id=link_id, token=token, is_signed=is_signed, user_id=user_id, now=now
            )
        else:
            link_id = link["id"]
        return here.views().webhook(job, link_id, server.links, is_signed=is_signed)

    return reply(here.write(work))


def _changed(here: Here, job_id: UUID, change: Callable[[Connection, RowMapping, int], None]) -> Response:
    """Return a job after a change to it."""

    def work(connection: Connection) -> schemas.Job:
        change(connection, find_job(here, connection, job_id), here.runtime.clock.now())
        return here.views_of(connection).job(find_job(here, connection, job_id))

    return reply(here.write(work))


def _triggered(views: Views, answer: StartAnswer, job: RowMapping) -> schemas.TriggeredJob:
    return {
        "job_id": job["id"],
        "job_ref": job["job_ref"],
        "matched_triggers": list(answer.matched_triggers),
        "trigger": answer.trigger,
        "status": answer.status,
        "job_run_id": None if answer.run is None else answer.run["id"],
        "job_run": None if answer.run is None else views.run(answer.run),
        "reasons": list(answer.reasons) or None,
        "refreshes": None
        if answer.refreshes is None
        else [
            {"job_ref": reached.job_ref, "interval_start": instant_or_none(reached.since)}
            for reached in answer.refreshes
        ],
    }


def _given_to(here: Here, request: requests.TriggerJobs) -> Mapping[str, Any]:
    """Return what the run was given whose values are to be given again; nothing if there is none such.

    No answer tells it, as it may be secret; so no other job gets it either. Raises: NotFound, InvalidRequest.
    """
    if request.values_of is None:
        return {}
    run_id = str(request.values_of)
    run = here.read(lambda connection: find_run(connection, here.workspace_id, run_id))
    if request.selectors or [str(job_id) for job_id in request.job_ids or ()] != [run["job_id"]]:
        raise InvalidRequest(
            "A run's values are for its own job.", "Name that job in `job_ids`, and no other."
        )
    given: Mapping[str, Any] = run["config"]
    return given


def _window(start: datetime | None, end: datetime | None) -> Window | None:
    """Return the part of time that is asked for, None if none is. Raises: InvalidRequest."""
    if start is None and end is None:
        return None
    if start is None or end is None or end <= start:
        raise InvalidRequest(
            "A window has a start and an end after it.", "Give both `interval_start` and `interval_end`."
        )
    return Window(from_datetime(start), from_datetime(end))


def find_job(here: Here, connection: Connection, job_id: UUID) -> RowMapping:
    """Return a job of the workspace. Raises: NotFound."""
    row = jobs.get(connection, here.workspace_id, str(job_id))
    if row is None:
        raise NotFound(f"There is no job {job_id} in this workspace.", "List the jobs to see their ids.")
    return row


def _detailed(
    here: Here, connection: Connection, rows: Sequence[RowMapping], recent_limit: int | None
) -> list[schemas.DetailedJob]:
    views = here.views_of(connection)
    latest = shown_runs.latest_of(connection, [row["id"] for row in rows])

    def recent(job_id: str) -> Sequence[RowMapping] | None:
        if recent_limit is None:
            return None
        return shown_runs.page(connection, here.workspace_id, job_id=job_id, limit=recent_limit, offset=0)[0]

    return [views.detailed_job(row, latest.get(row["id"]), recent(row["id"])) for row in rows]
