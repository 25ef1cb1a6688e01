"""Load flights and weather into the database, window by window.

A window may be loaded again at any time, also after a run died half way: rows are merged by their key.
Reading the source is in `nycflights`. dlt is imported where it loads: jobs that only follow these import this
module too, and should not pay a second for it.
"""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
from runyard import run, trigger
from runyard.run import TJobRunContext

import nycflights
import warehouse

if TYPE_CHECKING:
    from dlt.sources import DltResource

MIDNIGHT = "0 0 * * *"
START, END = "2013-01-01T00:00:00-05:00", "2014-01-01T00:00:00-05:00"


@run.job(refresh="always", expose={"display_name": "Load everything again", "tags": ["backfill"]})
def backfill() -> None:
    """Start over: both loads follow, drop what they had and load the year from its first day."""
    for table, rows in loaded(warehouse.home()).items():
        print(f"{table}: {rows:,} rows will be loaded again")


@run.pipeline(
    "flights",
    trigger=[trigger.schedule(MIDNIGHT), backfill.success],
    # Ticks are daily, but for a backlog a process per day would spend its time starting.
    interval={"start": START, "end": END, "split": "@monthly"},
    require={"timezone": "America/New_York"},
    expose={"display_name": "Load flights", "tags": ["demo"]},
)
def load_flights(run_context: TJobRunContext) -> None:
    """Load the departures of one window, at most a month of them."""
    load_flights_window(
        warehouse.home(), run_context["interval_start"], run_context["interval_end"], run_context["refresh"]
    )


@run.pipeline(
    "weather",
    trigger=[trigger.schedule(MIDNIGHT), backfill.success],
    interval={"start": START, "end": END},
    require={"timezone": "America/New_York"},
    expose={"display_name": "Load weather", "tags": ["demo"]},
)
def load_weather(run_context: TJobRunContext) -> None:
    """Load the hourly weather of one window; the first one is the whole year."""
    load_weather_window(
        warehouse.home(), run_context["interval_start"], run_context["interval_end"], run_context["refresh"]
    )


def load_flights_window(folder: Path, start: datetime, end: datetime, refresh: bool = False) -> None:
    """Bring the flights of [start, end) and the names of the airlines into the database under `folder`."""
    import dlt

    table = nycflights.flights(start, end)
    flights = dlt.resource(
        table, name="flights", primary_key=nycflights.FLIGHT_KEY, write_disposition="merge"
    )
    airlines = dlt.resource(nycflights.airlines(), name="airlines", write_disposition="replace")
    _load("flights", [flights, airlines], folder, refresh)
    print(f"{len(table):,} flights from {start:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M} UTC")


def load_weather_window(folder: Path, start: datetime, end: datetime, refresh: bool = False) -> None:
    """Bring the weather of [start, end) into the database under `folder`."""
    import dlt

    table = nycflights.weather(start, end)
    weather = dlt.resource(
        table, name="weather", primary_key=nycflights.WEATHER_KEY, write_disposition="merge"
    )
    _load("weather", [weather], folder, refresh)
    print(f"{len(table):,} observations from {start:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M} UTC")


def loaded(folder: Path) -> dict[str, int]:
    """Return how many rows each table has, without the tables dlt keeps for itself."""
    if not warehouse.database(folder).exists():
        return {}
    with warehouse.turn(folder), duckdb.connect(warehouse.database(folder), read_only=True) as database:
        found = database.execute(
            "select schema_name || '.' || table_name, estimated_size from duckdb_tables()"
            " where schema_name in ('flights', 'weather') and not starts_with(table_name, '_dlt')"
        )
        return dict(found.fetchall())


def _load(name: str, resources: list["DltResource"], folder: Path, refresh: bool) -> None:
    import dlt

    pipeline = dlt.pipeline(
        name, destination=dlt.destinations.duckdb(str(warehouse.database(folder))), dataset_name=name
    )
    pipeline.drop()  # what a dead run left half done would be loaded in place of this window
    with warehouse.turn(folder):
        print(pipeline.run(resources, refresh="drop_resources" if refresh else None))
