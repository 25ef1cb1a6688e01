"""The tables of the first release."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "files",
        sa.Column("snapshot_id", sa.String(length=36), nullable=False),
        sa.Column("relative_path", sa.Text(), nullable=False),
        sa.Column("sha3_256", sa.String(length=44), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("mode", sa.Integer(), nullable=False),
        sa.Column("linkname", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("snapshot_id", "relative_path", name="pk_files"),
        comment="The files of a deployment or configuration; their content is in the file store, by hash.",
    )
    op.create_table(
        "installation",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_installation"),
        comment="One row: this server, which clients see as their organization.",
    )
    op.create_table(
        "users",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_users"),
        sa.UniqueConstraint("email", name="uq_users_email"),
    )
    op.create_table(
        "job_versions",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("job_id", sa.String(length=36), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("definition", sa.JSON(), nullable=False),
        sa.Column("definition_hash", sa.String(length=44), nullable=False),
        sa.Column("extensions", sa.JSON(), nullable=False),
        sa.Column("created_by", sa.String(length=36), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["created_by"], ["users.id"], name="fk_job_versions_created_by_users"),
        sa.PrimaryKeyConstraint("id", name="pk_job_versions"),
        sa.UniqueConstraint("job_id", "version", name="uq_job_versions_job_id_version"),
    )
    op.create_table(
        "sessions",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("user_id", sa.String(length=36), nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_sessions_user_id_users"),
        sa.PrimaryKeyConstraint("id", name="pk_sessions"),
        sa.UniqueConstraint("token_hash", name="uq_sessions_token_hash"),
        comment="Signed-in browsers. Only the hash of the cookie is kept.",
    )
    op.create_table(
        "workspaces",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("tags", sa.JSON(), nullable=False),
        sa.Column("created_by", sa.String(length=36), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("archived_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["created_by"], ["users.id"], name="fk_workspaces_created_by_users"),
        sa.PrimaryKeyConstraint("id", name="pk_workspaces"),
    )
    op.create_table(
        "api_keys",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("user_id", sa.String(length=36), nullable=False),
        sa.Column("workspace_id", sa.String(length=36), nullable=True),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=True),
        sa.Column("revoked_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_api_keys_user_id_users"),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name="fk_api_keys_workspace_id_workspaces"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_api_keys"),
        sa.UniqueConstraint("token_hash", name="uq_api_keys_token_hash"),
        comment="A key with a workspace is a service account of it; one without acts as its user.",
    )
    op.create_table(
        "configurations",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("workspace_id", sa.String(length=36), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("content_hash", sa.String(length=44), nullable=False),
        sa.Column("comparison_hash", sa.String(length=44), nullable=False),
        sa.Column("file_count", sa.Integer(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("created_by", sa.String(length=36), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("profiles", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["created_by"], ["users.id"], name="fk_configurations_created_by_users"),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name="fk_configurations_workspace_id_workspaces"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_configurations"),
        sa.UniqueConstraint("workspace_id", "version", name="uq_configurations_workspace_id_version"),
    )
    op.create_table(
        "deployments",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("workspace_id", sa.String(length=36), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("content_hash", sa.String(length=44), nullable=False),
        sa.Column("comparison_hash", sa.String(length=44), nullable=False),
        sa.Column("file_count", sa.Integer(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("created_by", sa.String(length=36), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("requirements", sa.JSON(), nullable=False),
        sa.Column("requirements_size_bytes", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["created_by"], ["users.id"], name="fk_deployments_created_by_users"),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name="fk_deployments_workspace_id_workspaces"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_deployments"),
        sa.UniqueConstraint("workspace_id", "version", name="uq_deployments_workspace_id_version"),
    )
    op.create_table(
        "events",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("workspace_id", sa.String(length=36), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("job_id", sa.String(length=36), nullable=True),
        sa.Column("run_id", sa.String(length=36), nullable=True),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name="fk_events_workspace_id_workspaces"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_events"),
        comment="The feed: what changed, in order. Readers resume after the last id they saw.",
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("events", schema=None) as batch_op:
        batch_op.create_index("ix_events_workspace", ["workspace_id", "id"], unique=False)

    op.create_table(
        "jobs",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("workspace_id", sa.String(length=36), nullable=False),
        sa.Column("job_ref", sa.Text(), nullable=False),
        sa.Column("deployment_module", sa.Text(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("version_id", sa.String(length=36), nullable=False),
        sa.Column("concurrency", sa.Integer(), nullable=True),
        sa.Column("label", sa.Text(), nullable=True),
        sa.Column("created_by", sa.String(length=36), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("archived_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("concurrency > 0", name="ck_jobs_concurrency"),
        sa.ForeignKeyConstraint(["created_by"], ["users.id"], name="fk_jobs_created_by_users"),
        sa.ForeignKeyConstraint(["version_id"], ["job_versions.id"], name="fk_jobs_version_id_job_versions"),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name="fk_jobs_workspace_id_workspaces"),
        sa.PrimaryKeyConstraint("id", name="pk_jobs"),
        sa.UniqueConstraint("label", name="uq_jobs_label"),
        sa.UniqueConstraint("workspace_id", "job_ref", name="uq_jobs_workspace_id_job_ref"),
    )
    op.create_table(
        "manifests",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("workspace_id", sa.String(length=36), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("deployment_module", sa.Text(), nullable=True),
        sa.Column("engine_version", sa.Integer(), nullable=False),
        sa.Column("manifest_hash", sa.String(length=44), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("jobs", sa.JSON(), nullable=False),
        sa.Column("extensions", sa.JSON(), nullable=False),
        sa.Column("created_by", sa.String(length=36), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["created_by"], ["users.id"], name="fk_manifests_created_by_users"),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name="fk_manifests_workspace_id_workspaces"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_manifests"),
        sa.UniqueConstraint("workspace_id", "version", name="uq_manifests_workspace_id_version"),
    )
    op.create_table(
        "memberships",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("user_id", sa.String(length=36), nullable=False),
        sa.Column("workspace_id", sa.String(length=36), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("role in ('developer', 'owner', 'viewer')", name="ck_memberships_role"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_memberships_user_id_users"),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name="fk_memberships_workspace_id_workspaces"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_memberships"),
        sa.UniqueConstraint("user_id", "workspace_id", name="uq_memberships_user_id_workspace_id"),
    )
    with op.batch_alter_table("memberships", schema=None) as batch_op:
        batch_op.create_index("ix_memberships_workspace_id", ["workspace_id"], unique=False)

    op.create_table(
        "decisions",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("workspace_id", sa.String(length=36), nullable=False),
        sa.Column("job_id", sa.String(length=36), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("last_at", sa.BigInteger(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("trigger", sa.Text(), nullable=False),
        sa.Column("tick_at", sa.BigInteger(), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("because", sa.Text(), nullable=False),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.Column("run_id", sa.String(length=36), nullable=True),
        sa.CheckConstraint(
            "outcome in ('coalesced', 'fired', 'gated', 'limited', 'merged', 'paused', 'skipped')",
            name="ck_decisions_outcome",
        ),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name="fk_decisions_job_id_jobs"),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name="fk_decisions_workspace_id_workspaces"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_decisions"),
        comment="What was decided for each tick or event, and on which facts. Repeats count up in one row.",
    )
    with op.batch_alter_table("decisions", schema=None) as batch_op:
        batch_op.create_index("ix_decisions_job_newest", ["job_id", "id"], unique=False)

    op.create_table(
        "job_edges",
        sa.Column("job_id", sa.String(length=36), nullable=False),
        sa.Column("upstream_ref", sa.Text(), nullable=False),
        sa.Column("workspace_id", sa.String(length=36), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name="fk_job_edges_job_id_jobs"),
        sa.PrimaryKeyConstraint("job_id", "upstream_ref", name="pk_job_edges"),
        comment="Which jobs follow or are gated by which, from the current versions, so that an end finds its effects.",
    )
    with op.batch_alter_table("job_edges", schema=None) as batch_op:
        batch_op.create_index("ix_job_edges_upstream", ["workspace_id", "upstream_ref"], unique=False)

    op.create_table(
        "job_state",
        sa.Column("job_id", sa.String(length=36), nullable=False),
        sa.Column("run_count", sa.Integer(), nullable=False),
        sa.Column("next_due_at", sa.BigInteger(), nullable=True),
        sa.Column("anchor_at", sa.BigInteger(), nullable=False),
        sa.Column("done_until", sa.BigInteger(), nullable=True),
        sa.Column("completed_at", sa.BigInteger(), nullable=True),
        sa.Column("refresh_requested_at", sa.BigInteger(), nullable=True),
        sa.Column("paused_at", sa.BigInteger(), nullable=True),
        sa.Column("paused_by", sa.String(length=36), nullable=True),
        sa.CheckConstraint("(paused_at is null) = (paused_by is null)", name="ck_job_state_paused"),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name="fk_job_state_job_id_jobs"),
        sa.ForeignKeyConstraint(["paused_by"], ["users.id"], name="fk_job_state_paused_by_users"),
        sa.PrimaryKeyConstraint("job_id", name="pk_job_state"),
        comment="What the planner knows of a job besides its definition.",
    )
    with op.batch_alter_table("job_state", schema=None) as batch_op:
        batch_op.create_index(
            "ix_job_state_due",
            ["next_due_at"],
            unique=False,
            sqlite_where=sa.text("next_due_at is not null"),
            postgresql_where=sa.text("next_due_at is not null"),
        )

    op.create_table(
        "runs",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("workspace_id", sa.String(length=36), nullable=False),
        sa.Column("job_id", sa.String(length=36), nullable=False),
        sa.Column("job_version_id", sa.String(length=36), nullable=False),
        sa.Column("deployment_id", sa.String(length=36), nullable=False),
        sa.Column("configuration_id", sa.String(length=36), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("trigger", sa.Text(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("tick_at", sa.BigInteger(), nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("profile", sa.Text(), nullable=False),
        sa.Column("refresh", sa.Boolean(), nullable=False),
        sa.Column("config", sa.JSON(), nullable=False),
        sa.Column("interval_start", sa.BigInteger(), nullable=True),
        sa.Column("interval_end", sa.BigInteger(), nullable=True),
        sa.Column("triggered_by", sa.String(length=36), nullable=True),
        sa.Column("previous_run_id", sa.String(length=36), nullable=True),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("port", sa.Integer(), nullable=True),
        sa.Column("exit_code", sa.Integer(), nullable=True),
        sa.Column("signal", sa.Integer(), nullable=True),
        sa.Column("message", sa.Text(), nullable=True),
        sa.Column("stop_requested_at", sa.BigInteger(), nullable=True),
        sa.Column("stop_requested_by", sa.String(length=36), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=True),
        sa.Column("finished_at", sa.BigInteger(), nullable=True),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "(finished_at is not null) = (status in ('cancelled', 'completed', 'failed'))",
            name="ck_runs_finished_when_terminal",
        ),
        sa.CheckConstraint(
            "(reason is not null) = (status in ('cancelled', 'completed', 'failed'))",
            name="ck_runs_reason_when_terminal",
        ),
        sa.CheckConstraint(
            "reason in ('aborted', 'dependency_install_failed', 'exception', 'exit_code', 'killed', 'lost', 'ok', 'oom', 'self_skip', 'start_failed', 'timeout', 'user_cancel')",
            name="ck_runs_reason",
        ),
        sa.CheckConstraint(
            "status != 'running' or started_at is not null", name="ck_runs_started_when_running"
        ),
        sa.CheckConstraint(
            "status in ('cancelled', 'completed', 'failed', 'pending', 'running', 'starting')",
            name="ck_runs_status",
        ),
        sa.CheckConstraint("interval_start <= interval_end", name="ck_runs_interval"),
        sa.CheckConstraint("number > 0 and attempt >= 0", name="ck_runs_counted_from_one"),
        sa.ForeignKeyConstraint(
            ["configuration_id"], ["configurations.id"], name="fk_runs_configuration_id_configurations"
        ),
        sa.ForeignKeyConstraint(
            ["deployment_id"], ["deployments.id"], name="fk_runs_deployment_id_deployments"
        ),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name="fk_runs_job_id_jobs"),
        sa.ForeignKeyConstraint(
            ["job_version_id"], ["job_versions.id"], name="fk_runs_job_version_id_job_versions"
        ),
        sa.ForeignKeyConstraint(["stop_requested_by"], ["users.id"], name="fk_runs_stop_requested_by_users"),
        sa.ForeignKeyConstraint(["triggered_by"], ["users.id"], name="fk_runs_triggered_by_users"),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name="fk_runs_workspace_id_workspaces"),
        sa.PrimaryKeyConstraint("id", name="pk_runs"),
        sa.UniqueConstraint("job_id", "cause", name="uq_runs_job_id_cause"),
        sa.UniqueConstraint("job_id", "number", name="uq_runs_job_id_number"),
    )
    with op.batch_alter_table("runs", schema=None) as batch_op:
        batch_op.create_index(
            "ix_runs_active",
            ["id"],
            unique=False,
            sqlite_where=sa.text("status IN ('running', 'starting')"),
            postgresql_where=sa.text("status IN ('running', 'starting')"),
        )
        batch_op.create_index("ix_runs_job_newest", ["job_id", "created_at", "id"], unique=False)
        batch_op.create_index("ix_runs_newest", ["workspace_id", "created_at", "id"], unique=False)
        batch_op.create_index(
            "ix_runs_open",
            ["job_id", "status"],
            unique=False,
            sqlite_where=sa.text("status IN ('pending', 'running', 'starting')"),
            postgresql_where=sa.text("status IN ('pending', 'running', 'starting')"),
        )
        batch_op.create_index(
            "ix_runs_pending",
            ["created_at", "id"],
            unique=False,
            sqlite_where=sa.text("status IN ('pending')"),
            postgresql_where=sa.text("status IN ('pending')"),
        )
        batch_op.create_index("ix_runs_previous_run_id", ["previous_run_id"], unique=False)

    op.create_table(
        "attempts",
        sa.Column("run_id", sa.String(length=36), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("engine", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=True),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("line_count", sa.BigInteger(), nullable=True),
        sa.Column("log_bytes", sa.BigInteger(), nullable=True),
        sa.Column("peak_memory_bytes", sa.BigInteger(), nullable=True),
        sa.Column("cpu_seconds", sa.Float(), nullable=True),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name="fk_attempts_run_id_runs"),
        sa.PrimaryKeyConstraint("run_id", "number", name="pk_attempts"),
    )
    op.create_table(
        "covered_windows",
        sa.Column("job_id", sa.String(length=36), nullable=False),
        sa.Column("start_at", sa.BigInteger(), nullable=False),
        sa.Column("end_at", sa.BigInteger(), nullable=False),
        sa.Column("run_id", sa.String(length=36), nullable=False),
        sa.CheckConstraint("start_at < end_at", name="ck_covered_windows_half_open"),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name="fk_covered_windows_job_id_jobs"),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name="fk_covered_windows_run_id_runs"),
        sa.PrimaryKeyConstraint("job_id", "start_at", name="pk_covered_windows"),
    )
    op.create_table(
        "run_causes",
        sa.Column("run_id", sa.String(length=36), nullable=False),
        sa.Column("cause_run_id", sa.String(length=36), nullable=False),
        sa.ForeignKeyConstraint(["cause_run_id"], ["runs.id"], name="fk_run_causes_cause_run_id_runs"),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name="fk_run_causes_run_id_runs"),
        sa.PrimaryKeyConstraint("run_id", "cause_run_id", name="pk_run_causes"),
        comment="Which runs caused which: several upstream events may have merged into one waiting run.",
    )
    with op.batch_alter_table("run_causes", schema=None) as batch_op:
        batch_op.create_index("ix_run_causes_cause_run_id", ["cause_run_id"], unique=False)

    op.create_table(
        "run_events",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("run_id", sa.String(length=36), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("from_status", sa.Text(), nullable=True),
        sa.Column("to_status", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name="fk_run_events_run_id_runs"),
        sa.PrimaryKeyConstraint("id", name="pk_run_events"),
        comment="The history of a run: one row per move. `runs` is the present.",
    )
    with op.batch_alter_table("run_events", schema=None) as batch_op:
        batch_op.create_index("ix_run_events_run_id", ["run_id"], unique=False)
