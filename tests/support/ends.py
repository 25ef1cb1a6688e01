"""Ends of runs, by id: the product reads a run in the transaction that ends it, and tests have only its id."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection

from runyard.core import settling
from runyard.core.runs import Reason, RunStatus
from runyard.core.store import runs


def settle(
    connection: Connection, run_id: str, target: RunStatus, reason: Reason, **how: Any
) -> RunStatus | None:
    """End a run as `settling.settle` does."""
    row = runs.by_ids(connection, [run_id])[run_id]
    return settling.settle(connection, row, target, reason, **how)
