"""Ticks that wait for upstreams, schedules set beside the code, windows asked for, webhooks."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

OUTCOMES = "outcome in ('coalesced', 'fired', 'limited', 'merged', 'not_fresh', 'paused', 'retried', 'skipped', 'waiting')"
KINDS = "kind in ('app', 'signed_webhook', 'webhook')"


def upgrade() -> None:
    op.add_column("job_state", sa.Column("held_at", sa.BigInteger()))
    op.add_column("job_state", sa.Column("deployed_hash", sa.String(length=44)))
    op.add_column("runs", sa.Column("exact", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.create_table(
        "schedule_overrides",
        sa.Column("job_id", sa.String(length=36), nullable=False),
        sa.Column("trigger", sa.Text(), nullable=False),
        sa.Column("replaced", sa.Text(), nullable=True),
        sa.Column("set_by", sa.String(length=36), nullable=False),
        sa.Column("set_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name="fk_schedule_overrides_job_id_jobs"),
        sa.ForeignKeyConstraint(["set_by"], ["users.id"], name="fk_schedule_overrides_set_by_users"),
        sa.PrimaryKeyConstraint("job_id", name="pk_schedule_overrides"),
        comment="Schedules that somebody set beside the code, at most one per job.",
    )
    op.create_table(
        "run_bodies",
        sa.Column("run_id", sa.String(length=36), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name="fk_run_bodies_run_id_runs"),
        sa.PrimaryKeyConstraint("run_id", name="pk_run_bodies"),
        comment="What was posted to the webhook that started a run; apart, because lists of runs do not need it.",
    )
    _kinds()
    _outcomes()


def _kinds() -> None:
    """Know the links that start runs, beside those that open apps."""
    with op.batch_alter_table("links") as links:
        links.drop_constraint(op.f("ck_links_ck_links_kind"), type_="check")
        links.create_check_constraint(op.f("ck_links_kind"), KINDS)


def _outcomes() -> None:
    """Call what a gate holds back by the word of the specification, and know that a tick may wait."""
    with op.batch_alter_table("decisions") as decisions:
        decisions.drop_constraint(op.f("ck_decisions_outcome"), type_="check")
    op.execute("update decisions set outcome = 'not_fresh' where outcome = 'gated'")
    with op.batch_alter_table("decisions") as decisions:
        decisions.create_check_constraint(op.f("ck_decisions_outcome"), OUTCOMES)
