"""What two people, and an app with scripts of its author, can do to each other: nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from tests.support.browsers import Visitors, eventually
from tests.support.sites import Site, site

pytestmark = pytest.mark.slow

BOOK = """
import marimo

app = marimo.App()


@app.cell
def _():
    import marimo as mo
    name = mo.ui.text(label="Name")
    name
    return mo, name


@app.cell
def _(mo, name):
    mo.md(f"Hello {name.value or 'nobody'}")
    return
"""

NOSY = """
async def app(scope, receive, send):
    if scope["type"] == "http":
        headers = [(b"content-type", b"text/html")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"<!doctype html><h1>An app of somebody</h1>"})
"""

WORK = """
from runyard import run


@run.job
def load():
    print("loaded")
"""

FILES = {
    "book.py": BOOK,
    "nosy.py": NOSY,
    "work.py": WORK,
    "__deployment__.py": "import book, nosy\nfrom work import load\n__all__ = ['book', 'nosy', 'load']\n",
}

SESSION = re.compile(r"session_id=(s_\w+)")

DRIVE = """
async ([session, path]) => {
  const [, token] = document.documentElement.outerHTML.match(/"serverToken": ?"([^"]+)"/)
  const answer = await fetch(path + "api/kernel/set_ui_element_value", {
    method: "POST",
    headers: {
      "content-type": "application/json",
      "marimo-session-id": session,
      "marimo-server-token": token,
    },
    body: JSON.stringify({ objectIds: ["x"], values: [1] }),
  })
  return answer.status
}
"""
"""What somebody types into the console of their own page to move a control of another's."""

LISTEN = """
([session, path]) => new Promise((done) => {
  const socket = new WebSocket(`ws://${location.host}${path}ws?session_id=${session}`)
  socket.onmessage = () => done("read it")
  socket.onclose = () => done("refused")
})
"""

FRAME = """
(address) => new Promise((done) => {
  const frame = Object.assign(document.createElement("iframe"), { src: address })
  frame.onload = () => done()
  document.body.append(frame)
})
"""


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with site(tmp_path_factory.mktemp("shared"), FILES) as shared:
        yield shared


def kernel_session(page: Page, address: str, words: str) -> str:
    """Return the id of the kernel session that a page gets at an address, once the kernel has said these words."""
    with page.expect_websocket(lambda socket: SESSION.search(socket.url) is not None) as opened:
        page.goto(address)
    expect(page.locator("body")).to_contain_text(words)
    found = SESSION.search(opened.value.url)
    assert found is not None
    return found[1]


def try_to_use(page: Page, session: str, path: str) -> tuple[int, str]:
    """Return what comes of moving a control of a session, and of listening to it, from a page."""
    return page.evaluate(DRIVE, [session, path]), page.evaluate(LISTEN, [session, path])


# SPEC: SEC-07
@pytest.mark.parametrize("where", ["an app", "the panel"])
def test_nobody_drives_or_reads_the_kernel_of_another(shared: Site, visitors: Visitors, where: str) -> None:
    ann, bob = visitors.new(), visitors.new()
    shared.sign_in(ann)
    shared.sign_in(bob, shared.add_member())
    if where == "an app":
        address, path, words = f"{shared.origin}/apps/open/{shared.serve('book').id}", "/", "Hello nobody"
    else:
        address, path, words = f"{shared.origin}/panel/", "/panel/", "Overview"
    anns, bobs = (kernel_session(page, address, words) for page in (ann, bob))
    assert anns != bobs
    visitors.expect_error(r"403")
    assert try_to_use(ann, anns, path) == (200, "read it"), "so this is how one would"
    assert try_to_use(bob, anns, path) == (403, "refused")
    assert try_to_use(ann, bobs, path) == (403, "refused")


# SPEC: SEC-07
def test_an_app_has_no_part_in_the_sign_in_of_its_viewer(shared: Site, visitors: Visitors) -> None:
    page = visitors.new()
    shared.sign_in(page)
    shared.open_app(page, shared.serve("nosy"))
    expect(page.get_by_role("heading", name="An app of somebody")).to_be_visible()
    cookies = {"runyard_session", "runyard_app"}
    eventually(page, lambda: {cookie["name"] for cookie in page.context.cookies()}, cookies.__eq__)
    # No script sees them.
    page.wait_for_function("() => document.cookie === ''")
    visitors.expect_error(r"CORS|ERR_FAILED|frame-ancestors|40[13]")
    load = shared.client.job("load")
    start = f"/api/v1/workspaces/{shared.client.workspace.id}/jobs/-trigger"

    def fetch(path: str, **options: Any) -> Any:
        return page.evaluate(
            "([address, options]) => fetch(address, options).then((a) => a.status, () => 'kept from it')",
            [shared.origin + path, {"credentials": "include", **options}],
        )

    assert fetch("/api/v1/me") == "kept from it"
    with page.expect_response(lambda response: response.url.endswith("/-trigger")) as answer:
        fetch(start, method="POST", mode="no-cors", body=f'{{"job_ids": ["{load.id}"]}}')
    assert answer.value.status in (401, 403)
    assert not list(shared.client.runs(job_id=load.id)), "nothing was started in their name"
    page.evaluate(FRAME, f"{shared.origin}/panel/")
    eventually(
        page,
        lambda: [frame.url for frame in page.frames[1:]],
        lambda urls: [url.partition(":")[0] for url in urls] == ["chrome-error"],
    )
    for path in ("/", "/panel/"):
        # Also where the server and its apps share a domain, so that a frame would be signed in.
        assert (
            "frame-ancestors 'none'"
            in page.request.get(shared.origin + path).headers["content-security-policy"]
        )


def test_a_viewer_sees_everything_and_may_start_nothing(shared: Site, visitors: Visitors) -> None:
    page = visitors.new()
    shared.sign_in(page, shared.add_member("viewer"))
    page.goto(f"{shared.origin}/panel/#/jobs/jobs.work.load")
    expect(page.get_by_role("heading", name="load", exact=True)).to_be_visible()
    expect(page).to_have_title("load · runyard")
    expect(page.get_by_role("button", name="Run now")).to_be_disabled()
    expect(page.get_by_text("This job has not run yet.")).to_be_visible()


def test_the_name_at_the_top_opens_the_way_out(shared: Site, visitors: Visitors) -> None:
    page = visitors.new()
    shared.sign_in(page)
    page.goto(f"{shared.origin}/panel/")
    # Not before its widgets are there: their scripts go away with the sign-in.
    expect(page.locator(".ry-timeline, .ry-runs")).to_have_count(2)
    page.get_by_text("owner@localhost").click()
    visitors.expect_error("WebSocket connection|40[13]|Unauthorized")
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="A runyard server")).to_be_visible()


# SPEC: SEC-07
def test_who_signs_out_is_shown_in_all_tabs_where_to_sign_in(shared: Site, visitors: Visitors) -> None:
    page = visitors.new()
    shared.sign_in(page, shared.add_member())
    page.goto(f"{shared.origin}/panel/#/jobs")
    # Not before its widgets are there: their scripts go away with the sign-in.
    expect(page.locator(".ry-graph, .ry-jobs")).to_have_count(2)
    visitors.expect_error("WebSocket connection|40[13]|Unauthorized")
    page.request.post(f"{shared.origin}/sign-out", headers={"origin": shared.origin})
    expect(page.get_by_role("heading", name="A runyard server")).to_be_visible()
