"""Turn what was loaded into a few small tables and publish them as one finished file.

Where that file is and how it is read: `warehouse`.
"""

from pathlib import Path

import duckdb
from runyard import run

import warehouse
from ingest import load_flights, load_weather

SOURCES = {"flights.airlines", "flights.flights", "weather.weather"}
"""What must have been loaded before there is anything to publish."""

COUNTS = """
    count(*) as flights,
    count(dep_time) as departed,
    count(*) - count(dep_time) as cancelled,
    count(*) filter (dep_delay >= 15) as late,
    coalesce(sum(dep_delay), 0)::bigint as delay_minutes
"""
"""What every table counts; 15 minutes is where the industry begins to call a flight late."""

TABLES = {
    "days": f"""
        select make_date(year, month, day) as day, carrier, name as airline, origin, {COUNTS}
        from loaded.flights.flights join loaded.flights.airlines using (carrier)
        group by all order by all
    """,
    "hours": f"""
        select month, hour, carrier, name as airline, {COUNTS}
        from loaded.flights.flights join loaded.flights.airlines using (carrier)
        group by all order by all
    """,
    "visibility": f"""
        select
            case when visib < 1 then 'under 1' when visib < 3 then '1 to 3'
                 when visib < 10 then '3 to 10' else '10 and more' end as miles,
            carrier, name as airline, {COUNTS}
        from loaded.flights.flights
            join loaded.flights.airlines using (carrier)
            join loaded.weather.weather using (origin, time_hour)
        where visib is not null
        group by all order by all
    """,
}
"""The published tables, each by airline too: `days` by day and airport, `hours` by month and scheduled hour
(New York time), `visibility` by how far one could see at the airport in that hour, in miles."""


@run.job(trigger=[load_flights.success, load_weather.success], expose={"display_name": "Publish"})
def publish() -> None:
    """Publish a finished copy of the delay tables for the notebook and the tools."""
    rows = publish_copy(warehouse.home())
    for table, count in rows.items():
        print(f"{table}: {count:,} rows published")
    if not rows:
        print("Nothing published: flights and weather must both be loaded first.")


def publish_copy(folder: Path) -> dict[str, int]:
    """Write the tables to a new file, put it in the place of the published one, and return their row counts.

    The rename is atomic: a reader has the old copy or the new one, and a run that dies leaves the old one.
    Returns nothing, and publishes nothing, while a source is still missing.
    """
    database, draft = warehouse.database(folder), folder / "published.duckdb.draft"
    with warehouse.turn(folder):
        draft.unlink(missing_ok=True)  # what a killed run left behind
        with duckdb.connect(draft) as copy:
            path = str(database).replace("'", "''")
            copy.execute(f"attach '{path}' as loaded (read_only)")
            found = copy.execute("select schema || '.' || name from (show all tables)").fetchall()
            if not SOURCES.issubset(name for (name,) in found):
                return {}
            rows = {}
            for table, query in TABLES.items():
                copy.execute(f"create table {table} as {query}")
                rows[table] = len(copy.table(table))
        draft.replace(warehouse.published(folder))
    return rows
