"""The graph of jobs in Python: its edges, its selection, its text."""

from __future__ import annotations

from tests.support.rows import Told, job_row, jobs_frame

from runyard_widgets.job_graph import JobGraph

LOAD, PUBLISH = job_row("load"), job_row("publish")
FOLLOWS = {"source": LOAD["ref"], "target": PUBLISH["ref"], "kind": "follow"}
WAITS = {**FOLLOWS, "kind": "freshness"}


def test_edges_stay_until_a_frame_brings_them_anew() -> None:
    graph = JobGraph(Told(jobs_frame([LOAD, PUBLISH], is_all=True, edges=[FOLLOWS])))

    graph.take(jobs_frame([job_row("load", is_paused=True)]))
    assert graph.edges == [FOLLOWS]

    graph.take(jobs_frame([], edges=[WAITS]))
    assert graph.edges == [WAITS]
    assert graph.picture()["edges"] == [WAITS]


# SPEC: WDG-04
def test_selected_jobs_are_a_frame() -> None:
    graph = JobGraph(Told(jobs_frame([LOAD, PUBLISH], is_all=True, edges=[])))

    graph.selected = [PUBLISH["ref"]]

    assert graph.selected_jobs["ref"].to_list() == ["jobs.flights.publish"]


# SPEC: WDG-09
def test_without_a_browser_the_graph_is_its_jobs_and_edges_in_text() -> None:
    graph = JobGraph(Told(jobs_frame([LOAD, PUBLISH], is_all=True, edges=[FOLLOWS])))

    lines = repr(graph).splitlines()

    assert lines[1].startswith("jobs.flights.load")
    assert lines[-1] == "jobs.flights.load -> jobs.flights.publish (follow)"
