"""Widgets in an analyst's own JupyterLab: the same one line, live."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from playwright.sync_api import expect
from tests.support.attempts import Gate
from tests.support.browsers import Album, Visitors
from tests.support.notebooks import jupyter_lab, jupyter_notebook
from tests.support.servers import API_KEY
from tests.support.sites import site

pytestmark = pytest.mark.slow

JOBS = """
from runyard import run


@run.job
def talks():
    print("first")
    {wait}
    print("second")
"""


# SPEC: WDG-01, WDG-02, WDG-03, WDG-05
def test_a_log_grows_in_jupyterlab(visitors: Visitors, album: Album, tmp_path: Path) -> None:
    gate = Gate(tmp_path / "gate")
    code = JOBS.format(wait=gate.wait.strip())
    with site(tmp_path, {"etl.py": code, "__deployment__.py": "from etl import *\n"}) as place:
        place.start("talks")
        home = tmp_path / "home"
        home.mkdir()
        cell = 'from runyard.widgets import LogTail\n\nLogTail(job="talks")'
        notebook = jupyter_notebook(home / "log.ipynb", cell)
        with jupyter_lab(notebook, place) as address, visitors.new() as page:
            page.goto(address)
            expect(page.get_by_text("Python 3 (ipykernel) | Idle")).to_be_visible()
            page.get_by_text("LogTail(job=").click()
            expect(page.locator(".jp-Notebook.jp-mod-editMode")).to_be_visible()
            page.keyboard.press("Shift+Enter")
            log = page.get_by_role("log")
            expect(log).to_contain_text("first")
            expect(log).not_to_contain_text("second")
            threading.Thread(target=gate.open).start()
            expect(log).to_contain_text("second")
            expect(log).to_be_in_viewport()
            album.snap(page, "widget-log-jupyterlab")
            assert API_KEY not in page.content()
