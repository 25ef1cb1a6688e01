"""Addresses inside the panel, `#/w/<workspace id>/<page>/<item>`: read them and write them. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import parse_qsl, quote, unquote
from uuid import UUID


class Page(StrEnum):
    """What the panel can show. Those with an item are about one job or run."""

    OVERVIEW = "overview"
    JOBS = "jobs"
    JOB = "job"
    RUNS = "runs"
    RUN = "run"
    LINKS = "links"
    NOWHERE = "nowhere"


_LISTS = {"": Page.OVERVIEW, "jobs": Page.JOBS, "runs": Page.RUNS, "links": Page.LINKS}
_PATHS = {page: path for path, page in _LISTS.items()} | {Page.JOB: "jobs", Page.RUN: "runs"}

PARENTS = {Page.JOB: Page.JOBS, Page.RUN: Page.RUNS}
"""Where a page about one thing belongs in the navigation."""


@dataclass(frozen=True, slots=True)
class Route:
    """A place in the panel. Without a workspace it is the first one; `item` is a job ref or a run id.

    `status` is that of the runs which a list begins with, empty for all.
    """

    page: Page
    item: str = ""
    workspace: str = ""
    status: str = ""

    def address(self) -> str:
        """Return the link to this place."""
        parts = ["w", self.workspace] if self.workspace else []
        parts += [part for part in (_PATHS.get(self.page, ""), self.item) if part]
        query = f"?status={quote(self.status, safe='')}" if self.status else ""
        return "#/" + "/".join(quote(part, safe="") for part in parts) + query


def parse(path: str) -> Route:
    """Return the place that a path names, `Page.NOWHERE` for one that names none."""
    place, _, query = path.partition("?")
    parts = [unquote(part) for part in place.split("/") if part]
    workspace = ""
    if parts[:1] == ["w"]:
        workspace, parts = (parts[1] if len(parts) > 1 else ""), parts[2:]
    match parts:
        case []:
            return Route(Page.OVERVIEW, workspace=workspace)
        case ["runs"]:
            return Route(Page.RUNS, workspace=workspace, status=dict(parse_qsl(query)).get("status", ""))
        case [page] if page in _LISTS:
            return Route(_LISTS[page], workspace=workspace)
        case ["jobs", ref]:
            return Route(Page.JOB, ref, workspace)
        case ["runs", run_id] if _is_id(run_id):
            return Route(Page.RUN, run_id, workspace)
    return Route(Page.NOWHERE, workspace=workspace)


def _is_id(text: str) -> bool:
    try:
        return str(UUID(text)) == text.lower()
    except ValueError:
        return False


class Addresses:
    """Writes links to places in one workspace. A copy of the panel is not on the server's own host."""

    def __init__(self, workspace_id: str, *, is_copy: bool = False) -> None:
        self._workspace, self._is_copy = workspace_id, is_copy

    def page(self, page: Page) -> str:
        return Route(page, workspace=self._workspace).address()

    def runs(self, status: str) -> str:
        """Return the list of runs, of one status at first."""
        return Route(Page.RUNS, workspace=self._workspace, status=status).address()

    def jobs_of(self, pipeline: str) -> str:
        """Return the list of jobs, of those that run this pipeline."""
        return f"{self.page(Page.JOBS)}?pipeline={quote(pipeline, safe='')}"

    def job(self, ref: str) -> str:
        return Route(Page.JOB, ref, self._workspace).address()

    def run(self, run_id: str) -> str:
        return Route(Page.RUN, run_id, self._workspace).address()

    def app(self, job_id: str, url: str | None) -> str:
        """Return where an app is opened: by the server, which knows the viewer; for a copy, at its own `url`."""
        return url or "" if self._is_copy else f"/apps/open/{job_id}"

    @property
    def each_job(self) -> str:
        """Return the template that widgets fill for each job."""
        return f"{self.page(Page.JOBS)}/{{ref}}"

    @property
    def each_run(self) -> str:
        """Return the template that widgets fill for each run."""
        return f"{self.page(Page.RUNS)}/{{id}}"
