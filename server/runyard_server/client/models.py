"""What the API answers, as frozen dataclasses with the wire's names. Unknown fields are ignored.

`from_wire` reads one JSON object. Fields whose name ends in `_at` and ends of intervals are aware datetimes,
everything else is as the server sent it. How requests are made is in `wire`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from functools import cached_property
from typing import Any, Self, TypeVar
from zoneinfo import ZoneInfo

from runyard.core.jobs import JobDefinition, outline_of, parse_job
from runyard.core.manifest import with_schedule
from runyard.core.runs import TERMINAL, RunStatus
from runyard.core.time_words import zone_called
from runyard.core.triggers import in_words

Wire = Mapping[str, Any]
M = TypeVar("M", bound="Model")

_INSTANTS = ("at", "interval_start", "interval_end")


class Model:
    """Reads itself from the wire: one field of the class, one key of the object."""

    @classmethod
    def from_wire(cls, wire: Wire, **given: Any) -> Self:
        names = {item.name for item in fields(cls)}  # type: ignore[arg-type]
        values = {key: _value(key, value) for key, value in wire.items() if key in names}
        return cls(**{**values, **given})


def _value(key: str, value: Any) -> Any:
    if isinstance(value, str) and (key.endswith("_at") or key in _INSTANTS):
        return datetime.fromisoformat(value)
    return tuple(value) if isinstance(value, list) else value


@dataclass(frozen=True, slots=True)
class Workspace(Model):
    """A workspace on the server. `role` is the caller's part in it, known where their workspaces are listed."""

    id: str
    name: str
    organization_id: str
    created_at: datetime
    updated_at: datetime
    description: str | None = None
    role: str | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Member(Model):
    """Somebody who belongs to a workspace, and as what."""

    user_id: str
    email: str
    role: str
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Version(Model):
    """A numbered snapshot of code or of settings."""

    id: str
    version: int
    content_hash: str
    file_count: int
    size_bytes: int
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Move(Model):
    """A step in the life of a run; `actor` is a user's id or `system`."""

    at: datetime
    from_status: str | None
    to_status: str
    reason: str | None
    actor: str


@dataclass(frozen=True, slots=True)
class Attempt(Model):
    """A process of a run: when it was there, and why it ended; None where it did not get so far."""

    number: int
    started_at: datetime | None
    ended_at: datetime | None
    reason: str | None
    exit_code: int | None
    message: str | None


@dataclass(frozen=True, slots=True)
class Effect(Model):
    """A run that another one caused."""

    id: str
    job_ref: str
    number: int
    status: str
    trigger: str


@dataclass(frozen=True, slots=True)
class Decision(Model):
    """What was decided about a job, `count` times in a row: `because` is a sentence, `run_id` what came of it.

    `facts` are what the newest of them stood on.
    """

    id: int
    at: datetime
    last_at: datetime
    count: int
    trigger: str
    tick_at: datetime | None
    outcome: str
    because: str
    run_id: str | None
    run_number: int | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LoadedTable(Model):
    """A table, and how many rows a pipeline made ready for it."""

    table_name: str
    rows: int


@dataclass(frozen=True, slots=True)
class LoadPackage(Model):
    """What a pipeline loads at once, and how far it got."""

    load_id: str
    status: str


@dataclass(frozen=True, slots=True)
class PipelineRun(Model):
    """A run of a pipeline inside a run of a job, as it told of itself; where it failed, `error_step` says.

    `tables` are the largest of `table_count`, the largest first; `total_rows` are those of all.
    """

    id: str
    job_run_id: str
    attempt: int
    transaction_id: str
    pipeline_name: str
    status: str
    started_at: datetime
    total_rows: int
    table_count: int
    tables: tuple[LoadedTable, ...] = ()
    load_packages: tuple[LoadPackage, ...] = ()
    destination_name: str | None = None
    dataset_name: str | None = None
    finished_at: datetime | None = None
    duration_seconds: float | None = None
    error_step: str | None = None
    error_message: str | None = None

    @classmethod
    def from_wire(cls, wire: Wire, **given: Any) -> Self:
        tables = _all(LoadedTable, wire["tables"])
        packages = _all(LoadPackage, wire["load_packages"])
        return super(PipelineRun, cls).from_wire(wire, tables=tables, load_packages=packages, **given)


@dataclass(frozen=True, slots=True)
class Run(Model):
    """One execution of a job. `causes`, `effects`, `history` and `attempts` are only filled where one run is asked for.

    `attempt` is the newest one, of at most `attempts_max`; `retry_at` is when a run that waits to be tried again is.
    `triggered_by` is the id of the user who started it; its `trigger` then only says which one it stands for.
    `pipeline_name` is the pipeline that its job is bound to, if it is to one.
    `timezone` is that of its job, which its window and the times of day of its trigger belong to; empty if unknown.
    """

    id: str
    number: int
    status: str
    trigger: str
    profile: str
    created_at: datetime
    job_ref: str | None = None
    pipeline_name: str | None = None
    timezone: str = ""
    started_at: datetime | None = None
    finished_at: datetime | None = None
    duration_seconds: float | None = None
    interval_start: datetime | None = None
    interval_end: datetime | None = None
    triggered_by: str | None = None
    deployment_id: str | None = None
    configuration_id: str | None = None
    previous_job_run_id: str | None = None
    reason: str | None = None
    exit_code: int | None = None
    message: str | None = None
    refresh: bool = False
    attempt: int = 0
    attempts_max: int = 1
    retry_at: datetime | None = None
    attempts: tuple[Attempt, ...] = ()
    causes: tuple[str, ...] = ()
    effects: tuple[Effect, ...] = ()
    history: tuple[Move, ...] = ()

    @classmethod
    def from_wire(cls, wire: Wire, **given: Any) -> Self:
        if "job" in wire:
            given.setdefault("job_ref", wire["job"]["job_ref"])
            given.setdefault("pipeline_name", wire["job"].get("pipeline_name"))
            given.setdefault("timezone", _timezone(wire["job"]))
        given.setdefault("effects", _all(Effect, wire.get("downstream_job_runs") or ()))
        given.setdefault("history", _all(Move, wire.get("history") or ()))
        given.setdefault("attempts", _all(Attempt, wire.get("attempts") or ()))
        return super(Run, cls).from_wire(wire, **given)

    @property
    def is_over(self) -> bool:
        return self.status in TERMINAL

    @property
    def is_completed(self) -> bool:
        return self.status == RunStatus.COMPLETED

    @property
    def because(self) -> str:
        """Return what started it, in words: somebody, else its trigger."""
        return in_words(self.trigger, self.timezone) if self.triggered_by is None else "by hand"


@dataclass(frozen=True, slots=True)
class ScheduleOverride(Model):
    """A schedule set beside the code of a job: it counts instead of `replaces`. `set_by` is the id of a user."""

    trigger: str
    replaces: str | None
    set_by: str
    set_at: datetime


@dataclass(frozen=True, slots=True)
class Webhook(Model):
    """The secret addresses that start a job, and the key that calls are signed with, None if they need not be."""

    urls: tuple[str, ...]
    signing_key: str | None


@dataclass(frozen=True, slots=True)
class Job(Model):
    """A deployed job: `job_definition` and `extensions` as declared, `triggers` all that starts it.

    `job_url` is where an interactive job is opened, `public_url` where anybody may while it is published; batch jobs
    have neither. `paused_by` is the id of a user. `recent_job_runs`, newest first, each with `id` and `status`, are
    there when asked for.
    """

    id: str
    job_ref: str
    job_type: str
    profile: str
    version: int
    job_definition: dict[str, Any]
    extensions: dict[str, Any]
    created_at: datetime
    updated_at: datetime
    name: str | None = None
    description: str | None = None
    triggers: tuple[str, ...] = ()
    default_trigger: str | None = None
    deployment_module: str | None = None
    freshness: tuple[str, ...] = ()
    interval_start: datetime | None = None
    interval_end: datetime | None = None
    is_archived: bool = False
    is_paused: bool = False
    paused_at: datetime | None = None
    paused_by: str | None = None
    schedule_override: ScheduleOverride | None = None
    next_scheduled_run_at: datetime | None = None
    schedule_ended: str | None = None
    """Why the clock starts it no more: `range_complete` or `elapsed`."""
    unreadable: str | None = None
    """Why the server cannot read it, if it cannot: then it is only known who it is."""
    job_url: str | None = None
    public_url: str | None = None
    latest_run: Run | None = None
    recent_job_runs: tuple[Mapping[str, Any], ...] = ()

    @classmethod
    def from_wire(cls, wire: Wire, **given: Any) -> Self:
        latest = wire.get("latest_job_run")
        run = Run.from_wire(latest, job_ref=wire["job_ref"], timezone=_timezone(wire)) if latest else None
        absent = {key: () for key in ("triggers", "freshness", "recent_job_runs") if wire.get(key) is None}
        override = _override(wire.get("schedule_override"))
        return super(Job, cls).from_wire(
            {**wire, **absent}, latest_run=run, schedule_override=override, **given
        )

    @cached_property
    def definition(self) -> JobDefinition:
        """Return the typed view of the manifest entry, with the schedule that counts."""
        if self.unreadable is not None:
            return outline_of(self.job_ref, self.job_type, self.job_definition)
        job, override = parse_job(self.job_definition, self.extensions), self.schedule_override
        return job if override is None else with_schedule(job, override.trigger)

    @property
    def zone(self) -> ZoneInfo:
        """Return the zone that its times of day are in, to show instants by; UTC where this machine lacks it."""
        return zone_called(self.definition.timezone)


@dataclass(frozen=True)
class ResumedJob(Job):
    """A job after it was resumed; `makes_up` if it makes up now for something that it missed in the pause."""

    makes_up: bool = False


@dataclass(frozen=True, slots=True)
class ChangedJob:
    """What a deploy did, or would do, to one job; `fields` names what differs when it is `updated`.

    `dropped_override` is a schedule set beside the code that ends, because the code says something else now.
    """

    job: Job
    outcome: str
    fields: tuple[str, ...] = ()
    dropped_override: ScheduleOverride | None = None


@dataclass(frozen=True, slots=True)
class DeployReceipt:
    """What a deploy did, or would do, to the jobs of a workspace."""

    jobs: tuple[ChangedJob, ...]
    warnings: tuple[str, ...]

    @classmethod
    def from_wire(cls, wire: Wire) -> Self:
        receipt = wire["job_receipt"]
        rows = [*receipt["succeeded"], *receipt["skipped"]]
        return cls(
            tuple(
                ChangedJob(
                    Job.from_wire(row["job"]),
                    row["outcome"],
                    tuple(row["fields"]),
                    _override(row.get("dropped_override")),
                )
                for row in rows
            ),
            tuple(wire["warnings"]),
        )


@dataclass(frozen=True, slots=True)
class RefreshedJob(Model):
    """A job that a refresh makes start over, and where its windows begin; None if the job itself decides."""

    job_ref: str
    interval_start: datetime | None


@dataclass(frozen=True, slots=True)
class Manifest(Model):
    """A manifest that was deployed, by its number. Its `jobs` are only filled where one manifest is asked for."""

    version: int
    deployment_module: str | None
    job_count: int
    created_at: datetime
    jobs: tuple[Mapping[str, Any], ...] = ()
    extensions: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class JobDifference(Model):
    """A job that two manifests declare otherwise; `fields` holds by name what the one says and what the other says."""

    job_ref: str
    outcome: str
    fields: Mapping[str, tuple[Any, Any]]


@dataclass(frozen=True, slots=True)
class StartedJob(Model):
    """The answer to a start of one job; without `run` it was not started, and `reasons` say why.

    `refreshes` is told in a dry run of a refresh: what starts over, the job itself first.
    """

    job_id: str
    job_ref: str
    trigger: str
    matched_triggers: tuple[str, ...] = ()
    status: str = "triggered"
    reasons: tuple[str, ...] = ()
    run: Run | None = None
    refreshes: tuple[RefreshedJob, ...] = ()

    @classmethod
    def from_wire(cls, wire: Wire, **given: Any) -> Self:
        run = Run.from_wire(wire["job_run"], job_ref=wire["job_ref"]) if wire.get("job_run") else None
        refreshes = _all(RefreshedJob, wire.get("refreshes") or ())
        return super(StartedJob, cls).from_wire(
            {**wire, "reasons": wire.get("reasons") or []}, run=run, refreshes=refreshes, **given
        )


@dataclass(frozen=True, slots=True)
class StartReceipt:
    """Which jobs were started, and which were not."""

    started: tuple[StartedJob, ...]
    skipped: tuple[StartedJob, ...]

    @classmethod
    def from_wire(cls, wire: Wire) -> Self:
        return cls(_all(StartedJob, wire["succeeded"]), _all(StartedJob, wire["skipped"]))


@dataclass(frozen=True, slots=True)
class CancelledRun(Model):
    """A run that was asked to stop, or had ended before."""

    job_ref: str
    job_run_id: str
    job_run_number: int
    previous_status: str


@dataclass(frozen=True, slots=True)
class CancelReceipt:
    """Which runs were asked to stop, and which had ended before."""

    cancelled: tuple[CancelledRun, ...]
    ended_before: tuple[CancelledRun, ...]

    @classmethod
    def from_wire(cls, wire: Wire) -> Self:
        return cls(_all(CancelledRun, wire["succeeded"]), _all(CancelledRun, wire["skipped"]))


@dataclass(frozen=True, slots=True)
class LogLine:
    """A line of a run's log. `number` counts from 0; `text` has no newline at its end."""

    number: int
    at: datetime
    stream: str
    source: str
    text: str

    @classmethod
    def from_wire(cls, wire: Wire) -> Self:
        return cls(
            wire["line_num"],
            datetime.fromisoformat(wire["reported_at"]),
            wire["io_stream"],
            wire["source"],
            wire["content"],
        )


@dataclass(frozen=True, slots=True)
class LogPart:
    """Lines of a run's log from the number `first` on, of `total` that there are so far.

    `body` is UTF-8, lines joined by newlines, each `O|E|S` (stdout, stderr, the supervisor's own words),
    milliseconds since 1970, a tab, the text.
    """

    first: int
    count: int
    total: int
    is_over: bool
    body: bytes

    @property
    def end(self) -> int:
        return self.first + self.count


@dataclass(frozen=True, slots=True)
class Event:
    """One change of a workspace; `id` is where to resume after it."""

    id: int
    kind: str
    job_id: str | None
    run_id: str | None
    data: Mapping[str, Any]


def _timezone(job: Wire) -> str:
    """Return the time zone of a job as it stands there: a run is shown also where its job cannot be read."""
    require = job["job_definition"].get("require")
    return str(require.get("timezone") or "UTC") if isinstance(require, Mapping) else "UTC"


def _override(wire: Wire | None) -> ScheduleOverride | None:
    return None if wire is None else ScheduleOverride.from_wire(wire)


def _all(model: type[M], rows: Iterable[Wire]) -> tuple[M, ...]:
    return tuple(model.from_wire(row) for row in rows)
