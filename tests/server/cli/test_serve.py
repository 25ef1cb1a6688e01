"""`runyard serve` against a real server: an app starts, answers, is found again, and is stopped."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.server.cli.conftest import Shell

SHOP = """
from runyard import run

@run.interactive(interface="rest_api")
def shop():
    async def app(scope, receive, send):
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"hello"})
    return app
"""

CRASHING = SHOP.replace("    async def app", "    raise ValueError('no such table')\n    async def app")


@pytest.fixture
def apps(shell: Shell) -> Iterator[Shell]:
    """Commands in a workspace with two files of apps and one without; what was started is stopped at the end."""
    (shell.root / "shop.py").write_text(SHOP)
    (shell.root / "notes.py").write_text("print('no app')")
    (shell.root / "crashing.py").write_text(CRASHING.replace("def shop", "def crashing"))
    yield shell
    refs = ("jobs.shop.shop", "jobs.crashing.crashing")
    left = [run.id for run in shell.client.open_runs() if run.job_ref in refs]
    if left:
        shell.client.cancel(left)
        for run_id in left:
            shell.client.wait(run_id)


# SPEC: ADH-03, ADH-09
def test_an_app_is_started_once_and_its_address_printed_when_it_answers(apps: Shell) -> None:
    served = apps("--json serve shop.py")
    assert served.code == 0, served.err
    run = served.document
    assert (run["status"], run["profile"], run["trigger"]) == ("running", "access", "http:")
    address = apps.client.job("jobs.shop.shop").job_url
    assert run["url"] == address
    assert run["url"].startswith("http://shop-")
    assert run["url"].endswith(f".localhost:{apps.client.target.server.rsplit(':', 1)[1]}/")
    again = apps("serve shop")
    assert (again.code, run["url"] in again.out) == (0, True)
    assert "It is already running." in again.err
    assert [found.id for found in apps.client.runs(job_id=apps.client.job("shop").id)] == [run["id"]]
    assert run["url"] in apps("job info shop").out
    listed = {row["job_ref"]: row["url"] for row in apps("job list --json").document}
    assert (listed["jobs.shop.shop"], listed["jobs.etl.load"]) == (run["url"], None)


# SPEC: ADH-03
def test_an_app_that_runs_older_code_or_settings_is_started_anew(apps: Shell) -> None:
    first = apps("--json serve shop.py").document
    (apps.root / "shop.py").write_text(SHOP.replace("hello", "hello again"))
    second = apps("--json serve shop.py")
    assert "It ran version " in second.err
    assert "; restarting with version " in second.err
    assert apps.client.run(first["id"]).status == "cancelled"
    assert second.document["number"] == first["number"] + 1
    (apps.root / ".dlt" / "config.toml").write_text("shop.size = 1\n")
    third = apps("--json serve shop")
    assert "It ran with older settings; restarting with these." in third.err
    assert third.document["number"] == first["number"] + 2


# SPEC: ADH-03
def test_an_app_that_does_not_start_exits_with_5_and_its_last_words(apps: Shell) -> None:
    result = apps("serve crashing.py")
    assert result.code == 5
    assert "ValueError: no such table" in result.err
    assert "runyard job logs crashing" in result.err


# SPEC: ADH-12, ADH-14
@pytest.mark.parametrize(
    ("line", "right"),
    [
        ("run shop.py", "runyard serve shop.py"),
        ("serve load", "runyard run load"),
        ("serve etl.py --job-ref load", "runyard run etl.py"),
        ("run -i load", "runyard run load"),
        ("serve notes.py", "runyard run notes.py"),
    ],
)
def test_the_wrong_command_names_the_right_one_and_starts_nothing(apps: Shell, line: str, right: str) -> None:
    before = apps.client.latest_deployment()
    result = apps(line)
    assert result.code == 7
    assert f"`{right}`" in result.err
    assert ("an ASGI application named `app`" in result.err) == (line == "serve notes.py")
    assert apps.client.latest_deployment() == before


# SPEC: ADH-12
def test_run_serves_an_app_when_it_is_told_to(apps: Shell) -> None:
    served = apps("run -i shop.py")
    assert served.code == 0, served.err
    assert str(apps.client.job("shop").job_url) in served.out
    assert apps("run -i shop.py --follow").code == 2


# SPEC: ADH-14
@pytest.mark.parametrize(
    ("code", "launcher"),
    [
        ("import marimo\napp = marimo.App()", "marimo"),
        ("from fastmcp import FastMCP\nmcp = FastMCP('tools')", "mcp"),
        ("import streamlit as st\nst.title('Delays')", "streamlit"),
        ("from starlette.applications import Starlette\napp = Starlette()", "asgi"),
    ],
)
def test_a_file_is_served_by_the_launcher_of_its_framework(shell: Shell, code: str, launcher: str) -> None:
    (shell.root / "made.py").write_text(code)
    manifest = shell("--json serve made.py --show-manifest").document
    (job,) = manifest["jobs"]
    assert job["entry_point"]["launcher"] == f"runyard.core.launchers.{launcher}"
    assert (job["entry_point"]["job_type"], job["triggers"][0]) == ("interactive", "http:")


# SPEC: ADH-04
def test_the_manifest_of_an_app_is_printed_and_nothing_is_started(apps: Shell) -> None:
    (job,) = apps("--json serve shop.py --show-manifest").document["jobs"]
    assert job["entry_point"]["job_type"] == "interactive"
    assert not [run for run in apps.client.open_runs() if run.job_ref == "jobs.shop.shop"]
