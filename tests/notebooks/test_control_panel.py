"""The panel's pages, run without a browser against a real server."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from html import unescape
from pathlib import Path
from types import SimpleNamespace

import marimo as mo
import pytest
from tests.support.patience import PATIENCE_SECONDS

from runyard.core.runs import TERMINAL
from runyard_notebooks import control_panel, strings
from runyard_notebooks.session import Session
from runyard_server.client import Client, Workspace

STILL = SimpleNamespace(follow=lambda _: None)
"""In place of what follows the server: a page that runs once has nothing to follow."""


def html_of(session: Session, path: str, workspaces: Sequence[Workspace] | None = None) -> str:
    """Return what the cells show at an address, one after the other."""
    found = session.workspaces() if workspaces is None else workspaces
    given = {
        "session": session,
        "workspaces": found,
        "router": SimpleNamespace(route=path, zone="Asia/Tokyo"),
    }
    unseen = {"entitle": lambda _: None, "go": None, "changed": lambda: 0, "watch": STILL}
    outputs, made = control_panel.app.run(defs={**given, **unseen})
    if "desk" in made:
        made["desk"].client.close()
    return "\n".join(output.text for output in outputs if isinstance(output, mo.Html))


def text_of(session: Session, path: str) -> str:
    """Return the words of a page."""
    return unescape(" ".join(re.sub(r"<[^>]+>", " ", html_of(session, path)).split()))


# SPEC: UI-01, WDG-10
def test_the_overview_says_how_things_are(session: Session) -> None:
    text = text_of(session, "/")
    assert "yard Overview Jobs Runs Links" in text
    assert "Jobs 6 4 batch, 2 apps" in text
    assert "Next run in" in text
    assert re.search(r"check #\d", text)
    assert "ValueError: row 2 is <odd>" in text
    assert 'runs?status=failed"' in html_of(session, "/")
    assert [title for title in ("Timeline", "Failing", "Next", "Newest runs") if title not in text] == []


def test_nothing_a_job_says_becomes_markup(session: Session) -> None:
    assert "<odd>" not in html_of(session, "/")
    assert "<some>" not in html_of(session, "/jobs/jobs.etl.load")


# SPEC: UI-04, WDG-10
def test_a_job_is_explained(session: Session, client: Client) -> None:
    text = text_of(session, f"/w/{client.workspace.id}/jobs/jobs.etl.load")
    assert "Load <some> rows." in text
    assert "daily at 00:00 UTC" in text
    assert "etl:load" in text
    assert "Started by hand (tag seed)." in text
    assert "History" in text
    html = html_of(session, "/jobs/jobs.etl.load")
    assert all(button in html for button in (strings.PAUSE, strings.REFRESH))
    assert strings.REFRESH_WARNING in html


# SPEC: TRG-21
def test_a_schedule_set_beside_the_code_is_marked_on_the_page_of_its_job(
    session: Session, client: Client
) -> None:
    job = client.job("check")
    client.set_schedule(job.id, "0 6 * * *")
    shown = text_of(session, "/jobs/check")
    assert "daily at 06:00 UTC" in shown
    assert re.search(
        r"set beside the code daily at 06:00 UTC, by Owner just now , where the code has none\.", shown
    )
    assert strings.OVERRIDE_ENDS in shown
    client.drop_schedule(job.id)
    assert "set beside the code" not in text_of(session, "/jobs/check")


# SPEC: UI-04, PUB-01, WDG-10
def test_an_app_is_opened_and_published_from_its_page(session: Session, client: Client) -> None:
    html = html_of(session, "/jobs/jobs.report")
    assert f'href="/apps/open/{client.job("report").id}"' in html
    assert strings.NOT_PUBLIC in html
    assert strings.PUBLISH_WARNING in html


# SPEC: UI-08, WDG-10, TRB-04
def test_a_run_is_told_from_its_cause_to_its_effects(session: Session, client: Client) -> None:
    first, failed = client.find_run("load", 1), client.find_run("check", 1)
    text = text_of(session, f"/runs/{first.id}")
    assert "load #1" in text
    assert "Because by hand" in text
    assert "From scratch first run" in text
    assert "Caused check #1" in text
    assert "pending" in text
    assert text.endswith("Log")
    text = text_of(session, f"/runs/{failed.id}")
    assert "failed exception, exit code 1, after" in text
    assert "Why it failed ValueError: row 2 is <odd> and so is row 1" in text
    assert "Caused by load #1" in text
    assert "version 1" in text


def test_a_run_that_goes_on_can_be_cancelled_and_one_that_ended_run_again(
    session: Session, client: Client
) -> None:
    (started,) = client.trigger(job_ids=[client.job("stuck").id]).started
    assert started.run is not None
    assert client.run(started.run.id).status not in TERMINAL
    page = html_of(session, f"/runs/{started.run.id}")
    assert strings.CANCEL_WARNING in page
    assert strings.RUN_AGAIN not in page
    client.cancel([started.run.id])
    client.wait(started.run.id)
    assert strings.RUN_AGAIN in html_of(session, f"/runs/{started.run.id}")


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/jobs", "Jobs Graph All jobs"),
        ("/runs", strings.CANCEL_MANY_WARNING),
        ("/links", "2 apps, none of them public"),
    ],
)
# SPEC: UI-03, WDG-10
def test_a_list_has_its_page(session: Session, path: str, words: str) -> None:
    assert words in text_of(session, path)


@pytest.mark.parametrize(
    ("path", "title"),
    [
        ("/nowhere/at/all", strings.NOWHERE_TITLE),
        ("/runs/12", strings.NOWHERE_TITLE),
        ("/runs/0f0e0d0c-0b0a-4908-8706-050403020100", "There is no run"),
        ("/jobs/jobs.etl.lod", "Did you mean jobs.etl.load"),
        ("/w/0f0e0d0c-0b0a-4908-8706-050403020100", strings.OTHER_WORKSPACE_TITLE),
    ],
)
def test_an_address_that_leads_nowhere_says_so(session: Session, path: str, title: str) -> None:
    text = text_of(session, path)
    assert title in text
    assert strings.TO_OVERVIEW in text or path.startswith("/w/")


# SPEC: UI-16
def test_before_the_first_deploy_the_next_command_is_said(session: Session) -> None:
    with session.client() as client:
        empty = client.create_workspace("nothing yet")
    page = html_of(session, f"/w/{empty.id}", [empty])
    assert strings.NO_JOBS_TITLE in page
    assert strings.DEPLOY_COMMAND in page


def test_of_several_workspaces_one_is_chosen_in_the_bar(session: Session, client: Client) -> None:
    here = client.workspace
    page = html_of(session, "/", [here, replace(here, id="0f0e0d0c-0b0a-4908-8706-050403020100")])
    assert "marimo-dropdown" in page
    assert "yard (0f0e0d0c)" in page


def test_who_is_signed_in_can_sign_out(session: Session, client: Client) -> None:
    form = f'action="/sign-out"><button class="button" type="submit">{strings.SIGN_OUT}</button>'
    assert form in html_of(session, "/")
    copy = Session(session.server, session.token, workspace=client.workspace.id, is_copy=True)
    assert form not in html_of(copy, "/")


# SPEC: UI-16
def test_without_a_workspace_the_next_command_is_said(session: Session) -> None:
    assert "runyard deploy" in html_of(session, "/", [])


def test_a_copy_says_that_it_reads_and_its_buttons_rest(session: Session, client: Client) -> None:
    copy = Session(session.server, session.token, workspace=client.workspace.id, is_copy=True)
    page = html_of(copy, "/jobs/jobs.etl.load")
    assert strings.COPY in page
    assert len(re.findall(r"data-disabled=.true", page)) == page.count("<marimo-button") > 0
    assert strings.COPY_READS_ONLY in page


def test_a_viewer_sees_the_workspace_and_that_its_buttons_rest(session: Session, client: Client) -> None:
    lent = replace(client.workspace, role="viewer")
    page = html_of(session, "/jobs/jobs.etl.load", [lent])
    assert len(re.findall(r"data-disabled=.true", page)) == page.count("<marimo-button") > 0
    assert strings.VIEWER_READS_ONLY in page


def test_who_is_signed_out_is_told_to_sign_in_again(session: Session, client: Client) -> None:
    page = html_of(Session(session.server, "dlt_u_of-who-was-signed-out"), "/", [client.workspace])
    assert strings.SIGNED_OUT in page
    assert strings.SIGN_IN_AGAIN in page
    assert "RUNYARD_API_KEY" not in page


def test_no_page_gives_the_viewers_token_away(session: Session, client: Client) -> None:
    paths = ("/", "/jobs", "/jobs/jobs.report", "/runs", f"/runs/{client.find_run('load', 1).id}", "/links")
    assert not [path for path in paths if session.token in html_of(session, path)]


def test_without_an_identity_the_panel_says_how_to_open_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RUNYARD_API_KEY", raising=False)
    outputs, _ = control_panel.app.run()
    shown = "".join(output.text for output in outputs if isinstance(output, mo.Html))
    assert strings.NO_IDENTITY in shown


def test_the_notebook_is_as_marimo_wants_it() -> None:
    notebook = Path(control_panel.__file__)
    checked = subprocess.run(
        [sys.executable, "-m", "marimo", "check", "--strict", str(notebook)],
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_SECONDS,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
