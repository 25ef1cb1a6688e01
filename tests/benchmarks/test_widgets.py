"""What the benchmark of widgets measures beside its budgets."""

from __future__ import annotations

import pytest
from benchmarks.widgets import FIRST_DRAWING, SCROLLED_FRAME, timeline_milliseconds

pytestmark = pytest.mark.slow


# SPEC: WDG-07
def test_the_first_drawing_and_the_scrolling_of_a_large_timeline_are_measured_beside_their_budgets() -> None:
    assert (FIRST_DRAWING.bound, SCROLLED_FRAME.bound) == (1000, 33), (
        "milliseconds: a second, 30 frames a second"
    )
    for measured in timeline_milliseconds():
        assert measured
        assert min(measured) > 0
