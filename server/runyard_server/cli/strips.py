"""The picture of a plan: per job one row of cells, each a stretch of time and what happens in it. Pure.

A cell is as high as the share of its time in which the job runs. What does not go smoothly changes its mark or colour;
in words it is said by who shows the picture.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, tzinfo

from rich.text import Text

from runyard.core.outcomes import Outcome
from runyard_server.client import Firing, ForeseenRun

STEPS = tuple(
    timedelta(minutes=minutes) for minutes in (15, 30, 60, 120, 180, 240, 360, 720, 1440, 2880, 10_080)
)
"""Lengths of a cell that people can count with."""

DAY = timedelta(days=1)

WEEKS = timedelta(days=14)
"""From here on no cell is shorter than a day: parts of days would flicker before the eye."""

HEIGHTS = "▁▂▃▄▅▆▇█"

NOTHING, HELD_BACK, PAUSED = "·", "×", "="  # noqa: RUF001 - a cross, no letter

LEGEND = (
    ("▂█", "green", "runs, as high as it fills the time"),
    ("▂█", "yellow", "with waiting for a slot"),
    (HELD_BACK, "magenta", "upstream is not fresh"),
    (PAUSED, "dim", "paused"),
)


@dataclass(frozen=True, slots=True)
class Scale:
    """Which cell is which stretch of time. `edges` are one more than there are cells."""

    edges: tuple[datetime, ...]
    step: timedelta

    @classmethod
    def over(cls, start: datetime, end: datetime, zone: tzinfo, width: int) -> Scale:
        """Return cells that begin at round times of the zone, in no more than `width`."""
        steps = [step for step in STEPS if step >= DAY or end - start < WEEKS]
        step = next((step for step in steps if (end - start) / step < width - 1), STEPS[-1])
        local = start.astimezone(zone).replace(tzinfo=None)
        midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
        edge = midnight + (local - midnight) // step * step
        edges = [edge]
        # By wall time, so that each day has its column also where clocks change.
        while edges[-1].replace(tzinfo=zone) < end:
            edges.append(edges[-1] + step)
        return cls(tuple(each.replace(tzinfo=zone) for each in edges), step)

    @property
    def cells(self) -> int:
        return len(self.edges) - 1

    def cell_of(self, at: datetime) -> int:
        """Return the cell that an instant is in; those before and after count to the first and the last."""
        return min(max(bisect_right(self.edges, at) - 1, 0), self.cells - 1)

    def head(self) -> Text:
        """Return the line above the rows: Mondays where a cell is a day or more, else days."""
        labels = {
            index: self._label(edge)
            for index, edge in enumerate(self.edges[:-1])
            if edge.hour == edge.minute == 0 and (self.step < DAY or edge.weekday() == 0)
        }
        first = self._label(self.edges[0])
        if min(labels, default=self.cells) > len(first):
            labels[0] = first
        line = [" "] * self.cells
        free = 0
        for index, label in sorted(labels.items()):
            if index >= free and index + len(label) <= self.cells:
                line[index : index + len(label)] = label
                free = index + len(label) + 1
        return Text("".join(line), "dim")

    def _label(self, edge: datetime) -> str:
        return f"{edge.day} {edge:%b}" if self.step >= DAY else f"{edge:%a} {edge.day}"


@dataclass(slots=True)
class Cell:
    """What a job does in one stretch of time."""

    busy_seconds: float = 0.0
    runs: bool = False
    waits: bool = False
    outcomes: set[str] = field(default_factory=set)


def strip(scale: Scale, firings: Iterable[Firing], runs: Iterable[ForeseenRun]) -> Text:
    """Return the row of one job."""
    cells = [Cell() for _ in range(scale.cells)]
    for firing in firings:
        cells[scale.cell_of(firing.at)].outcomes.add(firing.outcome)
    for run in runs:
        if run.waits or run.starts_at is None:
            cells[scale.cell_of(run.created_at)].waits = True
        if run.starts_at is not None:
            _fill(scale, cells, run.starts_at, run.ends_at or scale.edges[-1])
    row = Text()
    for cell, length in zip(cells, _lengths(scale.edges), strict=True):
        row.append(*_mark(cell, length))
    return row


def _fill(scale: Scale, cells: Sequence[Cell], start: datetime, end: datetime) -> None:
    for index in range(scale.cell_of(start), scale.cell_of(end) + 1):
        left, right = scale.edges[index], scale.edges[index + 1]
        overlap = (min(right, end) - max(left, start)).total_seconds()
        # A run that ends where a cell begins is not in it; one that takes no time is where it starts.
        if overlap > 0 or (start == end and index == scale.cell_of(start)):
            cells[index].busy_seconds += overlap
            cells[index].runs = True


def _mark(cell: Cell, length: float) -> tuple[str, str]:
    waits = cell.waits or bool(cell.outcomes & {Outcome.COALESCED, Outcome.MERGED})
    waits_for_upstream = Outcome.WAITING in cell.outcomes
    if cell.runs:
        height = min(int(cell.busy_seconds / length * len(HEIGHTS)), len(HEIGHTS) - 1)
        return HEIGHTS[height], "yellow" if waits or waits_for_upstream else "green"
    if waits:
        return HEIGHTS[0], "yellow"
    # A tick that waited for its upstream in vain has both outcomes; what counts is the last.
    if Outcome.NOT_FRESH in cell.outcomes:
        return HELD_BACK, "magenta"
    if waits_for_upstream:
        return HEIGHTS[0], "yellow"
    return (PAUSED, "dim") if Outcome.PAUSED in cell.outcomes else (NOTHING, "dim")


def _lengths(edges: Sequence[datetime]) -> list[float]:
    return [edges[i + 1].timestamp() - edges[i].timestamp() for i in range(len(edges) - 1)]
