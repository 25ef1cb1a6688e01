"""The graph of jobs. What its rows hold is in `row_widget`; layout and drawing are in `widgets/src`."""

from __future__ import annotations

from .live_widget import static
from .row_widget import JobRows


class JobGraph(JobRows):
    """Jobs with follow-up and freshness edges drawn apart, and their live status (UI-13).

    A head also has `edges`, as `{source, target, kind}` by ref, kind "follow" or "freshness".
    """

    _esm = static("job_graph.js")
    _css = static("job_graph.css")

    whole_fields = ("edges",)

    def text(self) -> str:
        """The jobs, then the edges, one a line."""
        edges = [f"{edge['source']} -> {edge['target']} ({edge['kind']})" for edge in self.edges]
        return "\n".join([super().text(), *edges])

    @property
    def edges(self) -> list[dict[str, str]]:
        """What follows and what waits, as `{source, target, kind}`."""
        return self.whole_field("edges")
