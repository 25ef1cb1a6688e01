"""The commands against a real server: what they print, where, and how they end."""

from __future__ import annotations

import os
import uuid
from pathlib import Path

import pytest
from tests.server.cli.conftest import Shell
from tests.support.servers import server_here

from runyard.core.errors import InvalidManifest
from runyard_server.client.deploying import Deployer
from runyard_server.client.models import Run

JOBS = """
from runyard import run

@run.job({})
def f(): pass

@run.job({})
def g(): pass

__all__ = ["f", "g"]
"""


def latest(shell: Shell, name: str) -> Run:
    return shell.client.find_run(name)


def rename(shell: Shell, name: str) -> None:
    (shell.root / "pyproject.toml").write_text(f'[project]\nname = "{name}"\nversion = "1"\n')


# Deploy ---------------------------------------------------------------------------------------------


# SPEC: RCN-03, RCN-09, ADH-11
def test_a_deploy_without_changes_reports_only_unchanged(shell: Shell) -> None:
    result = shell("deploy --json")
    assert result.code == 0
    assert {row["outcome"] for row in result.document["jobs"]} == {"unchanged"}
    assert not result.document["code"]["is_new"]
    assert not result.document["settings"]["is_new"]


# SPEC: RCN-01
def test_a_deploy_reports_each_step_in_order(shell: Shell) -> None:
    said = shell("deploy").err
    assert said.startswith(f"Deploying to tests at {shell.client.target.server}\n")
    assert said.index("Imported __deployment__") < said.index("Code") < said.index("Settings")


# SPEC: RCN-04, RCN-07
def test_a_dry_run_names_what_would_change_and_changes_nothing(shell: Shell) -> None:
    etl = shell.root / "etl.py"
    etl.write_text(etl.read_text().replace('expose={"tags": ["demo"]}', 'trigger="every:2h"'))
    before = shell.client.latest_deployment()
    result = shell("deploy --dry-run --json")
    (load,) = (row for row in result.document["jobs"] if row["job_ref"] == "jobs.etl.load")
    assert load["outcome"] == "updated"
    assert {"triggers", "default_trigger", "expose"} <= set(load["fields"])
    assert result.document["code"]["changes"]["updated"] == ["etl.py"]
    assert shell.client.latest_deployment() == before
    assert shell.client.job("load").job_definition["expose"]["tags"] == ["demo"]


# SPEC: RCN-10
@pytest.mark.parametrize("refused", ["0 0 30 2 *", "every:10s"])
def test_a_refused_deploy_leaves_the_code_that_jobs_run(shell: Shell, refused: str) -> None:
    etl = shell.root / "etl.py"
    changed = etl.read_text().replace('expose={"tags": ["demo"]}', f'trigger="{refused}"')
    etl.write_text(changed.replace('"row"', '"other row"'))
    (shell.root / ".dlt/prod.config.toml").write_text("rows = 3\n")
    before = shell.client.latest_deployment(), shell.client.latest_configuration()
    result = shell("deploy")
    assert result.code == 7
    assert "uploaded" not in result.err
    with pytest.raises(InvalidManifest):
        Deployer(shell.client, shell.root, env=os.environ).deploy()
    assert (shell.client.latest_deployment(), shell.client.latest_configuration()) == before
    (started,) = shell.client.trigger(["load"]).started
    assert started.run is not None
    shell.client.wait(started.run.id)
    assert next(line.text for line in shell.client.logs(started.run.id)) == "row 0"


# SPEC: RCN-08
def test_the_manifest_is_printed_expanded_and_nothing_is_asked_of_the_server(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUNYARD_SERVER", "http://127.0.0.1:9")
    shown = shell("deploy --show-manifest --dry-run -v")
    assert shown.code == 0
    assert "- tag:demo\n" in shown.out
    assert "- manual:jobs.etl.load\n" in shown.out
    refs = {job["job_ref"] for job in shell("--json deploy --show-manifest").document["jobs"]}
    assert refs == {f"jobs.etl.{name}" for name in ("fail", "load", "publish", "wait")} | {
        "jobs.workspace.dashboard"
    }


# SPEC: RCN-15, TRB-01, TRB-02
def test_warnings_are_errors_only_if_that_is_wanted(shell: Shell) -> None:
    (shell.root / ".dlt/access.config.toml").unlink()
    before = shell.client.latest_configuration()
    strict = shell("deploy --strict")
    assert strict.code == 7
    assert "No 'access' profile detected" in strict.err
    assert shell.client.latest_configuration() == before
    kind = shell("deploy --dry-run")
    assert kind.code == 0
    assert kind.err.count("No 'access' profile detected") == 1


# SPEC: RCN-13
def test_without_a_deployment_module_only_code_and_settings_are_synced(shell: Shell) -> None:
    (shell.root / "__deployment__.py").unlink()
    result = shell("deploy --dry-run")
    assert result.code == 0
    assert "There is no `__deployment__.py`" in result.err


# SPEC: WS-04
def test_a_command_works_from_below_the_root(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    below = shell.root / "a" / "b"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    assert shell("deploy --dry-run").code == 0


# Run, trigger ---------------------------------------------------------------------------------------


# SPEC: ADH-02, ADH-10, RUN-08
def test_a_followed_run_prints_its_log_and_nothing_else_to_stdout(shell: Shell) -> None:
    result = shell("run load -f")
    assert result.code == 0
    assert result.out == "row 0\nrow 1\n"
    run = latest(shell, "load")
    assert f"Started jobs.etl.load #{run.number}, run {run.id}, {shell.client.run_url(run.id)}" in result.err
    assert shell(f"job logs load {run.number}").out == result.out


# SPEC: ADH-02, CLI-44
def test_following_a_run_that_fails_exits_with_5(shell: Shell) -> None:
    result = shell("run fail --follow")
    assert result.code == 5
    assert "no wind\n" in result.out
    assert "ValueError: calm\n" in result.out


# SPEC: CLI-45, CLI-52
def test_a_followed_run_with_json_leaves_one_document(shell: Shell) -> None:
    result = shell("--json run load -f")
    assert result.document["status"] == "completed"
    assert "row 0" in result.err


# SPEC: JCF-08
def test_a_setting_can_be_overridden_for_one_run(shell: Shell) -> None:
    assert shell("run load -f -c rows=3").out == "row 0\nrow 1\nrow 2\n"


# SPEC: ADH-01, ADH-04, ADH-05, ADH-07
def test_a_file_runs_as_a_job_of_its_own_and_changes_no_other(shell: Shell) -> None:
    (shell.root / "hello.py").write_text("print('hello')\n")
    before = {job.job_ref: job for job in shell.client.jobs()}
    manifest = shell("--json run hello.py --show-manifest").document
    assert [job["job_ref"] for job in manifest["jobs"]] == ["jobs.hello"]
    assert manifest["deployment_module"] is None
    result = shell("run hello.py -f")
    assert (result.code, result.out) == (0, "hello\n")
    after = {job.job_ref: job for job in shell.client.jobs()}
    assert after.keys() - before.keys() <= {"jobs.hello"}
    for ref, job in before.items():
        assert (after[ref].version, after[ref].deployment_module) == (job.version, job.deployment_module)
    assert shell("job logs hello.py").out == "hello\n"


# SPEC: TAG-04, RUN-14
def test_a_trigger_starts_what_a_selector_matches_and_prints_id_and_page(shell: Shell) -> None:
    result = shell("--json job trigger tag:demo")
    (started,) = result.document["started"]
    assert started["job_ref"] == "jobs.etl.load"
    assert started["trigger"] == "tag:demo"
    shell.client.wait(started["run"]["id"])
    assert "by hand" in shell("job runs list load").out, "it says who, not what the run stands for"
    shown = shell("job trigger tag:demo").out
    run = latest(shell, "load")
    assert run.id in shown
    assert shell.client.run_url(run.id) in shown
    shell.client.wait(run.id)


# SPEC: TAG-06
def test_a_dry_run_of_a_trigger_starts_nothing(shell: Shell) -> None:
    before = {run.id for run in shell.client.runs()}
    result = shell("job trigger tag:demo publish --dry-run --json")
    assert result.code == 0
    assert {row["job_ref"] for row in result.document["started"]} == {"jobs.etl.load", "jobs.etl.publish"}
    assert {run.id for run in shell.client.runs()} == before


# SPEC: CLI-51
def test_an_alias_ends_like_its_canonical_form(shell: Shell) -> None:
    canonical, alias = shell("job trigger nothing:here"), shell("runtime trigger nothing:here")
    assert (alias.code, alias.err) == (canonical.code, canonical.err)


# Look -----------------------------------------------------------------------------------------------


# SPEC: RUN-01, TAG-12
def test_the_list_of_jobs_says_what_starts_them_and_narrows_by_selector(shell: Shell) -> None:
    shown = shell("job list").out
    assert "after load succeeded" in shown
    assert "tag demo" in shown
    assert "by hand" in shown
    assert {row["job_ref"] for row in shell("job list tag:demo --json").document} == {"jobs.etl.load"}
    assert {row["job_type"] for row in shell("--json job list batch").document} == {"batch"}


# SPEC: RUN-02
def test_the_description_of_a_job_has_its_triggers_and_latest_runs(shell: Shell) -> None:
    shell("run load -f")
    shown = shell("job info load").out
    for word in ("jobs.etl.load", "Load some rows.", "tag:demo", "prod", "2 h", "completed"):
        assert word in shown


# SPEC: JCF-09
def test_the_description_of_a_job_says_what_it_can_be_given(shell: Shell) -> None:
    assert "rows: integer, else 2" in shell("job info load").out
    assert "gate: string, required" in shell("job info wait").out
    inputs = shell("job info load --json").document["job_definition"]["inputs"]
    assert inputs["properties"] == {"rows": {"type": "integer", "default": 2}}


# SPEC: RUN-03, TAG-12
def test_the_list_of_runs_is_the_newest_first_and_can_be_narrowed(shell: Shell) -> None:
    shell("run fail -f")
    shell("run load -f")
    tagged = shell("job runs list tag:demo --json").document
    assert {row["job_ref"] for row in tagged} == {"jobs.etl.load"}
    numbers = [row["number"] for row in shell("job runs list load --json").document]
    assert numbers == sorted(numbers, reverse=True)
    failed = shell("job runs list --status failed --json").document
    assert {row["status"] for row in failed} == {"failed"}
    assert len(shell("job runs list --limit 1 --json").document) == 1


# SPEC: RUN-04, RUN-05, TRB-13
def test_a_run_is_described_by_its_number_or_its_id(shell: Shell) -> None:
    shell("run fail -f")
    run = latest(shell, "fail")
    by_number = shell(f"job runs info fail {run.number}")
    assert "failed (exception)" in by_number.out
    assert "version 1" in by_number.out
    assert f"runyard job logs fail {run.number}" in by_number.err
    document = shell(f"--json job runs info {run.id}").document
    assert (document["exit_code"], document["reason"]) == (1, "exception")


# SPEC: RUN-07
def test_following_a_run_that_has_ended_prints_its_log(shell: Shell) -> None:
    shell("run load -f")
    assert shell("job logs load --follow").out == shell("job logs load").out == "row 0\nrow 1\n"
    lines = shell("job logs load --json").document
    assert [line["text"] for line in lines] == ["row 0", "row 1"]


@pytest.mark.parametrize("command", ["job logs", "job runs logs"])
# SPEC: RUN-07, CLI-44
def test_a_followed_log_of_a_failed_run_says_so_at_its_end_and_exits_with_5(
    shell: Shell, command: str
) -> None:
    run = shell.client.wait(shell("--json run fail").document["id"])
    followed, read = shell(f"{command} fail -f"), shell(f"{command} fail")
    assert (followed.code, read.code) == (5, 0)
    assert followed.out == read.out
    assert followed.err.startswith(f"jobs.etl.fail #{run.number} failed, ")
    assert followed.err.count("\n") == 1
    assert read.err == ""


# SPEC: CLI-47
def test_timestamps_come_before_each_line(shell: Shell) -> None:
    shell("run load -f")
    first = shell("job logs load --timestamps").out.splitlines()[0]
    at, text = first.split(" ", 1)
    assert text == "row 0"
    assert at.endswith("+00:00")


# SPEC: WS-15, RUN-02, RUN-05, RUN-06
def test_jobs_of_a_project_that_another_replaced_can_still_be_looked_at(shell: Shell, tmp_path: Path) -> None:
    with server_here(tmp_path / "data") as client:
        server = f"--server {client.target.server}"
        assert shell(f"{server} deploy").code == 0
        assert shell(f"{server} run load -f").code == 0
        module = shell.root / "__deployment__.py"
        module.write_text("from etl import fail\n\n__all__ = ['fail']\n")
        rename(shell, "mine")
        assert shell(f"{server} deploy --yes").code == 0
        assert shell(f"{server} --json job info load").document["is_archived"]
        assert shell(f"{server} job runs info load").code == 0
        assert shell(f"{server} job logs load").out == "row 0\nrow 1\n"
        again = shell(f"{server} run load --yes")
    assert again.code == 4
    assert "`jobs.etl.load` is no longer deployed" in again.err


# Stop -----------------------------------------------------------------------------------------------


# SPEC: RUN-09, RUN-10, RUN-11, RUN-12, TAG-12
def test_a_run_is_stopped_once_and_told_so_the_second_time(shell: Shell, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    started = shell(f"--json job trigger wait -c gate={gate}").document["started"][0]["run"]
    assert next(line.text for line in shell.client.follow(started["id"])) == "waiting"
    dry = shell("--json job cancel wait --dry-run").document
    assert [row["job_run_id"] for row in dry["cancelled"]] == [started["id"]]
    assert shell("--json job cancel tag:demo --dry-run").document["cancelled"] == []
    assert shell("--json job cancel 'jobs.etl.w*' --dry-run").document == dry
    assert "1 run asked to stop" in shell("job cancel wait").err
    run = shell.client.wait(started["id"])
    assert (run.status, run.reason) == ("cancelled", "user_cancel")
    again = shell("job runs cancel wait")
    assert again.code == 0
    assert "had ended before" in again.err


# Bad input ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "code", "said"),
    [
        ("run nothere", 4, "There is no job `nothere`"),
        ("run nothere.py", 4, "There is no file `"),
        ("serve nothere.py", 4, "There is no file `"),
        ("job info lod", 4, "Did you mean `jobs.etl.load`?"),
        ("job trigger tag:nope", 4, "There are the tags demo"),
        ("job list tag:nope", 4, "There are the tags demo"),
        ("job runs info load 99999", 4, "has no run 99999"),
        (f"job runs info {uuid.UUID(int=5, version=4)}", 4, ""),
        ("--workspace nope job list", 4, "There is: tests."),
        ("--server ftp://x job list", 7, "is no address of a server"),
        ("--server http://127.0.0.1:9 job list", 6, "http://127.0.0.1:9"),
    ],
)
# SPEC: CLI-44, TAG-10
def test_what_cannot_be_found_or_reached_is_said_with_a_remedy(
    shell: Shell, line: str, code: int, said: str
) -> None:
    result = shell(line)
    assert result.code == code
    assert result.out == ""
    assert "Error: " in result.err
    assert said in result.err
    assert "Traceback" not in result.err
    assert shell(f"--json {line}").document["error"]["code"].startswith("RY")


@pytest.mark.parametrize("key", ["dlt_u_wrong-but-long-enough-123", "nonsense"])
# SPEC: CLI-44
def test_a_wrong_key_exits_with_3(shell: Shell, key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNYARD_API_KEY", key)
    result = shell("job list")
    assert result.code == 3
    assert "RUNYARD_API_KEY" in result.err


# SPEC: WS-02
def test_without_the_marker_the_missing_file_and_the_command_are_named(shell: Shell) -> None:
    (shell.root / ".dlt/.workspace").unlink()
    result = shell("deploy")
    assert result.code == 7
    assert ".dlt/.workspace" in result.err
    assert "runyard init" in result.err


@pytest.mark.parametrize("option", ["", "--dry-run"])
# SPEC: RCN-04, WS-06
def test_a_broken_pyproject_is_refused_by_a_dry_run_too(shell: Shell, option: str) -> None:
    (shell.root / "pyproject.toml").write_text("[project\n")
    result = shell(f"deploy {option}")
    assert result.code == 7
    assert "pyproject.toml` is not valid TOML" in result.err


# SPEC: WS-05
def test_without_pyproject_a_deploy_is_refused(shell: Shell) -> None:
    (shell.root / "pyproject.toml").unlink()
    result = shell("deploy")
    assert result.code == 7
    assert "uv init" in result.err


@pytest.mark.parametrize(
    ("module", "said"),
    [
        ("raise RuntimeError('boom')", "RuntimeError: boom"),
        ("def f(): pass\n__all__ = ['f']", "run.pipeline"),
        ("from etl import load\n__all__ = ['load', 'nothere']", "nothere"),
        (JOBS.format("section='a', name='b'", "section='a', name='b'"), "jobs.a.b"),
        (JOBS.format("", "trigger='schedule:61 * * * *'"), "61"),
        (JOBS.format("", "trigger='every:1s'"), "every"),
    ],
    ids=["raises", "undecorated", "missing", "two-of-one-ref", "broken-cron", "too-often"],
)
# SPEC: RCN-10, DEP-03, DEP-09, DEP-13, DEP-15
def test_a_broken_deployment_module_is_refused_and_the_previous_state_stays(
    shell: Shell, module: str, said: str
) -> None:
    before = ([job.version for job in shell.client.jobs()], shell.client.latest_configuration())
    (shell.root / "__deployment__.py").write_text(module)
    result = shell("deploy")
    assert result.code == 7
    assert said in result.err
    assert ([job.version for job in shell.client.jobs()], shell.client.latest_configuration()) == before


# The workspace --------------------------------------------------------------------------------------


# SPEC: WS-12, WS-14
def test_connecting_writes_the_workspace_and_keeps_the_rest(shell: Shell) -> None:
    config = shell.root / ".dlt/config.toml"
    config.write_text("# mine\n[runtime]\nlog_level = 'INFO' # really\n")
    assert shell("workspace connect tests").code == 0
    text = config.read_text()
    assert text.startswith("# mine\n[runtime]\nlog_level = 'INFO' # really\n")
    assert f'workspace_id = "{shell.client.workspace.id}"' in text


# SPEC: WS-18
def test_the_workspace_tells_what_it_has(shell: Shell) -> None:
    shown = shell("workspace info").out
    for word in (
        "tests",
        shell.client.workspace.id,
        shell.client.target.server,
        "Jobs to test with.",
        " batch, 1 interactive",
    ):
        assert word in shown


# SPEC: CLI-46
def test_of_several_workspaces_the_one_called_like_the_project_is_taken(shell: Shell, tmp_path: Path) -> None:
    with server_here(tmp_path / "data") as client:
        client.create_workspace("another")
        server = f"--server {client.target.server}"
        assert shell(f"{server} --json workspace info").document["workspace"]["name"] == "tests"
        rename(shell, "third")
        result = shell(f"{server} job list")
    assert result.code == 2
    assert "--workspace" in result.err
    assert "another" in result.err


@pytest.mark.parametrize("line", ["deploy", "deploy --dry-run", "run load", "run etl.py --job-ref load"])
# SPEC: WS-15
def test_another_projects_workspace_is_left_alone_unless_it_is_meant(shell: Shell, line: str) -> None:
    rename(shell, "mine")
    before = shell.client.latest_deployment()
    result = shell(line)
    assert result.code == 7
    for word in ("`mine`", "`tests`", "runyard workspace connect tests", "--yes"):
        assert word in result.err
    assert shell.client.latest_deployment() == before


@pytest.mark.parametrize("line", ["deploy --dry-run --yes", "--workspace tests deploy --dry-run"])
# SPEC: WS-15
def test_a_workspace_that_is_meant_may_be_called_otherwise(shell: Shell, line: str) -> None:
    rename(shell, "mine")
    assert shell(line).code == 0


@pytest.mark.parametrize("line", ["job list", "job runs list", "job pause load", "job cancel load --dry-run"])
# SPEC: WS-15
def test_jobs_of_a_workspace_that_is_not_called_like_the_project_are_said_to_be_its(
    shell: Shell, line: str
) -> None:
    where = f"Workspace tests at {shell.client.target.server}\n"
    assert where not in shell(line).err
    rename(shell, "mine")
    assert shell(line).err.startswith(where)
    assert where not in shell(f"--json {line}").err
    assert where not in shell(f"--workspace tests {line}").err
    shell("--workspace tests job resume load")


# SPEC: WS-15
def test_a_connected_workspace_may_be_called_otherwise(shell: Shell) -> None:
    rename(shell, "mine")
    assert shell("workspace connect tests").code == 0
    assert shell("deploy --dry-run -q").err == ""
