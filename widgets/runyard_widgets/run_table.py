"""A live list of runs. What its rows hold is in `row_widget`; how it is drawn, in `widgets/src/run_table.mjs`."""

from __future__ import annotations

from .live_widget import static
from .row_widget import RowActions, RunRows


class RunTable(RowActions, RunRows):
    """Runs, the newest first; changes never lose scroll, selection, focus or an open row (UI-02)."""

    _esm = static("run_table.js")
    _css = static("run_table.css")
