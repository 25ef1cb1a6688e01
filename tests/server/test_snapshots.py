"""Uploading code and settings, and what becomes of an upload."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.api import Api, package
from tests.support.published import deployment_package
from tests.support.workspaces import make_workspace

NOUNS = ("deployments", "configurations")


# SPEC: VER-04
@pytest.mark.parametrize("noun", NOUNS)
def test_an_upload_becomes_the_latest_version_under_the_id_it_was_issued(
    api: Api, tmp_path: Path, noun: str
) -> None:
    issued = api.post(f"{api.here}/{noun}/-issue-upload")
    texts = {"config.toml": "a = 1", "prod.config.toml": ""}
    response = api.send(issued, package(tmp_path / "a", texts), with_requirements=noun == "deployments")
    assert response.status_code == 200, response.text
    made = response.json()
    assert (made["version"], made["file_count"], made["size_bytes"]) == (1, 2, 5)
    assert made["id"] == issued[f"{noun.removesuffix('s')}_id"]
    assert api.get(f"{api.here}/{noun}/latest") == made
    assert api.get(f"{api.here}/{noun}/{made['id']}") == made


def test_the_upload_address_has_exactly_the_path_that_the_published_client_demands(local_api: Api) -> None:
    issued = local_api.post(f"{local_api.here}/deployments/-issue-upload")
    path = f"/api/v1/workspaces/{local_api.workspace_id}/deployments/{issued['deployment_id']}/-upload"
    assert issued["upload_url"] == f"http://localhost{path}"


# SPEC: VER-02
# SPEC: VER-03
@pytest.mark.parametrize("noun", NOUNS)
def test_the_same_content_again_is_the_version_that_is_there(api: Api, tmp_path: Path, noun: str) -> None:
    first = api.upload(noun, tmp_path / "a", {"config.toml": "a = 1"}).json()
    again = api.upload(noun, tmp_path / "b", {"config.toml": "a = 1"}).json()
    other = api.upload(noun, tmp_path / "c", {"config.toml": "a = 2"}).json()
    assert again == first
    assert other["version"] == 2
    page = api.get(f"{api.here}/{noun}")
    assert ([row["version"] for row in page["items"]], page["total"]) == ([2, 1], 2)
    assert api.get(f"{api.here}/{noun}?version=1&limit=1")["items"] == [first]
    assert api.get(f"{api.here}/{noun}?version=3&limit=1")["items"] == []


# SPEC: CMP-02
def test_the_published_clients_package_gets_the_hash_that_client_computes(
    local_api: Api, tmp_path: Path
) -> None:
    root = make_workspace(tmp_path / "w", {"etl.py": "x = 1\n", "data/a.csv": "1,2\n", "pyproject.toml": ""})
    archive, content_hash = deployment_package(root)
    issued = local_api.post(f"{local_api.here}/deployments/-issue-upload")
    made = local_api.send(issued, archive, with_requirements=True).json()
    assert made["content_hash"] == content_hash


def test_an_upload_can_be_used_once(local_api: Api, tmp_path: Path) -> None:
    issued = local_api.post(f"{local_api.here}/deployments/-issue-upload")
    archive = package(tmp_path / "a", {"etl.py": "1"})
    assert local_api.send(issued, archive, with_requirements=True).status_code == 200
    again = local_api.send(issued, package(tmp_path / "b", {"etl.py": "2"}), with_requirements=True)
    assert (again.status_code, again.json()["code"]) == (409, "RY1300")


def test_an_upload_token_is_good_for_its_own_upload_and_nothing_else(local_api: Api, tmp_path: Path) -> None:
    mine = local_api.post(f"{local_api.here}/deployments/-issue-upload")
    other = local_api.post(f"{local_api.here}/deployments/-issue-upload")
    crossed = {**mine, "upload_token": other["upload_token"]}
    assert local_api.send(crossed, package(tmp_path, {"a": ""}), with_requirements=True).status_code == 403
    assert local_api.request("GET", local_api.here, key=mine["upload_token"]).status_code == 403
    response = local_api.request("POST", mine["upload_url"], files={"file": b""})
    assert response.status_code == 403, "not even the owner's key uploads"


def test_an_upload_token_expires(local_api: Api, tmp_path: Path) -> None:
    issued = local_api.post(f"{local_api.here}/deployments/-issue-upload")
    local_api.clock.turn(3600)
    response = local_api.send(issued, package(tmp_path, {"a": ""}), with_requirements=True)
    assert (response.status_code, response.json()["code"]) == (401, "RY1400")


# SPEC: VER-05
def test_the_files_of_a_version_can_be_listed(local_api: Api, tmp_path: Path) -> None:
    made = local_api.upload("deployments", tmp_path, {"b/etl.py": "x = 1", "a.py": ""}).json()
    listed = local_api.get(f"{local_api.here}/deployments/{made['id']}/files")
    assert listed["engine_version"] == 1
    assert [(file["relative_path"], file["size_bytes"]) for file in listed["files"]] == [
        ("a.py", 0),
        ("b/etl.py", 5),
    ]


def test_settings_say_which_profiles_they_have(local_api: Api, tmp_path: Path) -> None:
    texts = {"config.toml": "", "prod.config.toml": "", "access.secrets.toml": ""}
    made = local_api.upload("configurations", tmp_path, texts).json()
    assert made["profiles"] == ["access", "prod"]


# SPEC: VER-01
def test_code_and_settings_are_numbered_apart(local_api: Api, tmp_path: Path) -> None:
    local_api.upload("deployments", tmp_path / "a", {"a.py": "1"})
    local_api.upload("deployments", tmp_path / "b", {"a.py": "2"})
    assert local_api.upload("configurations", tmp_path / "c", {"config.toml": ""}).json()["version"] == 1


def test_nothing_is_latest_before_the_first_upload(local_api: Api) -> None:
    for noun in NOUNS:
        assert local_api.request("GET", f"{local_api.here}/{noun}/latest").status_code == 404
