"""Ticks against croniter's own walk: days are asked of it alone and minutes put to them, which must change nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from croniter import CroniterError, croniter
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from runyard.core.clock import from_datetime, to_datetime
from runyard.core.ticks import next_tick, previous_tick


def field(low: int, high: int, *more: str) -> st.SearchStrategy[str]:
    """Draw a field of a cron expression: `*`, numbers, ranges, lists, steps, and what only this one has."""
    number = st.integers(low, high)
    span = st.lists(number, min_size=2, max_size=2).map(lambda ends: f"{min(ends)}-{max(ends)}")
    step = st.integers(1, high)
    return st.one_of(
        st.sampled_from(("*", *more)),
        st.lists(number.map(str) | span, min_size=1, max_size=3).map(",".join),
        st.builds("{}/{}".format, st.just("*") | number | span, step),
    )


# SPEC: TRG-03
@settings(max_examples=300)
@given(
    st.tuples(
        field(0, 59),
        field(0, 23),
        field(1, 31, "L", "15W", "1W", "?"),
        field(1, 12, "jan-mar", "feb"),
        field(0, 6, "mon-fri", "sat,sun", "7", "5#2", "L5", "?"),
    ).map(" ".join),
    st.integers(0, 4_000_000_000_000_000),
)
def test_ticks_of_any_expression_are_those_that_croniter_walks(cron: str, at: int) -> None:
    second = to_datetime(at).replace(microsecond=0, tzinfo=None)
    try:
        forward, back = (croniter(cron, second + timedelta(seconds=offset)) for offset in (0, 1))
        expected = [back.get_prev(datetime), *(forward.get_next(datetime) for _ in range(3))]
    except CroniterError:
        assume(False)
    found = [previous_tick(cron, "UTC", at)]
    for _ in range(3):
        found.append(next_tick(cron, "UTC", max(found[-1], at)))
    assert found == [from_datetime(moment.replace(tzinfo=UTC)) for moment in expected]
