"""What the page of a run says of why it ended as it did."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from runyard.core.causes import Cause, CauseCode
from runyard_notebooks import strings
from runyard_notebooks.pages import run as page
from runyard_server.client import Run
from runyard_server.client.diagnosis import Diagnosis

NOW = datetime(2026, 11, 22, 6, 0, tzinfo=UTC)

CAUSE = Cause(CauseCode.MISSING_MODULE, "The module `<yaml>` is not there.", "`uv add pyyaml`.")


def seen(status: str, diagnosis: Diagnosis) -> page.RunSeen:
    run = Run(
        id="r1",
        number=1,
        status=status,
        trigger="manual:",
        profile="prod",
        created_at=NOW,
        started_at=NOW,
        finished_at=NOW + timedelta(seconds=90),
        job_ref="jobs.etl.load",
        reason="exit_code",
        exit_code=3,
    )
    return page.RunSeen(run, [], 1, 1, diagnosis, [], NOW)


# SPEC: TRB-04, TRB-05
def test_the_error_stands_before_the_likely_cause_and_its_remedy() -> None:
    shown = page.causes(seen("failed", Diagnosis("ValueError: <odd>", (CAUSE,))))
    assert shown is not None
    parts = [
        strings.WHY,
        "ValueError: &lt;odd&gt;",
        "<code>&lt;yaml&gt;</code> is not there",
        "<code>uv add pyyaml</code>",
    ]
    places = [shown.index(part) for part in parts]
    assert places == sorted(places)


# SPEC: TRB-07
def test_a_run_that_completed_and_did_nothing_is_pointed_out() -> None:
    shown = page.causes(seen("completed", Diagnosis(causes=(CAUSE,))))
    assert shown is not None
    assert strings.LOOK_AT_THIS in shown
    assert "<pre" not in shown


@pytest.mark.parametrize("status", ["completed", "cancelled", "running"])
def test_where_there_is_nothing_to_say_nothing_is_shown(status: str) -> None:
    assert page.causes(seen(status, Diagnosis())) is None
