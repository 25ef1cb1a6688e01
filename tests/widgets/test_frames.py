"""Rows as polars frames: the columns are those declared, whatever the rows have."""

from __future__ import annotations

from datetime import UTC, datetime

import polars as pl
from tests.support.rows import NOW_MS, run_row

from runyard_widgets.frames import jobs_frame, runs_frame

CREATED = datetime(2026, 11, 22, 12, tzinfo=UTC)
RUN = run_row(7, started_at=NOW_MS + 1_500, finished_at=NOW_MS + 61_500)


def test_instants_of_runs_are_datetimes_in_utc_and_lengths_are_seconds() -> None:
    row = runs_frame([RUN]).row(0, named=True)

    assert row["created_at"] == CREATED
    assert (row["waited_seconds"], row["ran_seconds"]) == (1.5, 60.0)


def test_what_has_not_happened_is_null() -> None:
    row = runs_frame([{**RUN, "started_at": None, "finished_at": None}]).row(0, named=True)

    assert row["started_at"] is None
    assert (row["waited_seconds"], row["ran_seconds"]) == (None, None)


def test_the_columns_are_the_same_for_no_rows_and_for_rows_that_lack_some() -> None:
    assert runs_frame([]).schema == runs_frame([RUN]).schema == runs_frame([{"id": "r2"}]).schema
    assert jobs_frame([]).schema == jobs_frame([{"ref": "jobs.a", "tags": ["x"]}]).schema


def test_a_jobs_latest_run_is_two_columns_and_its_lists_stay_lists() -> None:
    job = {
        "ref": "jobs.a",
        "triggers": ["every hour"],
        "tags": [],
        "latest": {"id": "r1", "status": "failed"},
    }
    never = {"ref": "jobs.b", "latest": None}

    frame = jobs_frame([job, never])

    assert frame["latest_status"].to_list() == ["failed", None]
    assert frame["latest_run_id"].to_list() == ["r1", None]
    assert frame.schema["triggers"] == pl.List(pl.String)
    assert frame.schema["next_at"] == pl.Datetime("ms", "UTC")
