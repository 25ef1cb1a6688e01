"""Jobs, their versions, and what was decided about them."""

from __future__ import annotations

from typing_extensions import TypedDict

from runyard_server.schemas.shared import Instant, JsonObject, Uuid


class ScheduleOverride(TypedDict):
    """A schedule set beside the code: what counts instead of what the code declares, who set it, and when."""

    trigger: str
    replaces: str | None
    set_by: Uuid
    set_at: Instant


class _JobBase(TypedDict):
    """What a job and a version of it have in common.

    `unreadable` says why this server cannot read it, if it cannot; what follows from the definition is left out then.
    """

    job_ref: str
    name: str
    description: str | None
    job_type: str
    job_definition: JsonObject
    job_definition_engine_version: int
    job_definition_hash: str
    deployment_module: str | None
    profile: str
    version: int
    triggers: list[str]
    default_trigger: str | None
    freshness: list[str] | None
    interval_start: Instant | None
    interval_end: Instant | None
    pipeline_name: str | None
    unreadable: str | None
    created_at: Instant
    created_by: Uuid


class Job(_JobBase):
    """A job. `job_definition` is the manifest entry as it was deployed; `extensions` what stood beside it.

    `triggers` and `default_trigger` are those that count, a `schedule_override` included. `schedule_ended` says why
    the clock starts it no more: `range_complete` or `elapsed`.
    """

    id: Uuid
    workspace_id: Uuid
    extensions: JsonObject
    is_archived: bool
    is_paused: bool
    paused_at: Instant | None
    paused_by: Uuid | None
    schedule_override: ScheduleOverride | None
    next_scheduled_run_at: Instant | None
    schedule_ended: str | None
    job_url: str | None
    public_url: str | None
    public_secret: Uuid | None
    updated_at: Instant


class ResumedJob(Job):
    """A job after it was resumed. `makes_up` says whether it makes up now for something that it missed in the pause."""

    makes_up: bool


class JobVersion(_JobBase):
    """A version of a job: what a run was made of."""

    id: Uuid
    job_id: Uuid
    max_run_time_seconds: int
    provider: str
    updated_at: Instant


class Decision(TypedDict):
    """What was decided for a tick or event of a job, with the facts it stood on."""

    id: int
    at: Instant
    last_at: Instant
    count: int
    trigger: str
    tick_at: Instant | None
    outcome: str
    because: str
    facts: JsonObject
    run_id: Uuid | None
    run_number: int | None


class Decisions(TypedDict):
    """The last decisions about a job, newest first."""

    items: list[Decision]


class Webhook(TypedDict):
    """The secret addresses that start a job, and the key that calls have to be signed with, if they have to be."""

    urls: list[str]
    signing_key: str | None
