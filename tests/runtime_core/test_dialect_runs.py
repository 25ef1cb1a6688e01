"""Runs of jobs written with `dlt.hub.run`, under dlt's own launcher: what they are told arrives as it was meant."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.support.planning import window
from tests.support.workspaces import discovered, make_workspace
from tests.support.worlds import World, batch_job

from runyard.core import webhooks

SDK = Path(__file__).parents[2] / "runtime_core"

LOADS = """
import json
import os
from datetime import datetime, timezone

import dlt
from dlt.hub import run
from dlt.hub.run import TJobRunContext, trigger


@dlt.resource
def rows(at=dlt.sources.incremental("at", initial_value=datetime(2020, 1, 1, tzinfo=timezone.utc))):
    print("reads", at.initial_value, at.end_value)
    yield []


def tell(**what):
    print(json.dumps(what, default=str))


@run.job(
    trigger=trigger.schedule("0 0 * * *"),
    interval={"start": "2026-01-01T00:00:00", "end": "2026-01-03T00:00:00"},
    require={"timezone": "America/New_York"},
    incremental_mode="interval",
    auto_refresh_pipeline_mode="drop_resources",
)
def daily(run_context: TJobRunContext, limit: int = 5, label: str = dlt.config.value, word: str = dlt.secrets.value):
    list(rows())
    tell(
        start=run_context["interval_start"].isoformat(),
        end=run_context["interval_end"].isoformat(),
        run_id=run_context["run_id"] == os.environ["RUNTIME__RUN_ID"],
        trigger=run_context["trigger"],
        refresh=run_context["refresh"],
        pipeline_refresh=dlt.pipeline("p", destination="duckdb").refresh,
        profile=dlt.current.run_context().profile,
        limit=limit,
        label=label,
        word=word,
    )


@run.job()
async def plain(run_context: TJobRunContext):
    list(rows())
    empty = run_context["interval_start"] == run_context["interval_end"]
    tell(empty=empty, refresh=run_context["refresh"], zone=os.environ["DLT_INTERVAL_TIMEZONE"])
"""

STORES = """
import dlt
from dlt.hub import run


@run.job()
def store():
    pipeline = dlt.pipeline("stores", destination="warehouse", dataset_name="stored")
    pipeline.run([{"number": 1}], table_name="rows")
    with pipeline.sql_client() as client:
        print(client.execute_sql("SELECT count(*) FROM rows")[0][0])
"""

SETTINGS = {
    "config.toml": '[jobs.loads]\nlabel = "of all"\nlimit = 6\n',
    "prod.config.toml": '[jobs.loads.daily]\nlabel = "of prod"\n',
    "secrets.toml": '[jobs.loads]\nword = "hush"\n',
}


def jobs_in(root: Path, files: dict[str, str]) -> list[dict[str, Any]]:
    jobs: list[dict[str, Any]] = discovered(make_workspace(root, files)).manifest["jobs"]
    return jobs


@pytest.fixture(scope="module")
def definitions(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    deployment = "from loads import daily, plain\n__all__ = ['daily', 'plain']\n"
    files = {"loads.py": LOADS, "__deployment__.py": deployment}
    return jobs_in(tmp_path_factory.mktemp("workspace"), files)


ENDS = """
import os

import dlt
import dlt.hub.run as documented
from dlt.hub import run
from dlt.hub.run import trigger
from runyard.run import Abort, Skip


@dlt.resource
def rows():
    yield {"number": 1}
    raise Skip("nothing new")


@documented.job(trigger=trigger.schedule("0 0 * * *"))
def skip():
    try:
        dlt.pipeline("ends", destination="duckdb").run(rows())
    except Exception:
        print("went on as after an error")


@run.job(execute={"timeout": "1h"})
async def abort():
    raise Abort("the source is being rebuilt")


@run.job()
def abort_as_dlt_does():
    raise run.JobAbortedException("the source is being rebuilt", {})


@run.job()
def tell():
    run.result({"rows": 7}, type="summary")


@run.job(trigger=trigger.webhook("orders"))
def posted(run_context, limit: int = 5):
    with open(os.environ["RUNYARD_WEBHOOK_BODY"]) as body:
        print(limit, body.read(), run_context["trigger"])
"""
ENDING = ("skip", "abort", "abort_as_dlt_does", "tell", "posted")


@pytest.fixture
def world(tmp_path: Path, definitions: list[dict[str, Any]]) -> Iterator[World]:
    world = World(tmp_path / "data")
    world.upload({"loads.py": LOADS}, SETTINGS)
    world.deploy(*definitions)
    world.runtime.start()
    yield world
    world.close()


def told(world: World, job: str, **given: Any) -> tuple[str, dict[str, Any]]:
    """Return what the resource of a run read, and what its function says it was told."""
    run = world.until_ended(world.start_one(job, **given)["id"])
    lines = world.lines(run["id"])
    assert run["status"] == "completed", "\n".join(lines)
    [reads] = [line for line in lines if line.startswith("reads ")]
    [said] = [line for line in lines if line.startswith("{")]
    return reads, json.loads(said)


def post(world: World, ref: str, path: str, body: str) -> str:
    """Call a webhook of a job, and return the id of its run."""
    job_id, runtime = world.job(ref)["id"], world.runtime
    called = runtime.database.write(
        lambda c: webhooks.call(c, job_id, path, body, ids=runtime.ids, now=runtime.clock.now())
    )
    assert called is not None
    assert called.run is not None
    return str(called.run["id"])


# SPEC: CMP-07, CMP-08
@pytest.mark.slow
def test_a_run_is_told_its_window_its_zone_its_profile_and_its_configuration(world: World) -> None:
    reads, said = told(world, "daily", refresh=True, config={"limit": 7})
    assert reads == "reads 2026-01-01 00:00:00-05:00 2026-01-03 00:00:00-05:00"
    assert said == {
        "start": "2026-01-01T00:00:00-05:00",
        "end": "2026-01-03T00:00:00-05:00",
        "run_id": True,
        "trigger": "schedule:0 0 * * *",
        "refresh": True,
        "pipeline_refresh": "drop_resources",
        "profile": "prod",
        "limit": 7,
        "label": "of prod",
        "word": "hush",
    }


# SPEC: CMP-07, RFR-08
@pytest.mark.slow
def test_a_run_without_a_window_keeps_the_state_of_its_pipeline_and_only_the_first_is_a_refresh(
    world: World,
) -> None:
    for is_first in (True, False):
        reads, said = told(world, "plain")
        assert reads == "reads 2020-01-01 00:00:00+00:00 None"
        assert said == {"empty": True, "refresh": is_first, "zone": "UTC"}


# SPEC: CMP-07, IVL-14
@pytest.mark.slow
def test_a_run_of_named_windows_reads_exactly_these(world: World) -> None:
    day = window("2026-01-02T05:00", "2026-01-03T05:00")
    reads, said = told(world, "daily", window=day)
    assert reads == "reads 2026-01-02 00:00:00-05:00 2026-01-03 00:00:00-05:00"
    assert (said["start"], said["end"]) == ("2026-01-02T00:00:00-05:00", "2026-01-03T00:00:00-05:00")


# SPEC: CMP-07, CMP-08, DEC-21, TRG-24
@pytest.mark.slow
def test_a_job_of_dlt_may_end_its_own_run_tell_a_result_and_read_what_was_posted(tmp_path: Path) -> None:
    deployment = f"from ends import {', '.join(ENDING)}\n__all__ = {list(ENDING)}\n"
    world = World(tmp_path / "data")
    try:
        jobs = jobs_in(tmp_path / "workspace", {"ends.py": ENDS, "__deployment__.py": deployment})
        world.upload({"ends.py": ENDS})
        world.deploy(*jobs)
        started = {name: world.start_one(name)["id"] for name in ENDING[:-1]}
        started["posted"] = post(world, "jobs.ends.posted", "orders", '{"limit": 9}')
        world.runtime.start()
        runs = {name: world.until_ended(run_id) for name, run_id in started.items()}
        lines = {name: world.lines(run_id) for name, run_id in started.items()}
    finally:
        world.close()
    assert {name: (run["status"], run["reason"]) for name, run in runs.items()} == {
        "skip": ("cancelled", "self_skip"),
        "abort": ("cancelled", "aborted"),
        # What their platform calls failed fires `.fail`, which alerts wait for.
        "abort_as_dlt_does": ("failed", "exception"),
        "tell": ("completed", "ok"),
        "posted": ("completed", "ok"),
    }, lines
    assert (runs["skip"]["message"], lines["skip"][-1]) == ("nothing new", "Skipped: nothing new")
    assert lines["abort"] == ["Aborted: the source is being rebuilt"]
    assert '"rows": 7' in " ".join(lines["tell"]), "said at the end of the log"
    assert lines["posted"] == ['9 {"limit": 9} webhook:orders']


# SPEC: PRF-10
@pytest.mark.slow
def test_one_name_is_another_destination_under_each_profile(tmp_path: Path) -> None:
    def target(profile: str) -> str:
        return f'[destination.warehouse]\ncredentials = "{tmp_path / profile}.duckdb"\n'

    deployment = "from stores import store\n__all__ = ['store']\n"
    jobs = jobs_in(tmp_path / "workspace", {"stores.py": STORES, "__deployment__.py": deployment})
    settings = {
        "config.toml": '[destination.warehouse]\ndestination_type = "duckdb"\n',
        "prod.secrets.toml": target("prod"),
        "staging.secrets.toml": target("staging"),
    }
    world = World(tmp_path / "data")
    try:
        world.upload({"stores.py": STORES}, settings)
        world.deploy(*jobs)
        world.runtime.start()
        for profile in ("prod", "staging"):
            assert not (tmp_path / f"{profile}.duckdb").exists()
            run = world.until_ended(world.start_one("store", profile=profile)["id"])
            assert world.lines(run["id"]) == ["1"]
            assert (tmp_path / f"{profile}.duckdb").exists()
    finally:
        world.close()


KEPT = """
import dlt
from runyard import run

@run.job()
def load():
    pipeline = dlt.pipeline("kept", destination="duckdb", dataset_name="rows")
    pipeline.run([{"number": 1}], table_name="numbers")
    with pipeline.sql_client() as client:
        print(client.execute_sql("SELECT count(*) FROM numbers"))
"""


@pytest.mark.slow
@pytest.mark.parametrize("named", [None, "relative", "absolute"])
def test_what_a_run_loads_into_a_local_file_is_there_for_the_next(tmp_path: Path, named: str | None) -> None:
    world = World(tmp_path / "data")
    shared = world.folder
    places = {
        None: shared / ".dlt" / "data" / "prod",
        "relative": shared / ".dlt" / "data" / "prod",
        "absolute": tmp_path / "elsewhere",
    }
    local = {None: "", "relative": "local_dir = '_local'", "absolute": f"local_dir = '{places['absolute']}'"}
    try:
        world.upload({"kept.py": KEPT}, {"config.toml": f"[workspace.settings]\n{local[named]}\n"})
        world.deploy(batch_job("load", section="kept"))
        world.runtime.start()
        said = [world.lines(world.until_ended(world.start_one("load")["id"])["id"])[-1] for _ in range(2)]
    finally:
        world.close()
    assert said == ["[(1,)]", "[(2,)]"]
    assert [path.name for path in places[named].iterdir()] == ["kept.duckdb"]
