"""What the benchmark of widgets measures beside its budgets."""

from __future__ import annotations

import pytest
from benchmarks.figures import percentile
from benchmarks.widgets import FIRST_DRAWING, SCROLLED_FRAME, timeline_milliseconds

pytestmark = pytest.mark.slow


# SPEC: WDG-07
def test_1000_jobs_and_5000_runs_are_drawn_in_a_second_and_scroll_at_30_frames() -> None:
    first, scrolled = timeline_milliseconds()
    assert percentile(first, 50) < FIRST_DRAWING.bound
    assert percentile(scrolled, 50) < SCROLLED_FRAME.bound
