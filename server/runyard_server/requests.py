"""What is asked of the API: query parameters and bodies, with their bounds. Names are the contract's.

Answers are in `schemas`. A field of a body that we do not know is ignored, for a newer client may send it; an
unknown query parameter is refused, for a filter that is ignored would be a lie.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field

from runyard.core.manifest import JOB_BYTES_MAX, is_timezone
from runyard.core.outcomes import DAYS_MAX, UPCOMING
from runyard.core.runs import NUMBER_MAX

JsonObject = dict[str, Any]

PAGE_DEFAULT, PAGE_MAX, OFFSET_MAX = 100, 1_000, 10_000
"""Rows of a page, and how far one may skip: the contract's numbers (2.2)."""

RECENT_RUNS_MAX = 50
"""Recent runs told with a job: a row of a small chart."""

BULK_MAX = 1_000
"""Ids in one request: a page of a list."""

LINES_MAX = 10_000
"""Log lines in one answer: some 1 MB, more than anybody looks at between two requests."""

TEXT_MAX = 1_000
"""Characters of a name or description."""

DESCRIPTION_MAX = JOB_BYTES_MAX
"""Characters of what a deployment module says about itself: a docstring, as long as one entry of a manifest."""

PLAN_DAYS = 30
"""How far a plan looks unless told: a month has every weekday and every day of the month."""

WireStatus = Literal[
    "pending", "starting", "running", "cancelling", "completed", "failed", "cancelled", "skipped"
]


def _storable(text: str) -> str:
    """Return a text that both databases can keep. Raises: ValueError."""
    if "\0" in text:
        raise ValueError("it holds a zero character")
    text.encode()  # fails, as a ValueError does, where half a surrogate pair is left of a character
    return text


Text = Annotated[str, AfterValidator(_storable)]


def _known_timezone(name: str) -> str:
    if not is_timezone(name):
        raise ValueError("no IANA timezone has this name")
    return name


class PageQuery(BaseModel):
    """Which part of a list."""

    model_config = ConfigDict(extra="forbid")

    limit: int = Field(PAGE_DEFAULT, ge=1, le=PAGE_MAX)
    offset: int = Field(0, ge=0, le=OFFSET_MAX)


class VersionQuery(PageQuery):
    """Which snapshots to list."""

    version: int | None = Field(None, ge=1, le=NUMBER_MAX)


class JobQuery(PageQuery):
    """Which jobs to list; archived ones too unless `is_archived` says otherwise."""

    ref: Text | None = None
    is_archived: bool | None = None
    recent_job_runs_limit: int | None = Field(None, ge=0, le=RECENT_RUNS_MAX)
    # Only says how to read dates, of which there are none here; the published client always sends it.
    timezone: Annotated[str, AfterValidator(_known_timezone)] = "UTC"


class RunQuery(PageQuery):
    """Which runs to list; those of the dashboard only when asked for."""

    job_id: UUID | None = None
    number: int | None = Field(None, ge=1, le=NUMBER_MAX)
    status: list[WireStatus] = []
    previous_job_run_id: UUID | None = None
    include_system_job_runs: bool = False
    timezone: Annotated[str, AfterValidator(_known_timezone)] = "UTC"


class DecisionQuery(BaseModel):
    """How many decisions to tell."""

    model_config = ConfigDict(extra="forbid")

    limit: int = Field(PAGE_DEFAULT, ge=1, le=PAGE_MAX)


class PlanQuery(BaseModel):
    """How far a plan looks."""

    model_config = ConfigDict(extra="forbid")

    days: int = Field(PLAN_DAYS, ge=1, le=DAYS_MAX)


class NextFiringsQuery(BaseModel):
    """How many decisions to foresee."""

    model_config = ConfigDict(extra="forbid")

    limit: int = Field(UPCOMING, ge=1, le=PAGE_MAX)


class LinesQuery(BaseModel):
    """Which lines of a log; a negative `first` counts from the end, -1 is the last one."""

    model_config = ConfigDict(extra="forbid")

    first: int = 0
    limit: int = Field(LINES_MAX, ge=1, le=LINES_MAX)


class CreateWorkspace(BaseModel):
    """A workspace to create."""

    name: Text = Field(min_length=1, max_length=TEXT_MAX)
    description: Text | None = Field(None, max_length=TEXT_MAX)


class DeployWorkspace(BaseModel):
    """A manifest to make the truth. `extensions` holds, by job ref, what engine 2 has no word for.

    With the ids of the code and the settings it was made for, it is refused once there are newer ones.
    """

    job_definition_engine_version: int
    job_definition_hash: Text = Field(max_length=TEXT_MAX)
    jobs: list[JsonObject]
    extensions: dict[str, JsonObject] = {}
    deployment_module: Text | None = Field(None, max_length=TEXT_MAX)
    description: Text | None = Field(None, max_length=DESCRIPTION_MAX)
    dry_run: bool = False
    deployment_id: UUID | None = None
    configuration_id: UUID | None = None


class ApplyManifest(BaseModel):
    """Whether to make an older manifest the truth, or only to say what that would change."""

    dry_run: bool = False


class TriggerJobs(BaseModel):
    """Jobs to start, by id, by selector, or both."""

    job_ids: list[UUID] | None = Field(None, max_length=BULK_MAX)
    selectors: list[Text] | None = Field(None, max_length=BULK_MAX)
    profile: Text | None = None
    refresh: bool = False
    # Start what is gated though an upstream is not fresh.
    force: bool = False
    dry_run: bool = False
    config: JsonObject | None = None
    # A run of the only job: what it was given is given again, where `config` says nothing.
    values_of: UUID | None = None
    # Both or none: the part of time that the runs cover, exactly.
    interval_start: AwareDatetime | None = None
    interval_end: AwareDatetime | None = None


class IssueWebhook(BaseModel):
    """Whether the address of a webhook is to be a new one; without a word on signing that stays as it is."""

    renew: bool = False
    signed: bool | None = None


class SetSchedule(BaseModel):
    """Five cron fields, or a trigger that repeats."""

    trigger: Text = Field(min_length=1, max_length=TEXT_MAX)


class CancelRuns(BaseModel):
    """Runs to stop."""

    job_run_ids: list[UUID] = Field(max_length=BULK_MAX)
    dry_run: bool = False
