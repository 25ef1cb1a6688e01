"""Which server a client speaks to, and with which key."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.workspaces import make_workspace

from runyard.core.errors import InvalidRequest
from runyard_server.client.connection import (
    DEFAULT_SERVER,
    credentials_path,
    origin_of,
    read_credential,
    resolve,
    store_credential,
)

CONFIG = '[runtime]\napi_base_url = "http://bound:1/"\nworkspace_id = "w1"\n'
SECRETS = '[runtime]\napi_key = "dlt_u_secret"\n'


def test_what_is_given_wins_over_the_environment_and_that_over_the_workspace(tmp_path: Path) -> None:
    root = make_workspace(tmp_path / "w", {".dlt/config.toml": CONFIG})
    home = {"HOME": str(tmp_path)}
    variables = {**home, "RUNYARD_SERVER": "http://env:1", "RUNYARD_WORKSPACE": "w2"}
    assert resolve(None, None, None, start=root, env=home).server == "http://bound:1"
    assert resolve(None, None, None, start=root, env=variables).server == "http://env:1"
    assert resolve("http://given:1", None, None, start=root, env=variables).server == "http://given:1"
    assert resolve(None, None, None, start=tmp_path, env=home).server == DEFAULT_SERVER
    assert resolve(None, None, None, start=root, env=home).workspace == "w1"
    assert resolve(None, None, "w3", start=root, env=variables).workspace == "w3"


# SPEC: AUT-07
@pytest.mark.parametrize("name", ["RUNYARD_API_KEY", "RUNTIME__API_KEY"])
def test_a_key_comes_from_the_environment(tmp_path: Path, name: str) -> None:
    env = {"HOME": str(tmp_path), name: "dlt_u_env"}
    assert resolve(None, None, None, start=tmp_path, env=env).api_key == "dlt_u_env"


# SPEC: AUT-07
def test_a_key_of_the_workspace_goes_to_no_other_server(tmp_path: Path) -> None:
    root = make_workspace(tmp_path / "w", {".dlt/config.toml": CONFIG, ".dlt/secrets.toml": SECRETS})
    env = {"HOME": str(tmp_path)}
    assert resolve(None, None, None, start=root, env=env).api_key == "dlt_u_secret"
    other = resolve("http://other:1", None, None, start=root, env=env)
    assert other.api_key is None
    assert other.workspace is None


# SPEC: AUT-05
def test_stored_keys_are_for_one_server_and_for_their_owner_only(tmp_path: Path) -> None:
    env = {"XDG_CONFIG_HOME": str(tmp_path / "config")}
    store_credential(["http://one:1"], "dlt_u_one", env)
    store_credential(["http://two:1"], "dlt_u_two", env)
    assert read_credential("http://one:1", env) == "dlt_u_one"
    assert read_credential("http://three:1", env) is None
    assert credentials_path(env).stat().st_mode & 0o077 == 0
    assert resolve("http://two:1/", None, None, start=tmp_path, env=env).api_key == "dlt_u_two"
    assert "dlt_u_two" not in repr(resolve("http://two:1/", None, None, start=tmp_path, env=env))


def test_an_address_may_lack_its_scheme_but_has_no_path() -> None:
    assert origin_of("localhost:8321") == "http://localhost:8321"
    assert origin_of("https://Runyard.Example.org/") == "https://runyard.example.org"
    for wrong in ("ftp://host", "http://", "http://host/prefix"):
        with pytest.raises(InvalidRequest):
            origin_of(wrong)
