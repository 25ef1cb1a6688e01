"""A live list of jobs. What its rows hold is in `row_widget`; how it is drawn, in `widgets/src/job_table.mjs`."""

from __future__ import annotations

import traitlets

from .live_widget import static
from .row_widget import JobRows, RowActions


class JobTable(RowActions, JobRows):
    """Jobs by ref, each with its kind, triggers, next run and last runs (UI-03); changes lose nothing (UI-02)."""

    _esm = static("job_table.js")
    _css = static("job_table.css")

    tag = traitlets.Unicode("").tag(sync=True)
    """The tag whose jobs are shown at first, empty for all (TAG-02)."""
    is_grouped = traitlets.Bool(False).tag(sync=True)
    """Whether jobs stand under their tags at first; one with several stands under each."""
    page = traitlets.Unicode("").tag(sync=True)
    """The address, from `#` on, whose query says which tag and pipeline are shown and whether jobs are grouped, so that
    it can be sent; a browser that comes without one remembers. Empty for none."""
