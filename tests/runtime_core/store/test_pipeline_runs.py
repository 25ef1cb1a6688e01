"""Runs of pipelines in the store, on SQLite and on PostgreSQL."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import Connection, update
from sqlalchemy.exc import IntegrityError
from tests.support.planning import job
from tests.support.stores import create_owner, create_workspace
from tests.support.traces import body, failed, trace
from tests.support.worlds import OWNER, WORKSPACE

from runyard.core.errors import TooLarge
from runyard.core.ids import SeededIds
from runyard.core.pipeline_traces import PipelineTrace, read_trace
from runyard.core.planning import NewRun
from runyard.core.store import feed, jobs, new_runs, pipeline_runs
from runyard.core.store.engine import Database
from runyard.core.store.tables import pipeline_runs as table

IDS = SeededIds(7)

LOADED = read_trace(body(trace()))


@pytest.fixture
def run_ids(database: Database) -> list[str]:
    """Return two runs of a job."""
    job_id, runs = IDS.new_id(), [IDS.new_id(), IDS.new_id()]

    def work(connection: Connection) -> None:
        create_owner(connection, OWNER)
        create_workspace(connection, WORKSPACE, OWNER, IDS)
        jobs.create(
            connection,
            job_id=job_id,
            version_id=IDS.new_id(),
            workspace_id=WORKSPACE,
            definition=job().definition,
            definition_hash="h",
            deployment_module="__deployment__",
            label=None,
            edges=[],
            user_id=OWNER,
            now=1,
        )
        versions = new_runs.versions_now(connection, [job_id])[job_id]
        wanted = [
            new_runs.Wanted(run_id, job_id, NewRun("manual:", run_id, None, refresh=False), versions, "prod")
            for run_id in runs
        ]
        new_runs.create(connection, wanted, config={}, user_id=None, now=1)

    database.write(work)
    return runs


def keep(database: Database, run_id: str, told: PipelineTrace, attempt: int = 1) -> None:
    database.write(lambda c: pipeline_runs.keep(c, run_id, attempt, told, id=IDS.new_id(), now=5))


# SPEC: DEC-19, SCA-01
def test_what_a_pipeline_told_is_kept_in_the_order_in_which_it_began(
    database: Database, run_ids: list[str]
) -> None:
    first, other = run_ids
    later = replace(read_trace(body(failed())), started_at=LOADED.started_at + 1)
    for run_id, told, attempt in ((first, later, 2), (first, LOADED, 1), (other, LOADED, 1)):
        keep(database, run_id, told, attempt)
    rows = database.read(lambda c: pipeline_runs.page(c, first, limit=10, offset=0))
    assert [(row["transaction_id"], row["attempt"], row["error_step"]) for row in rows] == [
        ("t1", 1, None),
        ("t2", 2, "extract"),
    ]
    assert rows[0]["tables"] == [
        {"table_name": "flights", "rows": 27004},
        {"table_name": "airlines", "rows": 16},
    ]
    assert (rows[0]["table_count"], rows[0]["total_rows"]) == (2, 27020)
    assert database.read(lambda c: pipeline_runs.page(c, first, limit=1, offset=1)) == [rows[1]]
    short = database.read(lambda c: pipeline_runs.summaries(c, run_ids, 10))
    assert {run_id: [row["transaction_id"] for row in found] for run_id, found in short.items()} == {
        first: ["t1", "t2"],
        other: ["t1"],
    }
    assert "tables" not in short[other][0]
    assert database.read(lambda c: pipeline_runs.summaries(c, [], 10)) == {}


# SPEC: DEC-19
def test_what_is_told_twice_is_kept_once_as_it_was_told_last(database: Database, run_ids: list[str]) -> None:
    run_id, _ = run_ids
    for told in (LOADED, replace(LOADED, total_rows=1)):
        keep(database, run_id, told)
    [row] = database.read(lambda c: pipeline_runs.page(c, run_id, limit=10, offset=0))
    assert row["total_rows"] == 1


def test_what_was_told_is_news_of_its_run(database: Database, run_ids: list[str]) -> None:
    keep(database, run_ids[0], LOADED)
    *_, change = database.read(lambda c: feed.after(c, WORKSPACE, 0, 100))
    assert (change["kind"], change["run_id"]) == (pipeline_runs.REPORTED, run_ids[0])
    assert change["data"] == {"pipeline_name": "flights"}


def test_a_run_keeps_no_more_than_it_may(
    database: Database, run_ids: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline_runs, "KEPT_MAX", 1)
    keep(database, run_ids[0], LOADED)
    keep(database, run_ids[0], LOADED)
    with pytest.raises(TooLarge, match="1 runs of pipelines"):
        keep(database, run_ids[0], replace(LOADED, transaction_id="t2"))
    assert database.read(lambda c: pipeline_runs.count_of(c, run_ids[0])) == 1


def test_the_database_refuses_a_failure_without_a_reason(database: Database, run_ids: list[str]) -> None:
    keep(database, run_ids[0], LOADED)
    with pytest.raises(IntegrityError):
        database.write(lambda c: c.execute(update(table).values(error_step="load")))
