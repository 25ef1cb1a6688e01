"""Job code of both dialects is one language: what it declares, and what its runs are told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from dlt._workspace.deployment import manifest as published
from tests.support import dialects
from tests.support.workspaces import discovered, make_workspace

from runyard.core.discovery import Discovered
from runyard.core.errors import InvalidDeploymentModule

DLT = "dlt._workspace.deployment.launchers.job"
OURS = "runyard.core.launchers.job"


def discover(root: Path, files: dict[str, str]) -> Discovered:
    found = discovered(make_workspace(root, files))
    published.validate_manifest(found.manifest, raise_on_error=True)  # type: ignore[arg-type]
    return found


def launchers(found: Discovered) -> set[str]:
    return {job["entry_point"]["launcher"] for job in found.manifest["jobs"]}


def without_launchers(found: Discovered) -> list[dict[str, Any]]:
    return [
        {**job, "entry_point": {**job["entry_point"], "launcher": None}} for job in found.manifest["jobs"]
    ]


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Discovered:
    return discover(tmp_path_factory.mktemp("ours"), dialects.files(dialects.OURS))


# SPEC: CMP-08, DEC-02, DEC-23
@pytest.mark.parametrize(
    "dialect",
    [
        pytest.param(dialects.DOCUMENTED, id="documented"),
        pytest.param(dialects.BY_FULL_NAME, id="full name", marks=pytest.mark.slow),
        pytest.param(dialects.AS_ATTRIBUTE, id="attribute", marks=pytest.mark.slow),
    ],
)
def test_manifests_of_both_dialects_differ_in_launchers_and_extensions_alone(
    tmp_path: Path, ours: Discovered, dialect: str
) -> None:
    theirs = discover(tmp_path, dialects.files(dialect))
    assert without_launchers(theirs) == without_launchers(ours)
    assert launchers(theirs) - launchers(ours) == {DLT}
    assert launchers(ours) - launchers(theirs) == {OURS}
    assert not any(launcher.startswith("dlt.") for launcher in launchers(ours))
    assert (theirs.warnings, theirs.extensions) == (ours.warnings, {})
    assert {name for each in ours.extensions.values() for name in each} == {"idle_timeout"}


# SPEC: DEC-02
def test_a_job_that_dlt_cannot_describe_is_an_error_that_names_it(tmp_path: Path) -> None:
    code = (
        "from dlt.hub import run\n\n@run.job(deliver=lambda: None)\ndef load(): ...\n\n__all__ = ['load']\n"
    )
    with pytest.raises(InvalidDeploymentModule, match="dlt cannot describe the job `load`: deliver must be"):
        discover(tmp_path, {"__deployment__.py": code})


# SPEC: DEC-02, FUP-01
def test_jobs_of_one_dialect_follow_and_wait_for_jobs_of_the_other(tmp_path: Path) -> None:
    found = discover(
        tmp_path,
        {
            "theirs.py": """
from dlt.hub import run
from ours import load

@run.pipeline("flights", trigger=load.completed, freshness=load.is_fresh)
def ingest(): ...
""",
            "ours.py": """
from runyard import run

@run.job
def load(): ...
""",
            "__deployment__.py": """
from ours import load
from runyard import run
from theirs import ingest

@run.job(trigger=[ingest.success, "job.fail:pipeline_name:flights"], freshness=[ingest.is_fresh, load.is_fresh])
def report(): ...

__all__ = ["ingest", "load", "report"]
""",
        },
    )
    ingest, load, report, _dashboard = found.manifest["jobs"]
    assert (ingest["entry_point"]["launcher"], load["entry_point"]["launcher"]) == (DLT, OURS)
    assert ingest["triggers"] == ["job.success:jobs.ours.load", "job.fail:jobs.ours.load"]
    assert ingest["freshness"] == ["job.is_fresh:jobs.ours.load"]
    assert report["triggers"] == ["job.success:jobs.theirs.ingest", "job.fail:jobs.theirs.ingest"]
    assert report["freshness"] == ["job.is_fresh:jobs.theirs.ingest", "job.is_fresh:jobs.ours.load"]
