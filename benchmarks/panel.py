"""The control panel: how soon it opens, what twenty viewers cost, how soon a change is seen."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from pathlib import Path

import httpx
from playwright.sync_api import Page

from benchmarks.browsing import new_page
from benchmarks.figures import Budget, Figure, times
from benchmarks.figures import time as figure_of_time
from benchmarks.listing import copy_run
from benchmarks.panel_visit import Visit, signed_in_as
from benchmarks.place import Place
from benchmarks.processes import cpu_seconds, memory_mib
from benchmarks.served import Served, served, until
from benchmarks.yardstick import around
from runyard.core.node.linux import descendants

JOBS = """
from runyard import run


@run.job
def nothing():
    pass


@run.job(trigger=nothing.success)
def follows():
    pass
"""

RUNS = 400
"""In the workspace: what a handful of jobs leave in a few days."""

VIEWERS = 20

OPENINGS, RELOADS, SWITCHES, CHANGES = 15, 6, 12, 20
"""How often each is measured."""

IDLE_SECONDS, BUSY_SECONDS = 30.0, 6.0
"""For CPU: as long as it takes until every open page says anew how long ago things were; until two runs are over."""

TRANSFERRED = """() => performance.getEntries().filter((entry) => "transferSize" in entry)
  .reduce((sum, entry) => sum + entry.transferSize, 0)"""

PAINTED = """async (grid, text) => {
  const frame = () => new Promise(requestAnimationFrame);
  while (!grid.textContent.includes(text)) await frame();
  await frame();
  return performance.timeOrigin + performance.now();
}"""
"""Returns when a list has shown a text, in milliseconds since 1970."""


def measure(place: Place) -> Iterable[Figure]:
    with served(place, JOBS) as server, around(place.python) as empty:
        run_id = server.trigger("nothing")
        server.wait_for_end(run_id)
        until(server.is_quiet)
        copy_run(server, run_id, RUNS)
        with new_page() as page:
            cold = _cold(server, page)
            reloads = [_reload(page) for _ in range(RELOADS)]
            transferred = page.evaluate(TRANSFERRED)
            empty.take(5)
            switches = [_switch(page, ("Jobs", "Runs")[n % 2]) for n in range(SWITCHES)]
            page.get_by_role("link", name="Overview").click()
            visitor = signed_in_as(page)
            changes = [_change(server, page, RUNS + n) for n in range(1, CHANGES + 1)]
        empty.take(5)
        route = f"/w/{server.client.workspace.id}"
        openings = [_opening(visitor, route) for _ in range(OPENINGS)]
        empty.take(5)
        crowd = list(_crowd(server, visitor, route))
    took = empty.milliseconds
    return [
        figure_of_time("panel, no process: sign-in to interactive", cold, took),
        *times("panel, reload to interactive", reloads, took, Budget(3000, "ms")),
        Figure("panel, reload: transferred", transferred / 1000, "kB", None, Budget(50, "kB")),
        *times("panel, session open, no browser", openings, took, Budget(300, "ms")),
        *times("panel, to another page", switches, took),
        *times("panel, call to start a run until it is painted", changes, took),
        *crowd,
    ]


def _cold(server: Served, page: Page) -> float:
    """Return how long the very first sign-in takes until there are runs to click on, milliseconds."""
    page.goto(_address(server))  # who is not signed in is told so, and comes back here
    page.goto(server.owner_url)
    began = time.perf_counter()
    page.get_by_role("button", name="Sign in").click()
    _wait_for_rows(page)
    return (time.perf_counter() - began) * 1000


def _reload(page: Page) -> float:
    began = time.perf_counter()
    page.reload()
    _wait_for_rows(page)
    return (time.perf_counter() - began) * 1000


def _switch(page: Page, name: str) -> float:
    began = time.perf_counter()
    page.get_by_role("navigation", name="Pages").get_by_role("link", name=name).click()
    page.get_by_role("heading", name=name, exact=True, level=1).wait_for()
    _wait_for_rows(page)
    return (time.perf_counter() - began) * 1000


def _change(server: Served, page: Page, number: int) -> float:
    """Return how long it takes from before the call until the new run is in the list, milliseconds."""
    grid = page.get_by_role("grid").first
    until(server.is_quiet)
    began = time.time() * 1000
    server.trigger("nothing")
    painted: float = grid.evaluate(PAINTED, f"#{number}")
    return painted - began


def _address(server: Served) -> str:
    return str(server.origin.copy_with(path=f"/w/{server.client.workspace.id}"))


def _wait_for_rows(page: Page) -> None:
    page.get_by_role("grid").filter(has_text="follows").first.wait_for()


def _opening(visitor: httpx.Client, route: str) -> float:
    visit = Visit(visitor, route)
    visit.close()
    return visit.open_milliseconds


def _crowd(server: Served, visitor: httpx.Client, route: str) -> Iterable[Figure]:
    """Yield what many viewers of the overview cost who do nothing, and what a run costs that they all see."""
    [panel] = (pid for pid in descendants(server.process.pid) if b"launchers.asgi" in _command(pid))
    pids = {"panel": panel, "server": server.process.pid}
    visits = [Visit(visitor, route) for _ in range(VIEWERS)]
    idle = _used(pids, IDLE_SECONDS)
    yield Figure(f"panel, {VIEWERS} open: memory (PSS)", memory_mib([panel]), "MiB", None, Budget(300, "MiB"))
    server.trigger("nothing")
    busy = _used(pids, BUSY_SECONDS)
    for name in pids:
        yield Figure(f"panel, {VIEWERS} open: idle CPU of the {name}", idle[name] * 100, "%")
    for name in pids:
        used = (busy[name] - idle[name]) * BUSY_SECONDS * 1000
        yield Figure(f"panel, {VIEWERS} open: CPU of the {name} for two runs", used, "ms")
    for visit in visits:
        visit.close()


def _command(pid: int) -> bytes:
    return Path(f"/proc/{pid}/cmdline").read_bytes()


def _used(pids: Mapping[str, int], seconds: float) -> dict[str, float]:
    """Return the CPU that processes use within the next so many seconds, as a part of one core."""
    before = {name: cpu_seconds(pid) for name, pid in pids.items()}
    time.sleep(seconds)
    return {name: (cpu_seconds(pid) - before[name]) / seconds for name, pid in pids.items()}
