"""The manifests that were deployed, over HTTP: listed, compared, applied again."""

from __future__ import annotations

from pathlib import Path

from pydantic import TypeAdapter
from tests.support.api import Api
from tests.support.worlds import batch_job

from runyard.core.checks.finding import MODULE_BYTES_MAX
from runyard_server import schemas

LOAD = batch_job("load", "schedule:0 6 * * *", interval={"start": "2026-01-01T00:00:00Z"})
LATER = {**LOAD, "triggers": ["schedule:0 7 * * *"]}


# SPEC: RCN-18
def test_every_manifest_is_numbered_and_kept_as_it_was_sent(api: Api, tmp_path: Path) -> None:
    api.prepare(tmp_path, LOAD)
    api.deploy(LOAD)
    api.deploy(LATER, batch_job("new"), extensions={"jobs.etl.load": {"split": "1d"}})
    listed = api.get(f"{api.here}/manifests")
    counts = [(row["version"], row["job_count"]) for row in listed["items"]]
    assert counts == [(2, 2), (1, 1)], "a deploy without changes makes none"
    TypeAdapter(schemas.Page[schemas.Manifest]).validate_python(listed)
    first, second = (api.get(f"{api.here}/manifests/{number}") for number in (1, 2))
    assert (first["jobs"], second["jobs"]) == ([LOAD], [LATER, batch_job("new")])
    assert (first["job_count"], second["job_count"]) == (1, 2)
    assert second["extensions"] == {"jobs.etl.load": {"split": "1d"}}
    TypeAdapter(schemas.WholeManifest).validate_python(first)
    api.ok("GET", f"{api.here}/manifests/9", 404)


# SPEC: RCN-18
def test_any_two_manifests_can_be_compared(local_api: Api, tmp_path: Path) -> None:
    local_api.prepare(tmp_path, LOAD, batch_job("old"))
    local_api.deploy(LATER, batch_job("new"), extensions={"jobs.etl.load": {"split": "1d"}})
    found = local_api.get(f"{local_api.here}/manifests/1/-compare/2")
    TypeAdapter(schemas.ManifestDifferences).validate_python(found)
    by_ref = {row["job_ref"]: row for row in found["jobs"]}
    assert {ref: row["outcome"] for ref, row in by_ref.items()} == {
        "jobs.etl.load": "updated",
        "jobs.etl.new": "created",
        "jobs.etl.old": "archived",
    }
    assert by_ref["jobs.etl.load"]["fields"] == {
        "split": [None, "1d"],
        "triggers": [["schedule:0 6 * * *"], ["schedule:0 7 * * *"]],
    }
    assert local_api.get(f"{local_api.here}/manifests/2/-compare/2")["jobs"] == []


# SPEC: RCN-18, RCN-07
def test_an_older_manifest_can_be_made_the_truth_again(api: Api, tmp_path: Path) -> None:
    api.prepare(tmp_path, LOAD)
    api.deploy(LATER, batch_job("new"))
    promised = api.post(f"{api.here}/manifests/1/-apply", {"dry_run": True})["job_receipt"]
    assert {row["job"]["job_ref"]: row["outcome"] for row in promised["succeeded"]} == {
        "jobs.etl.load": "updated",
        "jobs.etl.new": "archived",
    }
    assert api.get(f"{api.here}/manifests")["total"] == 2
    api.post(f"{api.here}/manifests/1/-apply", {})
    live = api.get(f"{api.here}/jobs?is_archived=false")["items"]
    assert [(job["job_ref"], job["triggers"][0]) for job in live] == [("jobs.etl.load", "schedule:0 6 * * *")]
    assert api.get(f"{api.here}/manifests")["total"] == 3
    viewer = api.add_user("viewer")
    api.ok("POST", f"{api.here}/manifests/1/-apply", 403, json={}, key=viewer)
    assert api.get(f"{api.here}/manifests", key=viewer)["total"] == 3


def warned(api: Api, *, dry_run: bool) -> list[str]:
    """Return what is said of single jobs when the first manifest is applied again."""
    answer = api.post(f"{api.here}/manifests/1/-apply", {"dry_run": dry_run})
    return [warning for warning in answer["warnings"] if warning.startswith("jobs.")]


# SPEC: RCN-18
def test_an_older_manifest_names_the_jobs_whose_code_is_gone(api: Api, tmp_path: Path) -> None:
    jobs = [
        batch_job("load"),
        batch_job("kept"),
        batch_job("tell", section="tell"),
        batch_job("far", section="far"),
    ]
    then = {"etl.py": "def load(): ...\ndef kept(): ...\n", "tell.py": "def tell(): ...\n"}
    api.prepare(tmp_path / "then", *jobs, texts=then)
    assert warned(api, dry_run=True) == []
    now = {"etl.py": "from elsewhere import kept\n", "tell/other.py": ""}
    api.prepare(tmp_path / "now", batch_job("kept"), texts=now)
    for dry_run in (True, False):
        assert warned(api, dry_run=dry_run) == [
            "jobs.etl.load: `etl.py` has no `load` in the code that is deployed now, so its runs fail.",
            "jobs.tell.tell: `tell.py` is not in the code that is deployed now, so its runs fail.",
        ]


# SPEC: RCN-18
def test_of_code_that_does_not_tell_its_names_nothing_is_said(local_api: Api, tmp_path: Path) -> None:
    local_api.prepare(tmp_path / "then", batch_job("load"), texts={"etl.py": "def load(): ...\n"})
    for number, unclear in enumerate(("from other import *\n", "def load(:\n", f"#{'-' * MODULE_BYTES_MAX}")):
        local_api.prepare(tmp_path / f"{number}", batch_job("load"), texts={"etl.py": unclear})
        assert warned(local_api, dry_run=True) == []
