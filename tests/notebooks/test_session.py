"""Who looks at the panel, and what that lets them do."""

from __future__ import annotations

from dataclasses import replace

import pytest

from runyard.core.errors import InvalidRequest
from runyard_notebooks.session import Session, read_session
from runyard_server.client import Client
from runyard_server.client.connection import store_credential

SERVER = "http://localhost:8321"


def test_the_panel_of_a_server_acts_with_the_viewers_token() -> None:
    meta = {"token": "t-1", "user": "ada@example.com"}
    session = read_session(meta, {"RUNYARD_SERVER": SERVER, "RUNYARD_API_KEY": "of-the-machine"})
    assert session == Session(SERVER, "t-1", "ada@example.com")
    assert session.client("w-1").target.api_key == "t-1"


def test_a_copy_reads_with_the_key_of_its_run_and_says_so(client: Client) -> None:
    env = {"RUNYARD_SERVER": SERVER, "RUNYARD_API_KEY": "r-1", "RUNYARD_WORKSPACE": "w-1"}
    session = read_session({}, env)
    assert (session.token, session.workspace) == ("r-1", "w-1")
    assert "only reads" in session.forbidden(client.workspace)


def test_what_a_viewer_may_is_another_question_in_each_workspace(client: Client) -> None:
    session = Session(SERVER, "t")
    assert "You are a viewer" in session.forbidden(replace(client.workspace, role="viewer"))
    assert session.forbidden(replace(client.workspace, role="developer")) == ""


def test_a_key_that_lies_on_the_machine_is_nobodys_identity(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = {"XDG_CONFIG_HOME": str(tmp_path_factory.mktemp("config"))}
    monkeypatch.setenv("XDG_CONFIG_HOME", home["XDG_CONFIG_HOME"])
    store_credential([SERVER], "dlt_u_of-whoever-started-the-server", home)
    with pytest.raises(InvalidRequest, match="does not know who you are"):
        read_session({}, {"RUNYARD_SERVER": SERVER, **home})


def test_a_token_is_in_no_text_of_a_session() -> None:
    assert "t-1" not in repr(Session(SERVER, "t-1"))


def test_a_copy_shows_its_own_workspace_and_a_panel_all_of_its_viewer(client: Client) -> None:
    key = client.target.api_key or ""
    assert client.workspace in Session(client.target.server, key).workspaces()
    only = Session(client.target.server, key, workspace=client.workspace.id, is_copy=True)
    assert [each.id for each in only.workspaces()] == [client.workspace.id]
