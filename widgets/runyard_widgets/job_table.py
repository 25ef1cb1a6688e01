"""A live list of jobs. What its rows hold is in `row_widget`; how it is drawn, in `widgets/src/job_table.mjs`."""

from __future__ import annotations

from .live_widget import static
from .row_widget import JobRows, RowActions


class JobTable(RowActions, JobRows):
    """Jobs by ref, each with its kind, triggers, next run and last runs (UI-03); changes lose nothing (UI-02)."""

    _esm = static("job_table.js")
    _css = static("job_table.css")
