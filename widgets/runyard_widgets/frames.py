"""Rows of runs and jobs as polars frames, with declared columns.

A column a feed does not fill is null, never missing, so that cells built on a frame do not depend on what there is.
Where rows come from is in `row_widget`. polars is imported when a frame is made: drawing needs none.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import polars as pl


def runs_frame(rows: Iterable[Mapping[str, Any]]) -> pl.DataFrame:
    """Runs, one a row, in the given order.

    id, job (its ref), status, trigger, profile, reason, message: String; number: Int64;
    created_at, started_at, finished_at: Datetime in ms, UTC, null until it happened;
    waited_seconds, ran_seconds: Float64, created to started and started to finished, null until both are known.
    """
    import polars as pl

    instant = pl.Datetime("ms", "UTC")
    schema = {
        "id": pl.String,
        "number": pl.Int64,
        "job": pl.String,
        "status": pl.String,
        "trigger": pl.String,
        "profile": pl.String,
        "created_at": instant,
        "started_at": instant,
        "finished_at": instant,
        "reason": pl.String,
        "message": pl.String,
    }
    return _frame(rows, schema).with_columns(
        waited_seconds=(pl.col("started_at") - pl.col("created_at")).dt.total_milliseconds() / 1000,
        ran_seconds=(pl.col("finished_at") - pl.col("started_at")).dt.total_milliseconds() / 1000,
    )


def jobs_frame(rows: Iterable[Mapping[str, Any]]) -> pl.DataFrame:
    """Jobs, one a row, in the given order.

    id, ref, name (the last part of the ref), title (what its author calls it), kind ("batch" or "interactive"),
    pipeline (the one it runs), description, url, latest_run_id, latest_status: String;
    triggers, tags: List of String; next_at: Datetime in ms, UTC; is_paused, is_archived: Boolean.
    """
    import polars as pl

    schema = {
        "id": pl.String,
        "ref": pl.String,
        "name": pl.String,
        "title": pl.String,
        "kind": pl.String,
        "triggers": pl.List(pl.String),
        "next_at": pl.Datetime("ms", "UTC"),
        "is_paused": pl.Boolean,
        "is_archived": pl.Boolean,
        "tags": pl.List(pl.String),
        "pipeline": pl.String,
        "description": pl.String,
        "url": pl.String,
        "latest_run_id": pl.String,
        "latest_status": pl.String,
    }
    return _frame(
        (
            {**row, "latest_run_id": latest.get("id"), "latest_status": latest.get("status")}
            for row in rows
            for latest in [row.get("latest") or {}]
        ),
        schema,
    )


def _frame(rows: Iterable[Mapping[str, Any]], schema: Mapping[str, Any]) -> pl.DataFrame:
    import polars as pl

    found = list(rows)
    return pl.DataFrame({name: [row.get(name) for row in found] for name in schema}, schema=dict(schema))
