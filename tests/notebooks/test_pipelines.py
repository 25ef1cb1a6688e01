"""What the page of a run says of what its pipelines loaded."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from runyard_notebooks.pages.pipelines import TABLES_SHOWN, loaded
from runyard_notebooks.pages.run import PIPELINES_SHOWN, RunSeen
from runyard_notebooks.routes import Addresses
from runyard_server.client import LoadedTable, PipelineRun, Run
from runyard_server.client.diagnosis import Diagnosis

NOW = datetime(2026, 11, 22, 6, 0, tzinfo=UTC)

HERE = Addresses("w1")


def seen(*pipelines: PipelineRun) -> RunSeen:
    run = Run(
        id="r1",
        number=1,
        status="completed",
        trigger="manual:",
        profile="prod",
        created_at=NOW,
        job_ref="jobs.etl.load",
        pipeline_name="flights",
    )
    return RunSeen(run, [], 1, 1, Diagnosis(), pipelines, NOW)


def told(pipeline_name: str = "flights", *tables: LoadedTable, **changed: Any) -> PipelineRun:
    values: dict[str, Any] = {
        "id": "p1",
        "job_run_id": "r1",
        "attempt": 1,
        "transaction_id": "t1",
        "pipeline_name": pipeline_name,
        "status": "succeeded",
        "started_at": NOW,
        "finished_at": NOW,
        "duration_seconds": 2.5,
        "total_rows": sum(table.rows for table in tables),
        "table_count": len(tables),
        "tables": tables,
        "destination_name": "duckdb",
        "dataset_name": "data",
    }
    return PipelineRun(**values | changed)


# SPEC: DEC-19
def test_each_pipeline_of_a_run_says_where_it_loaded_and_how_many_rows_into_which_table() -> None:
    tables = [LoadedTable("<orders>", 1200), LoadedTable("people", 300)]
    shown = loaded(seen(told("flights", *tables), told("other")), HERE)
    assert shown is not None
    for part in (
        '<a href="#/w/w1/jobs?pipeline=flights" class="">flights</a>',
        "1,500 rows to duckdb.data in 2.5 s",
        '&lt;orders&gt;</span><i style="--part: 1.0000"></i><b>1,200</b>',
        'people</span><i style="--part: 0.2500"></i><b>300</b>',
        "<strong>other</strong>",
        "0 rows",
    ):
        assert part in shown


def test_bars_of_all_pipelines_of_a_run_have_one_scale() -> None:
    runs = (told("flights", LoadedTable("a", 100)), told("other", LoadedTable("b", 25)))
    shown = loaded(seen(*runs), HERE)
    assert shown is not None
    assert 'b</span><i style="--part: 0.2500">' in shown


def test_tables_that_are_not_drawn_are_counted() -> None:
    tables = [LoadedTable(f"t{n}", 50 - n) for n in range(TABLES_SHOWN + 2)]
    run = told("flights", *tables, table_count=1_000, total_rows=90_000)
    shown = loaded(seen(run), HERE)
    assert shown is not None
    assert shown.count("--part") == TABLES_SHOWN
    drawn = sum(50 - n for n in range(TABLES_SHOWN))
    assert f"992 more tables</span><i></i><b>{90_000 - drawn:,}</b>" in shown


def test_a_pipeline_that_failed_says_at_which_step_and_why() -> None:
    run = told(
        status="failed",
        error_step="load",
        error_message="ValueError: <no>",
        finished_at=None,
        dataset_name=None,
    )
    shown = loaded(seen(run), HERE)
    assert shown is not None
    assert "failed at load" in shown
    assert '<pre class="error">ValueError: &lt;no&gt;</pre>' in shown
    assert "0 rows" not in shown


def test_of_very_many_pipelines_the_first_are_shown_and_no_pipeline_shows_nothing() -> None:
    many = [told(f"p{n}") for n in range(PIPELINES_SHOWN + 1)]
    shown = loaded(seen(*many), HERE)
    assert shown is not None
    assert shown.count('class="pipeline"') == PIPELINES_SHOWN
    assert "Only the first 20 are shown." in shown
    assert loaded(seen(), HERE) is None
