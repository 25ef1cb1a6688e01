"""Code and settings on their own, and two deploys at once: against a server of each test's own."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.server.cli.conftest import FILES, Shell
from tests.support.servers import server_here
from tests.support.workspaces import make_workspace

from runyard.core.errors import Conflict
from runyard_server.client import Client
from runyard_server.client.deploying import Deployer


@pytest.fixture
def fresh(shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    """Commands go to a server where nothing is deployed yet."""
    with server_here(tmp_path / "fresh") as client:
        monkeypatch.setenv("RUNYARD_SERVER", client.target.server)
        assert shell("workspace info --json").document["deployment"] is None
        yield client


# SPEC: RCN-14, RCN-17
def test_a_sync_uploads_code_and_settings_and_leaves_the_jobs_alone(shell: Shell, fresh: Client) -> None:
    promised = shell("sync --dry-run")
    assert promised.code == 0
    assert promised.err.startswith(f"Syncing to tests at {fresh.target.server}\n")
    assert "Nothing was changed." in promised.err
    assert fresh.latest_deployment() is None
    done = shell("--json sync").document
    assert (done["code"]["is_new"], done["settings"]["is_new"]) == (True, True)
    assert list(fresh.jobs()) == []
    assert shell("deploy").code == 0
    etl = shell.root / "etl.py"
    etl.write_text(etl.read_text().replace('expose={"tags": ["demo"]}', 'trigger="every:2h"'))
    assert shell("sync").code == 0
    newest = fresh.latest_deployment()
    assert newest is not None
    assert newest.version == 2
    assert fresh.job("load").version == 1


# SPEC: RCN-13
def test_a_deploy_without_a_deployment_module_brings_code_and_settings_and_says_so(
    shell: Shell, fresh: Client
) -> None:
    (shell.root / "__deployment__.py").unlink()
    deployed = shell("deploy")
    assert deployed.code == 0
    assert "There is no `__deployment__.py`" in deployed.err
    assert fresh.latest_deployment() is not None
    assert fresh.latest_configuration() is not None
    assert list(fresh.jobs()) == []


# SPEC: RCN-17
def test_the_workspace_says_in_how_many_files_it_differs_from_what_is_deployed(
    shell: Shell, fresh: Client
) -> None:
    assert fresh.workspace.name == "tests"
    assert shell("deploy").code == 0
    assert "the same as what is deployed" in shell("workspace info").out
    (shell.root / "more.py").write_text("")
    (shell.root / "etl.py").write_text("# other\n" + (shell.root / "etl.py").read_text())
    (shell.root / "__deployment__.py").unlink()
    (shell.root / ".dlt/prod.config.toml").write_text("rows = 3\n")
    assert "files 1 added, 1 changed, 1 deleted; other settings" in shell("workspace info").out
    drift = shell("workspace info --json").document["drift"]
    assert (drift["code"]["added"], drift["settings"]) == (["more.py"], True)


# SPEC: RCN-12
def test_of_two_deploys_at_once_one_wins_and_the_other_says_what_changed(
    shell: Shell, fresh: Client, tmp_path: Path
) -> None:
    other = make_workspace(tmp_path / "other", {**FILES, "etl.py": FILES["etl.py"] + "\n# theirs\n"})
    mine, theirs = (Deployer(fresh, root, env=os.environ) for root in (shell.root, other))
    found, code, settings = mine.discover(), mine.sync_code(), mine.sync_settings()
    assert theirs.deploy() is not None
    winner = {job.job_ref: job.version for job in fresh.jobs()}
    with pytest.raises(Conflict, match="version 2 of the code meanwhile"):
        fresh.deploy(
            {**found.manifest, "jobs": found.manifest["jobs"][:1]},
            found.extensions,
            code=code.version,
            settings=settings.version,
        )
    assert {job.job_ref: job.version for job in fresh.jobs()} == winner


# SPEC: RCN-11
def test_runs_keep_the_code_and_settings_they_were_started_with(shell: Shell, fresh: Client) -> None:
    assert shell("deploy").code == 0
    gate = shell.root.parent / "gate"
    os.mkfifo(gate)
    first = shell(f"--json run wait -c gate={gate}").document
    (shell.root / "etl.py").write_text((shell.root / "etl.py").read_text().replace("went through", "passed"))
    (shell.root / ".dlt/prod.config.toml").write_text("[other]\nrows = 3\n")
    assert shell("deploy").code == 0
    gate.write_text("once")
    ended = fresh.wait(first["id"])
    assert "went through once" in [line.text for line in fresh.logs(ended.id)]
    second = shell("--json run load -f").document
    numbers = [
        (fresh.deployment(run["deployment_id"]).version, fresh.configuration(run["configuration_id"]).version)
        for run in (first, second)
    ]
    assert numbers == [(1, 1), (2, 2)]


# SPEC: RCN-18
def test_one_can_look_at_what_was_deployed_before_and_go_back(shell: Shell, fresh: Client) -> None:
    nothing = shell("workspace manifest diff 3")
    assert nothing.code == 4
    assert "No manifest of this workspace has the number 3." in nothing.err
    assert shell("deploy").code == 0
    etl = shell.root / "etl.py"
    etl.write_text(etl.read_text().replace('expose={"tags": ["demo"]}', 'trigger="every:2h"'))
    module = shell.root / "__deployment__.py"
    module.write_text(f"{module.read_text()}from more import more\n__all__.append('more')\n")
    (shell.root / "more.py").write_text("from runyard import run\n\n@run.job()\ndef more(): pass\n")
    assert shell("deploy").code == 0
    listed = shell("workspace manifest list --json").document
    assert [row["version"] for row in listed] == [2, 1]
    shown = shell("workspace manifest diff 1")
    assert shown.code == 0
    assert "jobs.etl.load" in shown.out
    assert '["every:2h"]' in shown.out
    (added,) = (line for line in shown.out.splitlines() if "jobs.more.more" in line)
    assert added.split() == ["jobs.more.more", "added"], "no field of it says more than another"
    assert "declare the same jobs" in shell("workspace manifest diff 2 2").err
    assert shell("workspace manifest apply 1 --dry-run").code == 0
    assert fresh.job("load").version == 2
    assert shell("--json workspace manifest apply 1").document["jobs"][0]["outcome"] == "updated"
    assert fresh.job("load").definition.tags == ("demo",)
    assert shell("workspace manifest apply 9").code == 4
