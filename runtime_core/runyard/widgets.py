"""Live widgets in any notebook, in one line each: `from runyard.widgets import LogTail; LogTail(job="load")`.

Each finds the server and the key as the command line does, unless it is given a `client`. Further arguments are
traits of the widget, such as `height=`. How widgets look is in `runyard_widgets`, what feeds them in
`runyard_server.client.feeds`; both are imported when a widget is made.
"""

from __future__ import annotations

import os
from contextlib import contextmanager

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    import runyard_widgets.job_graph
    import runyard_widgets.job_table
    import runyard_widgets.log_tail
    import runyard_widgets.run_table
    import runyard_widgets.run_timeline
    from runyard_server.client import Client, Target

__all__ = ["JobGraph", "JobTable", "LogTail", "RunTable", "RunTimeline"]

# Named like what they return, as they stand for it.
# ruff: noqa: N802


def LogTail(
    job: str | None = None, run: str | None = None, *, client: Client | None = None, **traits: Any
) -> runyard_widgets.log_tail.LogTail:
    """Return the log of a run, by its id, or of the newest run of a job, as it grows.

    What only the server can know, such as that there is no such job, the widget says in its own place.

    Raises: InvalidRequest for arguments that name no log, ModuleNotFoundError saying what to install.
    """
    with _needed():
        from runyard_server.client.feeds import LogFeed, feed_of
        from runyard_widgets.log_tail import LogTail
    client = client or _found_client()
    feed = feed_of(lambda: LogFeed(client, job=job, run=run))
    return LogTail(feed, **_linked(client, "runs/{id}", traits))


def RunTimeline(
    job: str | None = None, *, client: Client | None = None, **traits: Any
) -> runyard_widgets.run_timeline.RunTimeline:
    """Return the runs of the workspace, or of one job, over time; `selected_runs` is a frame of those chosen.

    Raises: as `LogTail`.
    """
    with _needed():
        from runyard_server.client.feeds import RunsFeed, feed_of
        from runyard_widgets.run_timeline import RunTimeline
    client = client or _found_client()
    feed = feed_of(lambda: RunsFeed(client, job=job, with_ticks=True))
    return RunTimeline(feed, **_linked(client, "runs/{id}", traits))


def RunTable(
    job: str | None = None, *, client: Client | None = None, limit: int = 500, **traits: Any
) -> runyard_widgets.run_table.RunTable:
    """Return the newest runs of the workspace, or of one job; `selected_runs` is a frame of those chosen.

    `limit` is how many: each that is shown is sent to every browser.

    Raises: as `LogTail`.
    """
    with _needed():
        from runyard_server.client.feeds import RunsFeed, feed_of
        from runyard_widgets.run_table import RunTable
    client = client or _found_client()
    feed = feed_of(lambda: RunsFeed(client, job, limit))
    return RunTable(feed, **_linked(client, "runs/{id}", traits))


def JobGraph(*, client: Client | None = None, **traits: Any) -> runyard_widgets.job_graph.JobGraph:
    """Return the jobs and who follows or waits for whom; `selected_jobs` is a frame of those chosen.

    Raises: as `LogTail`.
    """
    with _needed():
        from runyard_server.client.feeds import JobsFeed, feed_of
        from runyard_widgets.job_graph import JobGraph
    client = client or _found_client()
    return JobGraph(feed_of(lambda: JobsFeed(client)), **_linked(client, "jobs/{ref}", traits))


def JobTable(*, client: Client | None = None, **traits: Any) -> runyard_widgets.job_table.JobTable:
    """Return the list of jobs with their last runs; `selected_jobs` is a frame of those chosen.

    Raises: as `LogTail`.
    """
    with _needed():
        from runyard_server.client.feeds import JobsFeed, feed_of
        from runyard_widgets.job_table import JobTable
    client = client or _found_client()
    return JobTable(feed_of(lambda: JobsFeed(client)), **_linked(client, "jobs/{ref}", traits))


def _found_client() -> Client:
    """Return the client of the server that the command line would use: one for all widgets, however often made."""
    from runyard_server.client import Client

    client = Client()
    return _CLIENTS.setdefault(client.target, client)


_CLIENTS: dict[Target, Client] = {}

_RUN_ID = "RUNTIME__RUN_ID"
"""The variable that a run finds its id in."""


def _linked(client: Client, page: str, traits: dict[str, Any]) -> dict[str, Any]:
    """Return the traits, with links to pages of the server unless they lead elsewhere.

    In a deployed app there are none: who looks there need not be a member, and could open none of those pages.
    """
    from runyard.core.errors import RunyardError

    if _RUN_ID in os.environ:
        return traits
    try:
        workspace = client.workspace
    except RunyardError:  # which the widget says
        return traits
    return {"href": f"{client.target.server}/w/{workspace.id}/{page}", **traits}


@contextmanager
def _needed() -> Iterator[None]:
    """Say of a package that is not there how it is installed."""
    try:
        yield
    except ModuleNotFoundError as missing:
        way_out = (
            "Add it to the dependencies in `pyproject.toml` and deploy again."
            if _RUN_ID in os.environ
            else f"Run `pip install {missing.name}`."
        )
        raise ModuleNotFoundError(
            f"Widgets need `{missing.name}`, which is not installed here. {way_out}", name=missing.name
        ) from missing
