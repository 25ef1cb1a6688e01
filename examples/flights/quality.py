"""Rules the data must keep. A broken rule fails its job, and the job's log names the rows.

In the data of 2013 one rule is broken: the job is here to show what that looks like.
"""

from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
from runyard import run

import warehouse
from ingest import load_weather


class ImplausibleWeather(ValueError):
    """Observations that cannot be true."""

    def __init__(self, rows: list[dict[str, Any]], checked: int, max_wind_mph: float) -> None:
        lines = "".join(
            f"\n  {row['origin']} {row['year']}-{row['month']:02}-{row['day']:02} {row['hour']:02}:00"
            f"  {row['wind_speed']:,.0f} mph"
            for row in rows
        )
        super().__init__(
            f"{len(rows)} of {checked:,} observations report a wind above {max_wind_mph:g} mph:{lines}"
        )


@run.job(trigger=load_weather.success, expose={"display_name": "Check weather", "tags": ["quality"]})
def check_weather(max_wind_mph: float) -> None:
    """Fail when an airport reports a wind that cannot be: above `max_wind_mph` of the configuration."""
    folder = warehouse.home()
    with warehouse.turn(folder), duckdb.connect(warehouse.database(folder), read_only=True) as database:
        weather = database.sql(
            "select origin, year, month, day, hour, wind_speed from weather.weather"
        ).to_arrow_table()
    if rows := implausible_winds(weather, max_wind_mph):
        raise ImplausibleWeather(rows, len(weather), max_wind_mph)
    print(f"{len(weather):,} observations, no wind above {max_wind_mph:g} mph")


def implausible_winds(weather: pa.Table, max_wind_mph: float) -> list[dict[str, Any]]:
    """Return the observations whose `wind_speed` (mph) is above the limit; a missing one is no offence."""
    return weather.filter(pc.greater(weather["wind_speed"], max_wind_mph)).to_pylist()
