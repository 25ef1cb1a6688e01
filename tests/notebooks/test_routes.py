"""Addresses inside the panel, both ways."""

from __future__ import annotations

import pytest

from runyard_notebooks.routes import Addresses, Page, Route, parse

RUN = "0f0e0d0c-0b0a-4908-8706-050403020100"


@pytest.mark.parametrize(
    ("path", "route"),
    [
        ("/", Route(Page.OVERVIEW)),
        ("/w/7", Route(Page.OVERVIEW, workspace="7")),
        ("/w/7/", Route(Page.OVERVIEW, workspace="7")),
        ("/jobs", Route(Page.JOBS)),
        ("/w/7/jobs/jobs.a.b", Route(Page.JOB, "jobs.a.b", "7")),
        ("/w/7/jobs/h%C3%A9", Route(Page.JOB, "hé", "7")),
        (f"/w/7/runs/{RUN}", Route(Page.RUN, RUN, "7")),
        (f"/w/7/runs/{RUN}?line=3", Route(Page.RUN, RUN, "7")),
        ("/w/7/runs?status=failed", Route(Page.RUNS, workspace="7", status="failed")),
        ("/links", Route(Page.LINKS)),
        ("/w/7/runs/12", Route(Page.NOWHERE, workspace="7")),
        ("/w/7/other", Route(Page.NOWHERE, workspace="7")),
        ("/w/7/jobs/a/b", Route(Page.NOWHERE, workspace="7")),
        ("/w", Route(Page.OVERVIEW)),
    ],
)
def test_a_path_names_a_place(path: str, route: Route) -> None:
    assert parse(path) == route


@pytest.mark.parametrize(
    "route",
    [
        Route(Page.OVERVIEW),
        Route(Page.OVERVIEW, workspace="7"),
        Route(Page.JOBS, workspace="7"),
        Route(Page.JOB, "jobs.ünder.score", "7"),
        Route(Page.RUN, RUN, "7"),
        Route(Page.RUNS, workspace="7", status="not over"),
        Route(Page.LINKS),
    ],
)
def test_a_place_is_found_again_by_its_address(route: Route) -> None:
    assert parse(route.address().removeprefix("#")) == route


def test_widgets_get_templates_of_the_addresses_of_their_rows() -> None:
    addresses = Addresses("7")
    assert addresses.each_run.replace("{id}", RUN) == addresses.run(RUN) == f"#/w/7/runs/{RUN}"
    assert addresses.each_job.replace("{ref}", "jobs.a.b") == addresses.job("jobs.a.b")
