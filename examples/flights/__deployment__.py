"""A year of departures from New York: loaded by the month, checked, published and explored."""

import flights_mcp
import flights_report
from ingest import backfill, load_flights, load_weather
from quality import check_weather
from transform import publish

__all__ = [
    "backfill",
    "check_weather",
    "flights_mcp",
    "flights_report",
    "load_flights",
    "load_weather",
    "publish",
]
