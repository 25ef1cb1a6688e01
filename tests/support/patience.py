"""How long a test waits for what has to come, in the one place where anybody may change it."""

from __future__ import annotations

PATIENCE_SECONDS = 120.0
"""Far more than anything takes on a machine that is busy with other things too: only a defect is that late."""
