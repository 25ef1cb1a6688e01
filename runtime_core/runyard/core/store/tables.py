"""The schema: tables, constraints and indexes, the same for SQLite and PostgreSQL.

Instants are whole microseconds UTC and end in `_at`; durations say their unit; ids are UUID texts. What must never
be true is refused by the database: see the CHECKs of `runs`. How the schema changes is in `migrations`.
"""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ColumnElement,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    false,
    literal_column,
    text,
)

from runyard.core.jobs import JobType
from runyard.core.runs import ACTIVE, OPEN, TERMINAL, Reason, RunStatus

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def among(column: str, values: Iterable[str]) -> str:
    """Return the SQL condition that a column holds one of these texts, listed in a stable order."""
    return f"{column} in ({', '.join(repr(str(value)) for value in sorted(values))})"


def one_of(column: str, values: Iterable[str], name: str) -> CheckConstraint:
    """Return the constraint that a column holds one of these texts."""
    return CheckConstraint(among(column, values), name)


def _id() -> Column[str]:
    return Column("id", String(36), primary_key=True)


def _refers(name: str, table: str, *, nullable: bool = False, index: bool = False) -> Column[str]:
    return Column(name, String(36), ForeignKey(f"{table}.id"), nullable=nullable, index=index)


def _at(name: str, *, nullable: bool = False) -> Column[int]:
    return Column(name, BigInteger, nullable=nullable)


def _serial() -> Column[int]:
    # SQLite counts up only in a column of exactly INTEGER.
    return Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True)


# Who ------------------------------------------------------------------------------------------------------

installation = Table(
    "installation",
    metadata,
    _id(),
    Column("name", Text, nullable=False),
    _at("created_at"),
    comment="One row: this server, which clients see as their organization.",
)

users = Table(
    "users",
    metadata,
    _id(),
    Column("email", Text, nullable=False, unique=True),
    Column("name", Text),
    _at("created_at"),
)

memberships = Table(
    "memberships",
    metadata,
    _id(),
    _refers("user_id", "users"),
    _refers("workspace_id", "workspaces", index=True),
    Column("role", Text, nullable=False),
    _at("created_at"),
    UniqueConstraint("user_id", "workspace_id"),
    one_of("role", ("owner", "developer", "viewer"), "role"),
)

sessions = Table(
    "sessions",
    metadata,
    _id(),
    _refers("user_id", "users"),
    Column("token_hash", String(64), nullable=False, unique=True),
    _at("created_at"),
    _at("expires_at"),
    comment="Signed-in browsers. Only the hash of the cookie is kept.",
)

api_keys = Table(
    "api_keys",
    metadata,
    _id(),
    _refers("user_id", "users"),
    _refers("workspace_id", "workspaces", nullable=True),
    Column("label", Text, nullable=False),
    Column("token_hash", String(64), nullable=False, unique=True),
    _at("created_at"),
    _at("expires_at", nullable=True),
    _at("revoked_at", nullable=True),
    comment="A key with a workspace is a service account of it; one without acts as its user.",
)

# What is deployed -----------------------------------------------------------------------------------------

workspaces = Table(
    "workspaces",
    metadata,
    _id(),
    Column("name", Text, nullable=False),
    Column("description", Text),
    Column("tags", JSON, nullable=False),
    _refers("created_by", "users"),
    _at("created_at"),
    _at("updated_at"),
    _at("archived_at", nullable=True),
)


def _snapshot_columns() -> list[Column[str] | Column[int] | UniqueConstraint]:
    return [
        _id(),
        _refers("workspace_id", "workspaces"),
        Column("version", Integer, nullable=False),
        Column("content_hash", String(44), nullable=False),
        Column("comparison_hash", String(44), nullable=False),
        Column("file_count", Integer, nullable=False),
        Column("size_bytes", BigInteger, nullable=False),
        _refers("created_by", "users"),
        _at("created_at"),
        UniqueConstraint("workspace_id", "version"),
    ]


deployments = Table(
    "deployments",
    metadata,
    *_snapshot_columns(),
    Column("requirements", JSON, nullable=False),
    Column("requirements_size_bytes", Integer, nullable=False),
)

configurations = Table(
    "configurations",
    metadata,
    *_snapshot_columns(),
    Column("profiles", JSON, nullable=False),
)

files = Table(
    "files",
    metadata,
    Column("snapshot_id", String(36), primary_key=True),
    Column("relative_path", Text, primary_key=True),
    Column("sha3_256", String(44), nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("mode", Integer, nullable=False),
    Column("linkname", Text),
    comment="The files of a deployment or configuration; their content is in the file store, by hash.",
)

manifests = Table(
    "manifests",
    metadata,
    _id(),
    _refers("workspace_id", "workspaces"),
    Column("version", Integer, nullable=False),
    Column("deployment_module", Text),
    Column("engine_version", Integer, nullable=False),
    Column("manifest_hash", String(44), nullable=False),
    Column("description", Text),
    Column("jobs", JSON, nullable=False),
    Column("extensions", JSON, nullable=False),
    _refers("created_by", "users"),
    _at("created_at"),
    UniqueConstraint("workspace_id", "version"),
)

jobs = Table(
    "jobs",
    metadata,
    _id(),
    _refers("workspace_id", "workspaces"),
    Column("job_ref", Text, nullable=False),
    Column("deployment_module", Text),
    Column("version", Integer, nullable=False),
    _refers("version_id", "job_versions"),
    # Copied from the current version, because the claim of pending runs needs both in SQL.
    Column("concurrency", Integer),
    Column("job_type", Text, nullable=False),
    # The host it is served at, made once; empty for what was never interactive.
    Column("label", Text, unique=True),
    _refers("created_by", "users"),
    _at("created_at"),
    _at("updated_at"),
    _at("archived_at", nullable=True),
    UniqueConstraint("workspace_id", "job_ref"),
    CheckConstraint("concurrency > 0", "concurrency"),
    one_of("job_type", JobType, "job_type"),
)

job_versions = Table(
    "job_versions",
    metadata,
    _id(),
    # No foreign key to `jobs`: a job names its current version, and one of the two has to be written first.
    Column("job_id", String(36), nullable=False),
    Column("version", Integer, nullable=False),
    Column("definition", JSON, nullable=False),
    Column("definition_hash", String(44), nullable=False),
    Column("extensions", JSON, nullable=False),
    _refers("created_by", "users"),
    _at("created_at"),
    UniqueConstraint("job_id", "version"),
)

_live = text("revoked_at is null")

links = Table(
    "links",
    metadata,
    _id(),
    _refers("job_id", "jobs"),
    Column("kind", Text, nullable=False),
    Column("token_hash", String(64), nullable=False, unique=True),
    _refers("created_by", "users"),
    _at("created_at"),
    _refers("revoked_by", "users", nullable=True),
    _at("revoked_at", nullable=True),
    one_of("kind", ("app", "webhook", "signed_webhook"), "kind"),
    CheckConstraint("(revoked_at is null) = (revoked_by is null)", "revoked"),
    # Of each kind a job has one link that works; those before it stay as history.
    Index("ix_links_live", "job_id", "kind", unique=True, sqlite_where=_live, postgresql_where=_live),
    comment="Public links. A token follows from the link's id and a key that is not in the database.",
)

schedule_overrides = Table(
    "schedule_overrides",
    metadata,
    Column("job_id", String(36), ForeignKey("jobs.id"), primary_key=True),
    Column("trigger", Text, nullable=False),
    # What the code said when it was set: it holds until a deploy says something else.
    Column("replaced", Text),
    _refers("set_by", "users"),
    _at("set_at"),
    comment="Schedules that somebody set beside the code, at most one per job.",
)

job_edges = Table(
    "job_edges",
    metadata,
    Column("job_id", String(36), ForeignKey("jobs.id"), primary_key=True),
    Column("upstream_ref", Text, primary_key=True),
    Column("workspace_id", String(36), nullable=False),
    Index("ix_job_edges_upstream", "workspace_id", "upstream_ref"),
    comment="Which jobs follow or are gated by which, from the current versions, so that an end finds its effects.",
)

_timed = text("next_due_at is not null")

job_state = Table(
    "job_state",
    metadata,
    Column("job_id", String(36), ForeignKey("jobs.id"), primary_key=True),
    Column("run_count", Integer, nullable=False),
    # When planning looks next: a tick, or the end of a wait. Empty for jobs without a timed trigger, archived, or with
    # their range complete.
    _at("next_due_at", nullable=True),
    # The oldest tick that waits for its upstreams to become fresh.
    _at("held_at", nullable=True),
    # Up to here ticks were looked at, where that is not just before `next_due_at`: a job whose tick waits is looked at
    # when an upstream completes, whatever the clock shows then, and one that cannot be planned only after a while.
    _at("seen_until", nullable=True),
    # The content of the code that the `deployment` trigger has seen.
    Column("deployed_hash", String(44)),
    # Where the phase of an `every` trigger starts.
    _at("anchor_at"),
    # Up to here every window is covered by a completed run; empty before the first.
    _at("done_until", nullable=True),
    _at("completed_at", nullable=True),
    # A wish to reload from scratch that no refresh has fulfilled which was claimed since.
    _at("refresh_requested_at", nullable=True),
    _at("paused_at", nullable=True),
    _refers("paused_by", "users", nullable=True),
    CheckConstraint("(paused_at is null) = (paused_by is null)", "paused"),
    Index("ix_job_state_due", "next_due_at", sqlite_where=_timed, postgresql_where=_timed),
    comment="What the planner knows of a job besides its definition.",
)

# What ran -------------------------------------------------------------------------------------------------

_is_terminal = among("status", TERMINAL)

runs = Table(
    "runs",
    metadata,
    _id(),
    _refers("workspace_id", "workspaces"),
    _refers("job_id", "jobs"),
    _refers("job_version_id", "job_versions"),
    _refers("deployment_id", "deployments"),
    _refers("configuration_id", "configurations"),
    Column("number", Integer, nullable=False),
    # The reason for the run as text (`schedule:0 6 * * *`), and the one tick or event it stands for: the pair
    # (job, cause) is unique, which is why a second planner or a restart cannot start it twice.
    Column("trigger", Text, nullable=False),
    Column("cause", Text, nullable=False),
    _at("tick_at", nullable=True),
    Column("status", Text, nullable=False),
    Column("reason", Text),
    Column("profile", Text, nullable=False),
    Column("refresh", Boolean, nullable=False),
    Column("config", JSON, nullable=False),
    _at("interval_start", nullable=True),
    _at("interval_end", nullable=True),
    # Whether the interval was asked for as it stands, and is not to be decided when the run leaves the queue.
    Column("exact", Boolean, nullable=False, server_default=false()),
    _refers("triggered_by", "users", nullable=True),
    Column("previous_run_id", String(36), index=True),
    # The newest attempt. One that waits and has had attempts before is to be tried again, and keeps its slot.
    Column("attempt", Integer, nullable=False),
    # The place in the queue of a run that waits; one that is tried again does not start before.
    _at("due_at", nullable=True),
    # Where an interactive run listens on loopback, from before its process is started.
    Column("port", Integer),
    Column("exit_code", Integer),
    Column("signal", Integer),
    Column("message", Text),
    _at("stop_requested_at", nullable=True),
    _refers("stop_requested_by", "users", nullable=True),
    _at("created_at"),
    _at("started_at", nullable=True),
    _at("finished_at", nullable=True),
    _at("updated_at"),
    UniqueConstraint("job_id", "number"),
    UniqueConstraint("job_id", "cause"),
    one_of("status", RunStatus, "status"),
    one_of("reason", Reason, "reason"),
    CheckConstraint(f"(finished_at is not null) = ({_is_terminal})", "finished_when_terminal"),
    CheckConstraint(f"(reason is not null) = ({_is_terminal})", "reason_when_terminal"),
    CheckConstraint("status != 'running' or started_at is not null", "started_when_running"),
    CheckConstraint("interval_start <= interval_end", "interval"),
    CheckConstraint("number > 0 and attempt >= 0", "counted_from_one"),
    CheckConstraint("due_at is null or status = 'pending'", "due_while_pending"),
    # Read backwards: newest first, and on from any run.
    Index("ix_runs_newest", "workspace_id", "created_at", "id"),
    Index("ix_runs_job_newest", "job_id", "created_at", "id"),
)


def runs_that_are(statuses: Iterable[RunStatus]) -> ColumnElement[bool]:
    """Return the condition that a run is in one of these statuses.

    They are written out: an index over some of the runs serves no statement that hides which ones in parameters.
    """
    return runs.c.status.in_([literal_column(repr(str(status))) for status in sorted(statuses)])


has_begun = runs.c.attempt > literal_column("0")
"""The condition that a run had an attempt. One that is open then holds one of its job's slots; while it is pending it
waits to be tried again."""

_open = runs_that_are(OPEN)
Index("ix_runs_open", runs.c.job_id, runs.c.attempt, sqlite_where=_open, postgresql_where=_open)
_pending = runs_that_are({RunStatus.PENDING})
Index("ix_runs_pending", runs.c.due_at, runs.c.id, sqlite_where=_pending, postgresql_where=_pending)
_again = _pending & has_begun
Index("ix_runs_retries", runs.c.due_at, sqlite_where=_again, postgresql_where=_again)
_active = runs_that_are(ACTIVE)
Index("ix_runs_active", runs.c.id, sqlite_where=_active, postgresql_where=_active)

attempts = Table(
    "attempts",
    metadata,
    Column("run_id", String(36), ForeignKey("runs.id"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("engine", Text, nullable=False),
    _at("created_at"),
    _at("started_at", nullable=True),
    _at("ended_at", nullable=True),
    Column("line_count", BigInteger),
    Column("log_bytes", BigInteger),
    Column("peak_memory_bytes", BigInteger),
    Column("cpu_seconds", Float),
    Column("reason", Text),
    Column("exit_code", Integer),
    Column("signal", Integer),
    Column("message", Text),
    one_of("reason", Reason, "reason"),
)

run_events = Table(
    "run_events",
    metadata,
    _serial(),
    _refers("run_id", "runs", index=True),
    _at("at"),
    Column("from_status", Text),
    Column("to_status", Text, nullable=False),
    Column("reason", Text),
    Column("actor", Text, nullable=False),
    comment="The history of a run: one row per move. `runs` is the present.",
)

run_causes = Table(
    "run_causes",
    metadata,
    Column("run_id", String(36), ForeignKey("runs.id"), primary_key=True),
    Column("cause_run_id", String(36), ForeignKey("runs.id"), primary_key=True, index=True),
    comment="Which runs caused which: several upstream events may have merged into one waiting run.",
)

run_bodies = Table(
    "run_bodies",
    metadata,
    Column("run_id", String(36), ForeignKey("runs.id"), primary_key=True),
    Column("body", Text, nullable=False),
    comment="What was posted to the webhook that started a run; apart, because lists of runs do not need it.",
)

pipeline_runs = Table(
    "pipeline_runs",
    metadata,
    _id(),
    _refers("run_id", "runs"),
    Column("attempt", Integer, nullable=False),
    # The pipeline's own id of what it did: what is told twice is kept once.
    Column("transaction_id", Text, nullable=False),
    Column("pipeline_name", Text, nullable=False),
    Column("destination_name", Text),
    Column("dataset_name", Text),
    _at("started_at"),
    _at("finished_at", nullable=True),
    Column("error_step", Text),
    Column("error_message", Text),
    # The largest tables with their rows; how many tables and rows there are in all is beside it.
    Column("tables", JSON, nullable=False),
    Column("table_count", Integer, nullable=False),
    Column("total_rows", BigInteger, nullable=False),
    Column("load_packages", JSON, nullable=False),
    _at("created_at"),
    UniqueConstraint("run_id", "transaction_id"),
    CheckConstraint("(error_step is null) = (error_message is null)", "error"),
    comment="What pipelines told of themselves while a run was active.",
)

covered_windows = Table(
    "covered_windows",
    metadata,
    Column("job_id", String(36), ForeignKey("jobs.id"), primary_key=True),
    Column("start_at", BigInteger, primary_key=True),
    Column("end_at", BigInteger, nullable=False),
    _refers("run_id", "runs"),
    CheckConstraint("start_at < end_at", "half_open"),
)

decisions = Table(
    "decisions",
    metadata,
    _serial(),
    _refers("workspace_id", "workspaces"),
    _refers("job_id", "jobs"),
    _at("at"),
    _at("last_at"),
    Column("count", Integer, nullable=False),
    Column("trigger", Text, nullable=False),
    _at("tick_at", nullable=True),
    Column("outcome", Text, nullable=False),
    Column("because", Text, nullable=False),
    Column("facts", JSON, nullable=False),
    Column("run_id", String(36)),
    one_of(
        "outcome",
        ("fired", "coalesced", "merged", "skipped", "waiting", "not_fresh", "paused", "limited", "retried"),
        "outcome",
    ),
    Index("ix_decisions_job_newest", "job_id", "id"),
    comment="What was decided for each tick or event, and on which facts. Repeats count up in one row.",
)

# What changed ---------------------------------------------------------------------------------------------

events = Table(
    "events",
    metadata,
    _serial(),
    _refers("workspace_id", "workspaces"),
    _at("at"),
    Column("kind", Text, nullable=False),
    Column("job_id", String(36)),
    Column("run_id", String(36)),
    Column("data", JSON, nullable=False),
    Index("ix_events_workspace", "workspace_id", "id"),
    comment="The feed: what changed, in order. Readers resume after the last id they saw.",
    sqlite_autoincrement=True,
)
