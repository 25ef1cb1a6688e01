"""Moves and ends of runs, by id: the product has read a run in the transaction that moves it, and tests have its id."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection

from runyard.core import settling
from runyard.core.runs import Reason, RunStatus
from runyard.core.store import runs
from runyard.core.store.runs import Step


def move(
    connection: Connection,
    run_id: str,
    target: RunStatus,
    *,
    now: int,
    reason: Reason | None = None,
    values: Mapping[str, Any] | None = None,
) -> bool:
    """Move a run as `runs.move_all` does; return whether it was moved."""
    row = runs.by_ids(connection, [run_id])[run_id]
    return bool(runs.move_all(connection, [Step(row, target, reason, values or {})], now=now))


def settle(
    connection: Connection, run_id: str, target: RunStatus, reason: Reason, **how: Any
) -> RunStatus | None:
    """End a run as `settling.settle` does."""
    row = runs.by_ids(connection, [run_id])[run_id]
    return settling.settle(connection, row, target, reason, **how)
