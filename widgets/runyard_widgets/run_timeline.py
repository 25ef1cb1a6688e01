"""Runs over time. What its rows hold is in `row_widget`; geometry and drawing are in `widgets/src`."""

from __future__ import annotations

from typing import Any

from .live_widget import static
from .row_widget import RunRows


class RunTimeline(RunRows):
    """Runs of each job over time, with concurrency, queue waits and the upcoming ticks (UI-14).

    A head may also have `ticks`, as `{job, at}`: when jobs will run.
    """

    _esm = static("run_timeline.js")
    _css = static("run_timeline.css")

    whole_fields = ("ticks",)

    @property
    def ticks(self) -> list[dict[str, Any]]:
        """The upcoming ticks, as `{job, at}`, in ms UTC."""
        return self.whole_field("ticks")
