"""Runs over time in Python: upcoming ticks, the selection, the text."""

from __future__ import annotations

from tests.support.rows import MINUTE_MS, NOW_MS, Told, run_row, runs_frame

from runyard_widgets.run_timeline import RunTimeline

TICK = {"job": "jobs.flights.load", "at": NOW_MS + MINUTE_MS}


def test_upcoming_ticks_stay_until_a_frame_brings_them_anew() -> None:
    timeline = RunTimeline(Told(runs_frame([run_row(1)], is_all=True, ticks=[TICK])))

    timeline.take(runs_frame([run_row(2)]))
    assert timeline.ticks == [TICK]
    assert timeline.picture()["ticks"] == [TICK]

    timeline.take(runs_frame([], ticks=[]))
    assert timeline.ticks == []


# SPEC: WDG-04
def test_selected_runs_are_a_frame_with_their_waits() -> None:
    timeline = RunTimeline(Told(runs_frame([run_row(1), run_row(2, minutes_ago=5)], is_all=True)))

    timeline.selected = ["load-2"]

    assert timeline.selected_runs["number"].to_list() == [2]
    assert timeline.selected_runs["waited_seconds"].to_list() == [1.0]


# SPEC: WDG-09
def test_without_a_browser_the_timeline_is_a_text_table_of_runs() -> None:
    timeline = RunTimeline(Told(runs_frame([run_row(1)], is_all=True)))

    assert "jobs.flights.load  #1" in repr(timeline)
