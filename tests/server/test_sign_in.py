"""Signing a browser in, and what foreign names, pages and cookies cannot do."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.support.api import ORIGIN, Api

from runyard.core.store import accounts
from runyard_server.credentials import COOKIE


def address(api: Api) -> str:
    url = api.server.owner_url(ORIGIN)
    assert url.startswith(f"{ORIGIN}/sign-in?token=")
    return url


def token_of(url: str) -> str:
    return url.rpartition("=")[2]


def sign_in(api: Api) -> str:
    """Return the cookie of a browser that signed in."""
    response = api.request("POST", "/sign-in", key=None, data={"token": token_of(address(api))})
    assert response.status_code == 303, response.text
    cookie = response.cookies[COOKIE]
    api.forget_cookies()
    return cookie


# SPEC: AUT-09
def test_opening_the_address_spends_nothing_and_its_button_signs_in(local_api: Api) -> None:
    url = address(local_api)
    for _ in range(2):
        page = local_api.request("GET", url, key=None)
        assert page.status_code == 200
        assert 'method="post"' in page.text
    response = local_api.request("POST", "/sign-in", key=None, data={"token": token_of(url)})
    assert (response.status_code, response.headers["location"]) == (303, "/panel/")
    cookie = response.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    home = local_api.request("GET", "/", key=None)
    assert home.status_code == 200
    assert "story" in home.text, "the browser keeps the cookie"


# SPEC: AUT-09
def test_an_address_works_once_and_not_for_long(local_api: Api) -> None:
    url = address(local_api)
    assert local_api.request("POST", "/sign-in", key=None, data={"token": token_of(url)}).status_code == 303
    local_api.forget_cookies()
    for method, given in (("GET", {}), ("POST", {"data": {"token": token_of(url)}})):
        spent = local_api.request(method, url, key=None, **given)
        assert spent.status_code == 410
        assert "runyard dev" in spent.text, "the page says what to do"
        assert COOKIE not in spent.cookies
    late = address(local_api)
    local_api.clock.turn(16 * 60)
    assert local_api.request("GET", late, key=None).status_code == 410
    assert local_api.request("POST", "/sign-in", key=None, data={"token": token_of(late)}).status_code == 410


def test_only_a_hash_of_the_cookie_is_kept(local_api: Api) -> None:
    cookie = sign_in(local_api)
    now = local_api.clock.now()
    row = local_api.runtime.database.read(lambda connection: accounts.find_session(connection, cookie, now))
    assert row is not None
    assert cookie not in str(dict(row))


def test_a_session_ends_by_itself(local_api: Api) -> None:
    cookie = {"cookie": f"{COOKIE}={sign_in(local_api)}"}
    assert local_api.request("GET", "/api/v1/me", key=None, headers=cookie).status_code == 200
    local_api.clock.turn(31 * 24 * 3600)
    assert local_api.request("GET", "/api/v1/me", key=None, headers=cookie).status_code == 401


# SPEC: SEC-06, SEC-07
def test_behind_tls_no_neighbour_can_hand_a_visitor_a_session(tmp_path: Path) -> None:
    with Api(tmp_path / "data", public_url="https://runyard.example.org") as api:
        response = api.request("POST", "/sign-in", key=None, data={"token": token_of(address(api))})
        cookie = response.headers.get_list("set-cookie")[-1]
        assert cookie.startswith(f"__Host-{COOKIE}=")
        assert {"secure", "httponly", "path=/"} <= {part.strip().lower() for part in cookie.split(";")}
        value = cookie.partition(";")[0].partition("=")[2]
        mine = {"cookie": f"__Host-{COOKIE}={value}"}
        tossed = {"cookie": f"{COOKIE}={value}"}
        for headers, status in ((mine, 200), (tossed, 401)):
            api.forget_cookies()
            assert api.request("GET", "/", key=None, headers=headers).status_code == status
            assert api.request("POST", "/sign-out", key=None, headers=headers).status_code == 403, (
                "from nowhere"
            )
        left = api.request("POST", "/sign-out", key=None, headers={**mine, "sec-fetch-site": "same-origin"})
        assert left.headers["set-cookie"].startswith(f'__Host-{COOKIE}="";')
        assert "secure" in left.headers["set-cookie"].lower()
        assert api.request("GET", "/", key=None, headers=mine).status_code == 401


# SPEC: SEC-06
@pytest.mark.parametrize(
    ("headers", "is_own"),
    [
        ({"sec-fetch-site": "same-origin", "origin": ORIGIN}, True),
        ({"sec-fetch-site": "none"}, True),
        ({"origin": ORIGIN}, True),
        ({"sec-fetch-site": "cross-site", "origin": "https://evil.example"}, False),
        ({"sec-fetch-site": "same-site", "origin": "http://app.localhost"}, False),
        ({"origin": "http://app.localhost"}, False),
        ({"origin": "null"}, False),
        ({}, False),
    ],
)
def test_a_change_with_a_cookie_has_to_come_from_our_own_page(
    local_api: Api, headers: dict[str, str], is_own: bool
) -> None:
    with_cookie = {**headers, "cookie": f"{COOKIE}={sign_in(local_api)}"}
    path = f"{local_api.here}/-issue-dataplane-token"
    response = local_api.request("POST", path, key=None, headers=with_cookie)
    assert response.status_code == (200 if is_own else 403)
    assert local_api.request("GET", "/api/v1/me", key=None, headers=with_cookie).status_code == 200


def test_nobody_can_be_signed_in_from_a_foreign_page(local_api: Api) -> None:
    headers = {"sec-fetch-site": "cross-site", "origin": "https://evil.example"}
    data = {"token": token_of(address(local_api))}
    assert local_api.request("POST", "/sign-in", key=None, headers=headers, data=data).status_code == 403


# SPEC: SEC-07
@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost:8321", 200),
        ("127.0.0.1:8321", 200),
        ("[::1]:8321", 200),
        ("report.localhost:8321", 404),
        ("LOCALHOST", 200),
        ("evil.example", 421),
        ("localhost.evil.example", 421),
        ("192.168.1.5:8321", 421),
        ("[::1", 421),
        ("", 421),
    ],
)
def test_a_name_that_is_not_ours_opens_nothing(local_api: Api, host: str, status: int) -> None:
    response = local_api.request("GET", "/healthz", headers={"host": host})
    assert response.status_code == status
    if status == 421:
        assert response.json()["code"] == "RY1109"


def test_the_public_name_is_ours(tmp_path: Path) -> None:
    with Api(tmp_path / "data", public_url="https://runyard.example.org") as api:
        headers = {"host": "runyard.example.org"}
        workspace = api.get(api.here, headers=headers)
        assert workspace["dataplane_url"] == "https://runyard.example.org"
        issued = api.post(f"{api.here}/deployments/-issue-upload", headers=headers)
        assert issued["upload_url"].startswith("https://runyard.example.org/api/v1/")


def test_pages_ask_nobody_else_for_anything(local_api: Api) -> None:
    pages = [
        local_api.request("GET", "/", key=None),
        local_api.request("GET", "/"),
        local_api.request("GET", f"/w/{local_api.workspace_id}/runs/1", key=None),
        local_api.request("GET", address(local_api), key=None),
        local_api.request("GET", "/sign-in?token=<script>", key=None),
    ]
    assert [page.status_code for page in pages] == [401, 200, 401, 200, 410]
    for page in pages:
        assert "default-src 'none'" in page.headers["content-security-policy"]
        assert "<script" not in page.text
        assert not re.findall(r'(?:src|href)="(?!/|data:,)', page.text)
        assert '<html lang="en">' in page.text
