"""The text of a workspace that says everything both dialects of job code can say, but for the import that tells them
apart."""

from __future__ import annotations

OURS = "from runyard import run, trigger"
DOCUMENTED = "from dlt.hub import run\nfrom dlt.hub.run import trigger"
BY_FULL_NAME = "import dlt.hub.run as run\nfrom dlt.hub.run import trigger"
AS_ATTRIBUTE = "import dlt\nrun = dlt.hub.run\ntrigger = dlt.hub.run.trigger"

DECLARATIONS = '''
from datetime import date, datetime, timezone
from typing import Annotated, Literal, Optional


@run.job
def bare(): ...


@run.job()
def described(limit: int = 5, mode: Literal["full", "part"] = "full", since: Optional[date] = None):
    """Load flights.

    Every day.
    """


@run.job(name="renamed", section="ops", trigger=trigger.schedule("0 6 * * *"))
def original(): ...


@run.job(trigger="0 6 * * 1-5")
def bare_cron(): ...


@run.job(trigger="@daily")
def alias(): ...


@run.job(trigger=trigger.schedule("@hourly"))
def alias2(): ...


@run.job(trigger="schedule:*/5 * * * *")
def text_cron(): ...


@run.job(trigger=trigger.every("5m"))
def period(): ...


@run.job(trigger=trigger.every(300))
def seconds(): ...


@run.job(trigger=trigger.every(90.5))
def fraction(): ...


@run.job(trigger="every:1.5h")
def hours(): ...


@run.job(trigger=trigger.once("2026-01-31T06:00:00Z"))
def once_text(): ...


@run.job(trigger=trigger.once(datetime(2026, 1, 31, tzinfo=timezone.utc)))
def once_datetime(): ...


@run.job(trigger=trigger.once(date(2026, 1, 31)))
def once_date(): ...


@run.job(trigger=trigger.once(1767225600))
def once_unix(): ...


@run.job(trigger="once:2026-01-31T06:00:00+02:00")
def once_written(): ...


@run.job(trigger=[bare.success, described.fail])
def follows(): ...


@run.job(trigger=bare.completed)
def follows_both(): ...


@run.job(trigger=[trigger.job_success("ops.renamed"), trigger.job_fail("jobs.ops.renamed")])
def follows_named(): ...


@run.job(trigger=["job.success:ops.renamed", "job.fail:ops.renamed"])
def follows_written(): ...


@run.job(trigger=trigger.job_fail("*"))
def follows_all(): ...


@run.job(trigger=["job.fail:tag:ingest", trigger.job_success("ops.*")])
def follows_selected(): ...


@run.job(trigger=[trigger.tag("nightly"), trigger.webhook("hook"), trigger.webhook(), trigger.deployment()])
def others(): ...


@run.job(trigger=["tag:nightly", "webhook:hook", "webhook", "deployment"])
def others_written(): ...


@run.job(trigger=("every:5m", "every:5m", bare.completed))
def twice(): ...


@run.job(trigger=[])
def none(): ...


@run.job(
    trigger=trigger.schedule("0 0 * * *"),
    interval={"start": "2026-01-01T00:00:00Z", "end": "2026-06-01T00:00:00Z"},
)
def windows(): ...


@run.job(
    trigger="every:1d",
    interval={"start": datetime(2026, 1, 1, tzinfo=timezone.utc), "end": datetime(2026, 2, 1)},
)
def windows_of_datetimes(): ...


@run.job(trigger="every:1d", interval={"start": "2026-01-01"})
def windows_open(): ...


@run.job(freshness=[windows.is_fresh, windows_open.is_fresh])
def gated(): ...


@run.job(freshness=windows.is_fresh, refresh="always")
def gated_once(): ...


@run.job(refresh="block")
def blocks(): ...


@run.job(refresh="auto")
def passes(): ...


@run.job(execute={"timeout": "6h"})
def limit_text(): ...


@run.job(execute={"timeout": 90.5, "concurrency": 3})
def limit_number(): ...


@run.job(execute={"timeout": 90})
def limit_whole(): ...


@run.job(execute={"timeout": {"timeout": 7200, "grace_period": 60}, "concurrency": None})
def limit_table(): ...


@run.job(execute={"timeout": {"timeout": 7200.5}, "intercept_signals": False})
def limit_table2(): ...


@run.job(execute={"timeout": None, "intercept_signals": True})
def limit_none(): ...


@run.job(expose={"display_name": "Flights!", "tags": "ingest", "starred": True, "manual": False})
def shown(): ...


@run.job(expose={"tags": ["ingest", "b"]})
def tagged(): ...


@run.job(expose={})
def hidden(): ...


@run.job(
    require={
        "dependency_groups": ["etl"],
        "profile": "prod",
        "timezone": "Europe/Berlin",
        "provider": "modal",
        "instance": {"size": "medium"},
        "region": "eu",
        "static_egress_ips": True,
    }
)
def needs(): ...


@run.job(require={})
def needs_nothing(): ...


@run.pipeline("flights")
def pipe(): ...


@run.pipeline(
    "flights",
    name="pipe2",
    section="ops",
    trigger="0 6 * * *",
    expose={"tags": "p", "category": "dashboard"},
    interval={"start": "2026-01-01T00:00:00Z"},
    freshness=windows.is_fresh,
    refresh="always",
    execute={"concurrency": 2},
    require={"timezone": "UTC"},
)
async def piped(run_context): ...


@run.interactive
def app(): ...


@run.interactive()
def app2(): ...


@run.interactive(
    interface="mcp",
    idle_timeout="1h",
    expose={"tags": ["a"]},
    name="tools",
    section="ops",
    require={"profile": "access"},
    execute={"concurrency": 2},
)
def mcp(port: int = 1): ...


@run.interactive(interface="rest_api", idle_timeout=90)
def rest(): ...


@run.interactive(interface="rest_api", execute={"timeout": 90})
def rest2(): ...


@run.job(trigger="every:1d", interval={"start": "2026-01-01"}, incremental_mode="interval")
def joins_windows(): ...


@run.job(incremental_mode="pipeline", auto_refresh_pipeline_mode="drop_data", refresh_propagation="always")
def starts_over(): ...
'''

DEPLOYMENT = """
import etl, notebook, page, script, tools, web
from etl import *

__all__ = [*etl.__all__, "notebook", "page", "script", "tools", "web"]
"""

MODULES = {
    "notebook.py": """
import marimo

app = marimo.App(app_title="Flights")
__expose__ = {"tags": "shown", "display_name": "Flights!"}
""",
    "page.py": "import streamlit\n",
    # What the framework itself would take seconds to import for; it is known by its name.
    "streamlit.py": "",
    "script.py": """
__trigger__ = ["0 6 * * *", "tag:nightly"]
__require__ = {"timezone": "Asia/Tokyo"}
""",
    "tools.py": "from fastmcp import FastMCP\n\nmcp = FastMCP('weather')\n",
    "web.py": "async def app(scope, receive, send): ...\n",
}


def files(dialect: str) -> dict[str, str]:
    """Return the files of the workspace in the dialect that this import makes it."""
    names = "__all__ = [name for name, thing in list(globals().items()) if hasattr(thing, 'is_fresh')]\n"
    code = f"{dialect}\n{DECLARATIONS}\n\n{names}"
    return {"etl.py": code, "__deployment__.py": DEPLOYMENT, **MODULES}
