"""Up to where the ticks of a job were looked at, apart from the oldest that waits."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.add_column("job_state", sa.Column("seen_until", sa.BigInteger()))
    # Before, an instant just before a tick that could not be planned stood where a waiting tick stands.
    op.execute("update job_state set seen_until = held_at - 1, held_at = null where held_at is not null")
