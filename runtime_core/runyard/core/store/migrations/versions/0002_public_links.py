"""Public links."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "links",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("job_id", sa.String(length=36), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("created_by", sa.String(length=36), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("revoked_by", sa.String(length=36), nullable=True),
        sa.Column("revoked_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("kind in ('app')", name="ck_links_kind"),
        sa.CheckConstraint("(revoked_at is null) = (revoked_by is null)", name="ck_links_revoked"),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name="fk_links_job_id_jobs"),
        sa.ForeignKeyConstraint(["created_by"], ["users.id"], name="fk_links_created_by_users"),
        sa.ForeignKeyConstraint(["revoked_by"], ["users.id"], name="fk_links_revoked_by_users"),
        sa.PrimaryKeyConstraint("id", name="pk_links"),
        sa.UniqueConstraint("token_hash", name="uq_links_token_hash"),
        comment="Public links. A token follows from the link's id and a key that is not in the database.",
    )
    live = sa.text("revoked_at is null")
    op.create_index(
        "ix_links_live", "links", ["job_id", "kind"], unique=True, sqlite_where=live, postgresql_where=live
    )
