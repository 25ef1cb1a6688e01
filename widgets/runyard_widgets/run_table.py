"""A live list of runs. What its rows hold is in `row_widget`; how it is drawn, in `widgets/src/run_table.mjs`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .frames import runs_frame
from .live_widget import static
from .row_widget import RowActions, RunRows

if TYPE_CHECKING:
    import polars as pl


class RunTable(RowActions, RunRows):
    """Runs, the newest first; changes never lose scroll, selection, focus or an open row (UI-02)."""

    _esm = static("run_table.js")
    _css = static("run_table.css")

    @property
    def selected_runs(self) -> pl.DataFrame:
        """The selected runs; columns as in `frames.runs_frame`."""
        return runs_frame(self.selected_rows())
