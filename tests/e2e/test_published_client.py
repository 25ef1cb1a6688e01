"""The published `dlthub` command against a real server: unmodified, with nothing but our address and an API key.

Its workspace is written with `dlt.hub.run` alone, and its jobs run under its own launchers. What the client asks for
without a command being typed is in `tests/server`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
from tests.support.attempts import Gate
from tests.support.databases import postgres_copy
from tests.support.dlthub import Published
from tests.support.patience import PATIENCE_SECONDS
from tests.support.servers import API_KEY, Installation
from tests.support.workspaces import make_workspace

from runyard_server.client import Client

JOBS = '''
import os
import sys

import dlt.hub.run as run
from dlt.hub.run import TJobRunContext, trigger


@run.job(expose={"tags": ["ingest"]})
def load():
    """Load some rows."""
    for number in range(3):
        print("row", number)


@run.job(trigger=load.success)
def report(run_context: TJobRunContext):
    print("report after", run_context["trigger"])


@run.job(
    trigger=trigger.schedule("0 0 * * *"),
    interval={"start": "2026-01-01T00:00:00", "end": "2026-01-03T00:00:00"},
    require={"timezone": "America/New_York"},
)
def daily(run_context: TJobRunContext):
    print("from", run_context["interval_start"].isoformat(), "to", run_context["interval_end"].isoformat())


@run.job()
def boom():
    print("no wind", file=sys.stderr)
    raise ValueError("calm")


@run.job(expose={"tags": ["slow"]}, execute={"intercept_signals": False})
def wait():
    print("waiting", flush=True)
    with open(os.environ["RUNYARD_DATA_DIR"] + "/gate") as gate:
        gate.read()
    print("went through")
'''

FUNCTIONS = ["boom", "daily", "load", "report", "wait"]

NOTEBOOK = """
import marimo

app = marimo.App()


@app.cell
def _():
    return
"""

TOOLS = """
from fastmcp import FastMCP

mcp = FastMCP("tools")
"""


def deployment(functions: Sequence[str], modules: Sequence[str] = ()) -> str:
    """Return a deployment module of functions of `loads` and of modules."""
    imports = [*(f"import {module}" for module in modules), f"from loads import {', '.join(functions)}"]
    return "\n".join(
        ['"""Jobs of the published client."""', *imports, f"__all__ = {[*modules, *functions]}", ""]
    )


FILES = {
    "pyproject.toml": '[project]\nname = "loads"\nversion = "1"\n',
    "loads.py": JOBS,
    "__deployment__.py": deployment(FUNCTIONS),
    "hello.py": 'print("hello from a script")\n',
    ".dlt/prod.config.toml": "",
    ".dlt/access.config.toml": "",
}


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def published(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Published]:
    """The published client with the jobs above deployed, on each kind of database."""
    place = tmp_path_factory.mktemp("published")
    with ExitStack() as stack:
        url = None
        if request.param == "postgresql":
            server, template = (request.getfixturevalue(f"postgres_{it}") for it in ("server", "template"))
            url = stack.enter_context(postgres_copy(server, template))
        installation = stack.enter_context(Installation(place / "server", url))
        published = Published(place / "workspace", place / "home", installation, FILES)
        assert "Connected to workspace: tests" in published("workspace connect tests")
        assert "6 added, 0 updated, 0 archived" in published("deploy")
        yield published


@pytest.fixture(scope="module")
def gate(published: Published) -> Gate:
    """Where `wait` waits until it is opened."""
    return Gate(published.installation.shared_directory() / "gate")


def run_id_in(said: str) -> str:
    """Return the id of the run that a command says it has started."""
    found = re.search(r"(?:run_id: +|/runs/)([0-9a-f-]{36})", said)
    assert found, said
    return found[1]


def start_waiting(published: Published) -> str:
    """Return a run of `wait` that has come to its gate."""
    (started,) = published.client.trigger(["wait"]).started
    assert started.run is not None
    assert next(published.client.follow(started.run.id)).text == "waiting"
    return started.run.id


# Workspaces -----------------------------------------------------------------------------------------


# SPEC: CMP-02
# Part of CMP-01: an API key.
@pytest.mark.slow
def test_the_workspaces_of_the_key_are_listed(published: Published) -> None:
    assert re.search(r"^\* tests +runyard +[0-9a-f-]{36} +owner", published("workspace list"), re.MULTILINE)
    shown = published("workspace info")
    assert f"Workspace: tests {published.client.workspace.id}" in shown
    assert "# registered jobs: 6." in shown
    assert f"{published.installation.origin}/w/{published.client.workspace.id}" in shown


# Part of CMP-01: an API key.
@pytest.mark.slow
def test_a_wrong_key_is_refused(published: Published) -> None:
    assert "API key is not valid" in published("job list", code=255, key="dlt_u_not-the-key-of-anybody")


# SPEC: CMP-02
@pytest.mark.slow
@pytest.mark.parametrize("noun", ["deployment", "configuration"])
def test_versions_are_synced_once_and_can_be_looked_at(published: Published, noun: str) -> None:
    client = published.client
    latest = client.latest_deployment if noun == "deployment" else client.latest_configuration
    before = latest()
    assert before is not None
    published(f"workspace {noun} sync")
    assert latest() == before
    for how in ("list", "info", f"{before.version} info"):
        assert before.content_hash in published(f"workspace {noun} {how}")


# Deploy ---------------------------------------------------------------------------------------------


# SPEC: CMP-02, CMP-03
def test_a_second_deploy_uploads_nothing_and_leaves_every_job_unchanged(published: Published) -> None:
    client = published.client
    before = (client.latest_deployment(), client.latest_configuration())
    said = published("deploy")
    assert "Synced" not in said
    assert "Unchanged jobs:" in said
    assert "0 added, 0 updated, 0 archived" in said
    assert (client.latest_deployment(), client.latest_configuration()) == before


# SPEC: CMP-02, CMP-03
@pytest.mark.slow
def test_jobs_and_modules_are_deployed_and_one_that_is_removed_is_archived(
    published: Published, tmp_path: Path
) -> None:
    other = Published(tmp_path / "workspace", tmp_path / "home", published.installation, FILES)
    assert "Created workspace" in other("workspace connect other --create")
    make_workspace(other.root, {"notebook.py": NOTEBOOK, "tools.py": TOOLS})
    module = other.root / "__deployment__.py"
    module.write_text(deployment(FUNCTIONS, ["notebook", "tools"]))
    assert "job_ref: jobs.loads.boom\n" in other("deploy --show-manifest")
    said = other("deploy")
    assert "  + notebook (trigger: http:)\n  + tools (trigger: http:)\n" in said
    assert "8 added, 0 updated, 0 archived" in said
    module.write_text(deployment(FUNCTIONS[1:], ["notebook", "tools"]))
    with Client(published.installation.origin, API_KEY, "other") as client:
        said = other("deploy --dry-run")
        assert "Archived jobs:\n  - boom\n" in said
        assert "Dry run" in said
        assert not client.job("boom").is_archived
        assert "0 added, 0 updated, 1 archived" in other("deploy")
        assert client.job("jobs.loads.boom").is_archived


# Run ------------------------------------------------------------------------------------------------


# SPEC: CMP-10
# Part of CMP-04 and CMP-07: a job that was deployed, its follow-up, and why that ran.
def test_a_followed_run_shows_its_lines_and_ends_with_it(published: Published) -> None:
    said = published("run load -f")
    assert re.findall(r"\[user\] +(row \d)\n", said) == ["row 0", "row 1", "row 2"]
    assert "finished with status: completed" in said
    report = published.client.find_run("report")
    assert published.client.wait(report.id).is_completed
    assert run_id_in(said) in published.client.run(report.id).causes
    (line,) = published.client.logs(report.id)
    assert line.text == "report after job.success:jobs.loads.load"


# SPEC: CMP-10
# Part of CMP-04: the exit code.
@pytest.mark.slow
def test_a_followed_run_that_fails_ends_the_command_with_1(published: Published) -> None:
    said = published("run boom -f", code=1)
    assert re.search(r"\[user\] +no wind\n", said)
    assert re.search(r"\[user\] +ValueError: calm\n", said)
    assert "finished with status: failed" in said


# Part of CMP-04: a script.
@pytest.mark.slow
def test_a_script_runs_without_being_deployed_before(published: Published) -> None:
    said = published("run hello.py -f")
    assert re.search(r"\[user\] +hello from a script\n", said)
    assert "finished with status: completed" in said


# SPEC: IVL-09
# Part of CMP-07: interval and timezone.
@pytest.mark.slow
def test_a_job_gets_its_window_in_its_timezone_and_each_window_once(published: Published) -> None:
    said = published("run daily -f")
    assert "from 2026-01-01T00:00:00-05:00 to 2026-01-03T00:00:00-05:00\n" in said
    said = published("run daily -f")
    assert "from 2026-01-03T00:00:00-05:00 to 2026-01-03T00:00:00-05:00\n" in said


# Look -----------------------------------------------------------------------------------------------


# Part of CMP-05: list and info.
def test_jobs_can_be_listed_and_looked_at(published: Published) -> None:
    listed = published("job list tag:ingest")
    assert re.search(r"^loads\.load +1 +loads::load +batch", listed, re.MULTILINE)
    assert "loads.boom" not in listed
    assert re.search(r"^Job ref +jobs\.loads\.load$", published("job info load"), re.MULTILINE)


# SPEC: CMP-10
# Part of CMP-05: trigger, runs, logs.
@pytest.mark.slow
def test_runs_and_their_logs_can_be_looked_at(published: Published) -> None:
    said = published("job trigger tag:ingest")
    assert "1 job(s) triggered, 0 skipped" in said
    run = published.client.wait(run_id_in(said))
    listed = published("job runs list load")
    assert re.search(rf"^loads\.load +{run.number} +completed +tag:ingest +prod", listed, re.MULTILINE)
    shown = published(f"job runs info load {run.number}")
    assert re.search(rf"^Run ID +{run.id}$", shown, re.MULTILINE)
    assert re.search(r"^Status +completed$", shown, re.MULTILINE)
    stored, followed = (published(f"job logs load {run.number}{how}") for how in ("", " -f"))
    for text in (stored, followed):
        assert re.findall(r"\[ *(\d+)\] \S+ \[user\] +(row \d)\n", text) == [
            ("1", "row 0"),
            ("2", "row 1"),
            ("3", "row 2"),
        ]


# Part of CMP-05: trigger.
@pytest.mark.slow
def test_a_selector_that_matches_nothing_is_told_what_there_is(published: Published) -> None:
    said = published("job trigger tag:nope", code=255)
    assert "No job matches `tag:nope`" in said
    assert "ingest, slow" in said


# SPEC: CMP-10
# Part of CMP-05: a log while it grows.
@pytest.mark.slow
def test_a_log_is_followed_while_the_job_runs(published: Published, gate: Gate) -> None:
    run_id = start_waiting(published)
    with published.start("job logs wait -f") as process:
        assert process.stdout is not None
        assert any(line.endswith("waiting\n") for line in process.stdout)
        gate.open()
        assert any(line.endswith("went through\n") for line in process.stdout)
        process.stdout.read()
    assert process.returncode == 0
    assert published.client.wait(run_id).is_completed


# Pause and publish ----------------------------------------------------------------------------------


# Part of CMP-05: pause and resume.
@pytest.mark.slow
def test_what_starts_by_itself_is_paused_and_resumed_and_what_does_not_is_refused(
    published: Published,
) -> None:
    client = published.client
    assert "`jobs.loads.daily` are paused" in published("job pause daily")
    assert client.job("daily").is_paused
    assert "already paused" in published("job pause schedule:*")
    said = published("job pause loads.load", code=255)
    assert "Cannot pause jobs.loads.load" in said
    assert "nothing to pause" in said
    assert "`jobs.loads.report` are paused" in published("job pause loads.report"), "it follows another one"
    assert "`jobs.loads.daily` are resumed" in published("job resume daily")
    assert not client.job("daily").is_paused
    assert "are not paused" in published("job resume daily")


# SPEC: PUB-07
# Part of CMP-05: publish and unpublish.
@pytest.mark.slow
def test_an_app_is_published_and_unpublished(published: Published, tmp_path: Path) -> None:
    other = Published(tmp_path / "workspace", tmp_path / "home", published.installation, FILES)
    assert "Created workspace" in other("workspace connect published --create")
    make_workspace(other.root, {"notebook.py": NOTEBOOK})
    (other.root / "__deployment__.py").write_text(deployment(FUNCTIONS[:1], ["notebook"]))
    other("deploy")
    said = other("job publish notebook")
    found = re.search(r"enabled successfully: (http://\S+)", said)
    assert found, said
    link = httpx.URL(found[1])
    assert f"already enabled: {link}" in other("job publish notebook")

    def status() -> int:
        # Not every resolver knows the names below `localhost`, as browsers do.
        here = link.copy_with(host="localhost")
        named = {"host": link.netloc.decode()}
        return httpx.get(here, headers=named, trust_env=False, timeout=PATIENCE_SECONDS).status_code

    assert status() == 303
    assert "disabled successfully" in other("job unpublish notebook")
    assert status() == 404
    assert "already disabled" in other("job unpublish notebook")
    assert "only interactive jobs can be published" in other("job publish boom", code=255).lower()


# Stop -----------------------------------------------------------------------------------------------


# Part of CMP-05: cancel.
@pytest.mark.slow
@pytest.mark.usefixtures("gate")
def test_the_runs_of_a_selector_are_cancelled(published: Published) -> None:
    run_id = start_waiting(published)
    number = published.client.run(run_id).number
    assert f"Would cancel run # {number} of jobs.loads.wait (was running)" in published(
        "job cancel tag:slow --dry-run"
    )
    assert f"Cancelled run # {number} of jobs.loads.wait (was running)" in published("job cancel tag:slow")
    assert published.client.wait(run_id).reason == "user_cancel"


# Part of CMP-05: runs cancel.
@pytest.mark.slow
@pytest.mark.usefixtures("gate")
def test_one_run_is_cancelled_and_a_second_time_has_ended(published: Published) -> None:
    run_id = start_waiting(published)
    number = published.client.run(run_id).number
    assert f"Successfully requested cancellation of run # {number}" in published("job runs cancel wait")
    assert published.client.wait(run_id).status == "cancelled"
    assert "already in a terminal state: cancelled" in published("job runs cancel wait", code=255)
