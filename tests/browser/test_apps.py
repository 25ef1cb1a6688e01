"""Apps as people meet them: opened from the server's own pages, each on a host of its own."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import expect
from tests.support.browsers import Visitors
from tests.support.sites import Site, site

pytestmark = pytest.mark.slow

BOARD = """
import streamlit as st

if st.button("Count"):
    st.write("Counted to", st.session_state.setdefault("count", 0) + 1)
"""

WEB = """
from starlette.applications import Starlette
from starlette.responses import HTMLResponse
from starlette.routing import Route, WebSocketRoute

PAGE = '''<h1>Answers</h1><script>
const socket = new WebSocket(`ws://${location.host}/live`)
socket.onmessage = (event) => { document.querySelector("h1").textContent = event.data }
</script>'''


async def show(request):
    return HTMLResponse(PAGE)


async def talk(socket):
    await socket.accept()
    await socket.send_text("A socket answers")
    await socket.receive()


app = Starlette(routes=[Route("/", show), WebSocketRoute("/live", talk)])
"""

FILES = {
    "board.py": BOARD,
    "web.py": WEB,
    "__deployment__.py": "import board, web\n__all__ = ['board', 'web']\n",
}


@pytest.fixture(scope="module")
def apps(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with site(tmp_path_factory.mktemp("apps"), FILES) as apps:
        yield apps


# SPEC: APP-02, APP-05, ADH-14
def test_a_streamlit_app_answers_its_buttons(apps: Site, visitors: Visitors) -> None:
    page = visitors.new()
    apps.sign_in(page)
    apps.open_app(page, apps.serve("board"))
    page.get_by_role("button", name="Count").click()
    expect(page.get_by_text("Counted to 1")).to_be_visible()
    expect(page).to_have_url(re.compile(r"^http://board-\w+\.localhost:\d+/$"))


# SPEC: APP-04, APP-05, ADH-14
def test_a_web_app_answers_with_pages_and_sockets(apps: Site, visitors: Visitors) -> None:
    page = visitors.new()
    apps.sign_in(page)
    apps.open_app(page, apps.serve("web"))
    expect(page.get_by_role("heading", name="A socket answers")).to_be_visible()
