"""What the four widgets of rows share: rows by key, kept current by frames; a selection; a picture; a text table.

A frame's head has `rows`, the changed ones (all, where `is_all`), `gone`, keys that are no more, and `now`. Runs are
`{id, number, job, status, trigger, profile, created_at, started_at, finished_at, reason, message}`, jobs
`{id, ref, name, title, kind, triggers, next_at, timezone, is_paused, paused_at, paused_by, override, is_archived, tags,
pipeline, description, url, recent, latest}`, `override` being `{at, by, replaces}` or null.
Instants are milliseconds, UTC. How rows become polars frames is in `frames`; how they are drawn, in `widgets/src`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, ClassVar

import traitlets

from .feeds import Feed, Frame
from .frames import jobs_frame, runs_frame
from .live_widget import LiveWidget

if TYPE_CHECKING:
    import polars as pl

PICTURE_ROWS = 200
"""Rows of an exported widget: several screens, and at some 300 bytes each no burden for a notebook file."""

TEXT_ROWS = 20
"""Rows of the text table: what one reads in a terminal."""

Row = dict[str, Any]


class RowWidget(LiveWidget):
    """A live widget over rows. Subclasses say which field is the key, and which columns a text table has."""

    selected = traitlets.List(traitlets.Unicode()).tag(sync=True)
    """The keys of the selected rows, in both directions: run ids, or job refs."""
    empty = traitlets.Unicode("").tag(sync=True)
    """What is said while there is no row at all; what stands between backticks is a command."""

    kind: ClassVar[str]
    key: ClassVar[str]
    whole_fields: ClassVar[Sequence[str]] = ()
    """Fields of the head besides rows, each replaced whole when a frame has it."""
    columns: ClassVar[Mapping[str, Callable[[Row], str]]]
    """Of the text table: heading to what a row has there."""

    def __init__(self, feed: Feed, **traits: Any) -> None:
        self._rows: dict[str, Row] = {}
        self._whole: dict[str, list[Row]] = {name: [] for name in self.whole_fields}
        self._now: int | None = None
        super().__init__(feed, **traits)

    def take(self, frame: Frame) -> None:
        """Fold the changed rows into `rows`."""
        head = frame.head
        if head.get("is_all"):
            self._rows.clear()
        for key in head.get("gone", ()):
            self._rows.pop(key, None)
        self._rows.update((row[self.key], row) for row in head.get("rows", ()))
        self._whole.update((name, head[name]) for name in self.whole_fields if name in head)
        self._now = head.get("now")

    @property
    def rows(self) -> list[Row]:
        """All rows as they are now, in the order in which they are listed."""
        return self.in_order(self._rows.values())

    def whole_field(self, name: str) -> list[Row]:
        """The field `name` of the head as it is now."""
        return list(self._whole[name])

    def in_order(self, rows: Iterable[Row]) -> list[Row]:
        """Rows as this widget lists them: the newest run, or the first name, at the top."""
        raise NotImplementedError

    def selected_rows(self) -> list[Row]:
        """The rows behind `selected`, in its order, without those that are gone."""
        return [self._rows[key] for key in self.selected if key in self._rows]

    def picture(self) -> Row:
        """A frame's head with the first rows: what the script draws before, or without, a kernel."""
        return {
            "kind": self.kind,
            "rows": self.rows[:PICTURE_ROWS],
            "is_all": True,
            "now": self._now,
            **self._whole,
        }

    def text(self) -> str:
        """A table of the first rows."""
        rows = self.rows
        if not rows:
            return self.empty.replace("`", "") or f"No {self.kind}."
        shown = [[cell(row) for cell in self.columns.values()] for row in rows[:TEXT_ROWS]]
        table = [list(self.columns), *shown]
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        lines = [
            "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
            for line in table
        ]
        if len(rows) > TEXT_ROWS:
            lines.append(f"and {len(rows) - TEXT_ROWS} more")
        return "\n".join(lines)


class RowActions(traitlets.HasTraits):
    """A menu per row; what it does is up to who gave it and observes `requested`."""

    status = traitlets.Unicode("").tag(sync=True)
    """The status that is shown at first, empty for any; of runs also "unfinished"."""

    actions = traitlets.List(traitlets.Dict()).tag(sync=True)
    """To the browser: `{"name", "label", "for"}` each. `for` lists what a row has to be one of, or is null for any
    row. A run is its status. A job is its kind, the status of its latest run or "new", "paused" or "active", and
    "archived"."""
    requested = traitlets.Dict().tag(sync=True)
    """From the browser: the action chosen last, as `{"name", "id", "ref", "n"}`; `n` counts up, so that the same
    choice made twice is two changes."""


class RunRows(RowWidget):
    """Rows that are runs."""

    kind = "runs"
    key = "id"
    columns: ClassVar[Mapping[str, Callable[[Row], str]]] = {
        "job": lambda run: str(run["job"]),
        "run": lambda run: f"#{run['number']}",
        "status": lambda run: str(run["status"]),
        "created": lambda run: when(run["created_at"]),
        "trigger": lambda run: run.get("trigger") or "",
    }

    def in_order(self, rows: Iterable[Row]) -> list[Row]:
        """The newest first."""
        return sorted(rows, key=lambda run: (run["created_at"], run["number"]), reverse=True)

    @property
    def selected_runs(self) -> pl.DataFrame:
        """The selected runs; columns as in `frames.runs_frame`."""
        return runs_frame(self.selected_rows())


class JobRows(RowWidget):
    """Rows that are jobs."""

    kind = "jobs"
    key = "ref"
    columns: ClassVar[Mapping[str, Callable[[Row], str]]] = {
        "job": lambda job: str(job["ref"]),
        "kind": lambda job: str(job["kind"]),
        "triggers": lambda job: ", ".join(job.get("triggers") or ()),
        "next run": lambda job: "paused" if job.get("is_paused") else when(job.get("next_at")),
        "latest run": lambda job: (job.get("latest") or {}).get("status", ""),
    }

    def in_order(self, rows: Iterable[Row]) -> list[Row]:
        """By ref."""
        return sorted(rows, key=lambda job: str(job["ref"]))

    @property
    def selected_jobs(self) -> pl.DataFrame:
        """The selected jobs; columns as in `frames.jobs_frame`."""
        return jobs_frame(self.selected_rows())


def when(at: int | None) -> str:
    """An instant to the minute, in UTC; empty for none."""
    return "" if at is None else f"{datetime.fromtimestamp(at / 1000, UTC):%Y-%m-%d %H:%M} UTC"
