"""Starting jobs over HTTP for windows that are named, and what a refresh would reach."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pydantic import TypeAdapter
from tests.support.api import JSON, Api
from tests.support.worlds import batch_job

from runyard.core.store import runs
from runyard_server import schemas

DAILY = "schedule:0 0 * * *"
FEBRUARY: JSON = {"interval": {"start": "2026-02-01T00:00:00Z", "end": "2026-03-01T00:00:00Z"}}


def start(api: Api, status: int = 200, **body: object) -> JSON:
    return api.post(f"{api.here}/jobs/-trigger", {"selectors": ["load"], **body}, status=status)


def window(start: str, end: str) -> JSON:
    return {"interval_start": f"2026-{start}T00:00:00+00:00", "interval_end": f"2026-{end}T00:00:00+00:00"}


# SPEC: IVL-14
def test_a_start_for_a_window_creates_a_run_for_each_part_of_it(api: Api, tmp_path: Path) -> None:
    api.prepare(tmp_path, batch_job("load"))
    api.deploy(batch_job("load", DAILY, **FEBRUARY), extensions={"jobs.etl.load": {"split": "2d"}})
    promised = start(api, **window("02-03", "02-06"), dry_run=True)
    assert [row["job_run"] for row in promised["succeeded"]] == [None, None]
    answers = start(api, **window("02-03", "02-06"))
    TypeAdapter(schemas.TriggeredJobs).validate_python(answers)
    runs = [row["job_run"] for row in answers["succeeded"]]
    assert [(run["interval_start"][:10], run["interval_end"][:10]) for run in runs] == [
        ("2026-02-03", "2026-02-05"),
        ("2026-02-05", "2026-02-06"),
    ]
    assert "for exactly 2026-02-05T00:00:00Z" in answers["succeeded"][1]["reasons"][0], (
        "it waits for the first"
    )


INPUTS: JSON = {
    "type": "object",
    "properties": {
        "limit": {"type": "integer", "default": 5},
        "mode": {"enum": ["fast", "full"], "type": "string"},
        "tables": {"type": "array", "items": {"type": "string"}},
        "since": {"anyOf": [{"type": "string", "format": "date"}, {"type": "null"}]},
        "odd": {"type": "of somebody else"},
    },
    "required": ["mode"],
    "additionalProperties": False,
}


# SPEC: JCF-09
@pytest.mark.parametrize(
    ("config", "says"),
    [
        ({"limt": "5"}, ["`limt` is no parameter of jobs.etl.load.", "limit: integer, else 5; mode: one of"]),
        ({"limit": "many"}, ["`limit` does not fit jobs.etl.load.", "limit: integer, else 5."]),
        ({"Limit": 1.5}, ["`Limit` does not fit"]),
        ({"limit": None}, ["`limit` does not fit"]),
        ({"mode": "slow"}, ["`mode` does not fit", 'one of \\"fast\\", \\"full\\"']),
        ({"tables": "orders"}, ["`tables` does not fit"]),
        ({"tables": [{}]}, ["`tables` does not fit"]),
    ],
)
def test_a_start_with_what_no_parameter_takes_is_refused_and_starts_nothing(
    local_api: Api, tmp_path: Path, config: JSON, says: list[str]
) -> None:
    api = local_api
    api.prepare(tmp_path, batch_job("load", inputs=INPUTS))
    answer = start(api, 400, config=config)
    assert answer["extra"] == {"reasons": [], "input": next(iter(config))}
    refused = json.dumps(answer)
    assert all(words in refused for words in ["RY1109", *says]), refused
    assert "many" not in refused, "a value may be a secret"
    assert api.get(f"{api.here}/job-runs")["total"] == 0


# SPEC: JCF-09, JCF-08
@pytest.mark.parametrize(
    "config",
    [
        {"limit": 7},
        {"limit": "7", "tables": '["orders"]', "mode": "full"},
        {"tables": [], "since": None, "odd": {"is": 1}},
        {"since": 2026, "LIMIT": "7"},
        {"since": "null"},
        {"sources__api__key": "of what the job uses"},
    ],
)
def test_a_start_gives_what_the_parameters_of_the_job_can_be_read_from(
    local_api: Api, tmp_path: Path, config: JSON
) -> None:
    api = local_api
    api.prepare(tmp_path, batch_job("load", inputs=INPUTS))
    (row,) = start(api, config=config)["succeeded"]
    assert row["job_run"]


# SPEC: JCF-09
def test_a_start_gives_what_a_run_of_the_job_was_given_and_no_answer_tells_it(
    local_api: Api, tmp_path: Path
) -> None:
    api = local_api
    load, other = api.prepare(tmp_path, batch_job("load", inputs=INPUTS), batch_job("other", inputs=INPUTS))
    own: JSON = {"selectors": None, "job_ids": [load["id"]]}
    (first,) = start(api, **own, config={"limit": 7, "mode": "full"})["succeeded"]
    run_id = first["job_run_id"]
    (again,) = start(api, **own, config={"limit": 8}, values_of=run_id)["succeeded"]
    assert "full" not in json.dumps(again["job_run"])
    run = api.runtime.database.read(lambda connection: runs.by_id(connection, again["job_run_id"]))
    assert run is not None
    assert run["config"] == {"limit": 8, "mode": "full"}

    assert "for its own job" in str(start(api, 400, values_of=run_id))
    assert "for its own job" in str(start(api, 400, selectors=None, job_ids=[other["id"]], values_of=run_id))
    assert "There is no run" in str(start(api, 400, **own, values_of=load["id"]))


# SPEC: JCF-09
def test_of_several_jobs_one_that_takes_a_value_is_enough(local_api: Api, tmp_path: Path) -> None:
    api = local_api
    other: JSON = {**INPUTS, "properties": {}, "required": []}
    api.prepare(
        tmp_path,
        batch_job("load", "tag:nightly", inputs=INPUTS),
        batch_job("other", "tag:nightly", inputs=other),
    )
    nightly: JSON = {"selectors": ["tag:nightly"]}
    assert len(start(api, **nightly, config={"limit": 1})["succeeded"]) == 2
    assert "no parameter of" in str(start(api, 400, **nightly, config={"limt": 1}))
    assert "does not fit" in str(start(api, 400, **nightly, config={"limit": "x"}))


# SPEC: TAG-11
def test_selectors_never_match_what_is_no_longer_deployed_and_match_what_is_paused(
    local_api: Api, tmp_path: Path
) -> None:
    api, daily = local_api, batch_job("load", DAILY, "tag:nightly")
    load, _ = api.prepare(tmp_path, daily, batch_job("gone", DAILY, "tag:nightly"))
    api.deploy(daily)
    api.post(f"{api.here}/jobs/{load['id']}/-pause")
    for selector in ("tag:nightly", "schedule:*", "jobs.etl.*", "batch", "*"):
        answer = start(api, selectors=[selector], dry_run=True)
        assert [row["job_ref"] for row in answer["succeeded"]] == ["jobs.etl.load"], selector
    assert "There is no job `jobs.etl.gone`" in str(start(api, 400, selectors=["jobs.etl.gone"]))


# SPEC: IVL-14
@pytest.mark.parametrize(
    ("body", "says"),
    [
        (window("01-01", "01-02"), "jobs.etl.load: The window is not within"),
        ({"interval_start": "2026-02-03T00:00:00Z"}, "A window has a start and an end"),
        (window("02-03", "02-03"), "A window has a start and an end"),
        ({**window("02-03", "02-04"), "refresh": True}, "a window is a part"),
        ({**window("02-03", "02-04"), "interval_start": "2026-02-03T00:00:00"}, "interval_start"),
    ],
)
def test_a_start_for_no_window_is_refused_and_starts_nothing(
    local_api: Api, tmp_path: Path, body: JSON, says: str
) -> None:
    local_api.prepare(tmp_path, batch_job("load", DAILY, **FEBRUARY))
    refused = start(local_api, 400, **body)
    assert says in str(refused)
    assert local_api.get(f"{local_api.here}/job-runs")["total"] == 0


# SPEC: RFR-11, RFR-04, RFR-07
def test_a_dry_run_of_a_refresh_lists_what_starts_over_and_how_far_back(api: Api, tmp_path: Path) -> None:
    api.prepare(
        tmp_path,
        batch_job("load", DAILY, **FEBRUARY),
        batch_job(
            "clean",
            DAILY,
            interval={"start": "2026-02-10T00:00:00Z"},
            freshness=["job.is_fresh:jobs.etl.load"],
        ),
        batch_job("publish", "job.success:jobs.etl.clean"),
        batch_job("archive", "job.success:jobs.etl.load", refresh_propagation="block"),
        batch_job("other"),
    )
    (promised,) = start(api, refresh=True, dry_run=True)["succeeded"]
    assert [(row["job_ref"], (row["interval_start"] or "")[:10]) for row in promised["refreshes"]] == [
        ("jobs.etl.load", "2026-02-01"),
        ("jobs.etl.clean", "2026-02-10"),
        ("jobs.etl.publish", ""),
    ]
    assert start(api, dry_run=True)["succeeded"][0]["refreshes"] is None
    blocked = start(api, selectors=["archive"], refresh=True, dry_run=True)["succeeded"][0]
    assert blocked["refreshes"] is None
    assert "refresh was ignored" in blocked["reasons"][0]


# SPEC: TAG-05, TAG-15, TAG-08
def test_every_job_with_a_schedule_is_started_by_one_selector(local_api: Api, tmp_path: Path) -> None:
    local_api.prepare(
        tmp_path,
        batch_job("load", DAILY),
        batch_job("clean", "schedule:30 * * * *", "tag:x"),
        batch_job("poll", "every:1h"),
        batch_job("other", "tag:x"),
    )
    by_cron = start(local_api, selectors=["schedule:*"])["succeeded"]
    assert [(row["job_ref"], row["trigger"]) for row in by_cron] == [
        ("jobs.etl.clean", "schedule:30 * * * *"),
        ("jobs.etl.load", DAILY),
    ]
    timed = start(local_api, selectors=["timed", "tag:x"], dry_run=True)["succeeded"]
    assert len(timed) == 4


# SPEC: TAG-10, RUN-03
def test_selectors_are_read_in_a_start_as_everywhere(local_api: Api, tmp_path: Path) -> None:
    api = local_api
    api.prepare(tmp_path, batch_job("load"))
    assert len(start(api, selectors=[" batch"])["succeeded"]) == 1
    for unreadable in ("", "x" * 600):
        refused = json.dumps(start(api, 400, selectors=[unreadable]))
        assert "selector" in refused
        assert len(refused) < 600, "what is too long is not said again"
