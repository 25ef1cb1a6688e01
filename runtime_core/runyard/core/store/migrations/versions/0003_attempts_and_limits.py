"""Runs that are tried again, what each attempt ended with, and the order of the queue."""

import json

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

OUTCOMES = "outcome in ('coalesced', 'fired', 'gated', 'limited', 'merged', 'paused', 'retried', 'skipped')"
REASONS = (
    "reason in ('aborted', 'dependency_install_failed', 'exception', 'exit_code', 'killed', 'lost', 'ok',"
    " 'oom', 'self_skip', 'start_failed', 'timeout', 'user_cancel')"
)


def upgrade() -> None:
    _queue()
    _attempts()
    _job_types()
    _outcomes()


def _queue() -> None:
    """Order what waits by when it was due."""
    queued = sa.CheckConstraint(
        "due_at is null or status = 'pending'", name=op.f("ck_runs_due_while_pending")
    )
    op.add_column("runs", sa.Column("due_at", sa.BigInteger(), queued))
    op.execute("update runs set due_at = coalesce(tick_at, created_at) where status = 'pending'")
    op.drop_index("ix_runs_pending", "runs")
    op.drop_index("ix_runs_open", "runs")
    pending = sa.text("status IN ('pending')")
    is_open = sa.text("status IN ('pending', 'running', 'starting')")
    op.create_index(
        "ix_runs_pending", "runs", ["due_at", "id"], sqlite_where=pending, postgresql_where=pending
    )
    again = sa.text("status IN ('pending') AND attempt > 0")
    op.create_index("ix_runs_retries", "runs", ["due_at"], sqlite_where=again, postgresql_where=again)
    op.create_index(
        "ix_runs_open", "runs", ["job_id", "attempt"], sqlite_where=is_open, postgresql_where=is_open
    )


def _attempts() -> None:
    """Keep of each attempt what only the run kept so far; runs had one."""
    known = sa.CheckConstraint(REASONS, name=op.f("ck_attempts_reason"))
    op.add_column("attempts", sa.Column("reason", sa.Text(), known))
    op.add_column("attempts", sa.Column("exit_code", sa.Integer()))
    op.add_column("attempts", sa.Column("signal", sa.Integer()))
    op.add_column("attempts", sa.Column("message", sa.Text()))
    for name in ("reason", "exit_code", "signal", "message"):
        op.execute(
            f"update attempts set {name} = (select {name} from runs where runs.id = attempts.run_id)"  # noqa: S608
        )


def _job_types() -> None:
    """Say of each job whether it runs to an end or serves. A column that is never empty begins with something."""
    known = sa.CheckConstraint("job_type in ('batch', 'interactive')", name=op.f("ck_jobs_job_type"))
    op.add_column("jobs", sa.Column("job_type", sa.Text(), known, nullable=False, server_default="batch"))
    connection = op.get_bind()
    versions = connection.execute(
        sa.text("select jobs.id, definition from jobs join job_versions on job_versions.id = jobs.version_id")
    ).all()
    for job_id, definition in versions:
        wire = json.loads(definition) if isinstance(definition, str) else definition
        if wire["entry_point"]["job_type"] == "interactive":
            connection.execute(
                sa.text("update jobs set job_type = 'interactive' where id = :id"), {"id": job_id}
            )


def _outcomes() -> None:
    """Know one more outcome of a decision. SQLite makes the table anew for it."""
    with op.batch_alter_table("decisions") as decisions:
        # The first migration wrote the prefix of its constraints twice.
        decisions.drop_constraint(op.f("ck_decisions_ck_decisions_outcome"), type_="check")
        decisions.create_check_constraint(op.f("ck_decisions_outcome"), OUTCOMES)
