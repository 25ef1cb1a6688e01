"""Starting jobs by the pipelines they are bound to, on a real server."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.server.cli.conftest import Shell
from tests.support.servers import server_here
from tests.support.traces import body, trace

from runyard_server.client import Client

PIPELINES = """
from runyard import run

@run.pipeline("flights")
def load(run_context): print("loaded", run_context["refresh"])

@run.pipeline("weather")
def hourly(): pass

@run.pipeline("weather")
def yearly(): print("yearly")

@run.job()
def report(): pass

@run.pipeline("weather")
def tell():
    import os, urllib.request
    with open("told.json", "rb") as sent:
        url = os.environ["RUNTIME__DLTHUB_DSN"] + "/trace"
        urllib.request.urlopen(urllib.request.Request(url, sent.read(), method="PUT")).close()
"""


TOLD = trace(rows={"weather": 26115, **{f"t{number:02}": number for number in range(24)}})


@pytest.fixture
def client(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Client]:
    """Return a server of its own, which commands speak to, with jobs of two pipelines deployed."""
    names = "hourly, load, report, tell, yearly"
    (shell.root / "pipes.py").write_text(PIPELINES)
    (shell.root / "told.json").write_bytes(body(TOLD))
    (shell.root / "__deployment__.py").write_text(
        f"from pipes import {names}\n__all__ = {names.split(', ')}\n"
    )
    with server_here(tmp_path_factory.mktemp("data")) as client:
        monkeypatch.setenv("RUNYARD_SERVER", client.target.server)
        deployed = shell("deploy")
        assert deployed.code == 0, deployed.err
        yield client


# SPEC: TAG-13, CLI-25
def test_a_pipeline_is_run_by_its_name_with_the_code_as_it_is_here(shell: Shell, client: Client) -> None:
    source = shell.root / "pipes.py"
    source.write_text(source.read_text().replace('"loaded"', '"loaded anew"'))
    result = shell("pipeline run flights -f --refresh")
    assert (result.code, result.out) == (0, "loaded anew True\n")
    assert [run.job_ref for run in client.runs()] == ["jobs.pipes.load"]
    older = shell("run-pipeline flights")
    assert older.code == 0, older.err
    assert "Started jobs.pipes.load #2" in older.out


# SPEC: TAG-13, CLI-25
@pytest.mark.usefixtures("client")
def test_of_several_jobs_of_a_pipeline_one_has_to_be_named_and_others_are_not_found(shell: Shell) -> None:
    refused = shell("pipeline run weather")
    assert refused.code == 4
    assert "jobs.pipes.hourly" in refused.err
    assert "jobs.pipes.yearly" in refused.err
    assert shell("pipeline run weather --job-ref yearly -f").out == "yearly\n"
    for name in ("report", "pipes.report", "nothing"):
        missing = shell(f"pipeline run {name}")
        assert missing.code == 4
        assert "Bound are: flights, weather." in missing.err
    assert shell("pipeline run weather --job-ref load").code == 4


# SPEC: DEC-19
@pytest.mark.usefixtures("client")
def test_what_a_pipeline_loaded_is_said_with_its_run(shell: Shell) -> None:
    assert shell("run tell -f").code == 0
    shown = shell("job runs info tell").out
    assert "pipeline flights  to duckdb.flights, 26,391 rows, 2.2 s" in shown
    lines = [line.split() for line in shown.splitlines()]
    assert ["weather", "26,115"] in lines
    assert ["t05", "5"] in lines
    assert ["5", "more", "10"] in lines
    [told] = shell("--json job runs info tell").document["pipeline_runs"]
    assert (told["pipeline_name"], told["total_rows"], len(told["tables"])) == ("flights", 26391, 25)
    assert shell("run report -f").code == 0
    assert shell("--json job runs info report").document["pipeline_runs"] == []
