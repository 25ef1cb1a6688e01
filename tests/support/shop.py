"""A workspace as people write them for dlt's own platform: loads a shop's orders a day at a time into DuckDB, sums them
up, and shows them in a notebook and to agents. Nothing in it knows of runyard."""

from __future__ import annotations

from pathlib import Path

INGEST = '''
"""Loads of the shop."""

from datetime import datetime, timedelta, timezone

import dlt
import dlt.hub.run as run
from dlt.hub.run import TJobRunContext, trigger

OPENED = datetime(2026, 1, 1, tzinfo=timezone.utc)


@dlt.resource(primary_key="id", write_disposition="merge")
def customers(count: int):
    yield [{"id": number, "name": f"Customer {number}"} for number in range(count)]


@dlt.resource(primary_key="id", write_disposition="merge")
def orders(day=dlt.sources.incremental("day", initial_value=OPENED, range_end="open")):
    """One order for each hour of the first three days, as a shop that is asked for a range would answer."""
    hours = (OPENED + timedelta(hours=hour) for hour in range(72))
    yield [
        {"id": number, "day": hour, "amount": 10.0}
        for number, hour in enumerate(hours)
        if day.initial_value <= hour and (day.end_value is None or hour < day.end_value)
    ]


@run.pipeline("customers", trigger=trigger.schedule("0 6 1 1 *"), expose={"tags": ["ingest"]})
def load_customers(count: int = dlt.config.value):
    """Load all customers, every year."""
    pipeline = dlt.pipeline("customers", destination="duckdb", dataset_name="shop")
    pipeline.run(customers(count))
    print("customers", pipeline.last_trace.last_normalize_info.row_counts["customers"])


@run.pipeline(
    "orders",
    trigger=trigger.schedule("0 0 * * *"),
    interval={"start": "2026-01-01T00:00:00Z", "end": "2026-01-04T00:00:00Z"},
    incremental_mode="interval",
    refresh_propagation="always",
    auto_refresh_pipeline_mode="drop_sources",
    expose={"tags": ["ingest"], "display_name": "Orders of the shop"},
    execute={"timeout": "1h"},
)
def load_orders(run_context: TJobRunContext):
    """Load the orders of a window; a refresh loads them all again."""
    pipeline = dlt.pipeline("orders", destination="duckdb", dataset_name="shop")
    pipeline.run(orders())
    print("orders", pipeline.last_trace.last_normalize_info.row_counts["orders"])
'''

TRANSFORM = '''
"""Sums of the shop."""

import dlt
import dlt.hub.run as run
from dlt.hub.run import TJobRunContext, trigger
from ingest import load_orders


@run.job(trigger=load_orders.success, freshness=[load_orders.is_fresh], expose={"tags": ["transform"]})
def revenue(run_context: TJobRunContext):
    """Sum up the orders of each day."""
    pipeline = dlt.pipeline("orders", destination="duckdb", dataset_name="shop")
    with pipeline.sql_client() as client:
        days = client.execute_sql("SELECT CAST(day AS DATE), sum(amount) FROM orders GROUP BY 1 ORDER BY 1")
    for day, amount in days:
        print("revenue", day, amount)
    print("after", run_context["trigger"], "refresh", run_context["refresh"])


@run.job(trigger=trigger.job_fail("tag:ingest"))
def alarm(run_context: TJobRunContext):
    print("failed:", run_context["trigger"])
'''

FILES = {
    "pyproject.toml": '[project]\nname = "shop"\nversion = "1"\ndependencies = ["dlt[duckdb]>=1.31"]\n',
    ".gitignore": "*.duckdb\n.dlt/data/\n.dlt/state/\n",
    "ingest.py": INGEST,
    "transform.py": TRANSFORM,
    "report.py": """
import marimo

app = marimo.App(app_title="Revenue")


@app.cell
def _():
    import marimo as mo

    mo.md("# Revenue")
    return
""",
    "shop_mcp.py": """
from fastmcp import FastMCP

mcp = FastMCP("shop")


@mcp.tool
def opening_day() -> str:
    return "2026-01-01"
""",
    "__deployment__.py": '''
"""Orders and customers of a shop."""

import report
import shop_mcp
from ingest import load_customers, load_orders
from transform import alarm, revenue

__all__ = ["alarm", "load_customers", "load_orders", "report", "revenue", "shop_mcp"]
__tags__ = ["shop"]
''',
    ".dlt/config.toml": "[jobs.ingest]\ncount = 3\n",
    ".dlt/access.config.toml": "",
}


def files(database: Path, *, documented: bool = False) -> dict[str, str]:
    """Return the workspace, whose data goes into one file; `documented` imports `run` as dlt's documentation does."""
    settings = {".dlt/prod.secrets.toml": f'[destination.duckdb]\ncredentials = "{database}"\n'}
    text = {**FILES, **settings}
    if documented:
        text = {
            path: code.replace("import dlt.hub.run as run", "from dlt.hub import run")
            for path, code in text.items()
        }
    return text
