"""A page with one widget on it and no notebook: the host's part is forty lines of script, everything else is ours.

What marimo and JupyterLab themselves do with a widget is tested in `tests/browser`.
"""

from __future__ import annotations

import json
import re
from typing import Any

from playwright.sync_api import Locator, Page, Route, ViewportSize, expect
from tests.support.browsers import DESKTOP, Visitors, eventually

from runyard_widgets.feeds import Frame
from runyard_widgets.live_widget import LiveWidget

ORIGIN = "http://stage.localhost"

PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Stage</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="icon" href="data:,">
<link rel="stylesheet" href="/widget.css"><main></main><script type="module" src="/stage.js"></script></html>"""

HOST = """
import widget from "/widget.js";
const listeners = new Map();
const traits = await (await fetch("/traits.json")).json();
let changed = {};
const tell = (event, ...said) => [...(listeners.get(event) ?? [])].forEach((listener) => listener(...said));
globalThis.model = {
  saved: [],
  sent: [],
  tell,
  get: (name) => structuredClone(traits[name]),
  set(name, value) { traits[name] = value; changed[name] = value; tell(`change:${name}`); },
  save_changes() { this.saved.push(changed); changed = {}; },
  on: (event, listener) => listeners.set(event, (listeners.get(event) ?? new Set()).add(listener)),
  off: (event, listener) => listeners.get(event)?.delete(listener),
  send(message) { this.sent.push(message); },
};
globalThis.leave = await widget.render({ model, el: document.querySelector("main") });
await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
globalThis.isDrawn = true;
"""


class Stage:
    """A widget as a browser shows it, fed by the test."""

    def __init__(self, visitors: Visitors, widget: LiveWidget, *, size: ViewportSize = DESKTOP) -> None:
        state = {name: value for name, value in widget.get_state().items() if not name.startswith("_")}
        self._files = {
            "/": ("text/html", PAGE),
            "/stage.js": ("text/javascript", HOST),
            "/widget.js": ("text/javascript", str(widget._esm)),
            "/widget.css": ("text/css", str(widget._css)),
            "/traits.json": ("application/json", json.dumps(state)),
        }
        self._sent = 0
        self.page: Page = visitors.new(size=size)
        self.page.route(f"{ORIGIN}/*", self._answer)
        self.page.goto(f"{ORIGIN}/")
        self.page.wait_for_function("() => globalThis.isDrawn")

    def _answer(self, route: Route) -> None:
        kind, text = self._files[route.request.url.removeprefix(ORIGIN).partition("#")[0]]
        route.fulfill(body=text, content_type=f"{kind}; charset=utf-8")

    def feed(self, frame: Frame) -> None:
        """Hand a frame to the widget, as its kernel would."""
        self._sent += 1
        self._tell({"kind": "frame", "seq": self._sent}, frame)

    def expect_question(self, **request: Any) -> dict[str, Any]:
        """Wait until the widget asks its kernel for something, and return the question."""

        def asked() -> list[dict[str, Any]]:
            questions = self.page.evaluate("() => model.sent.filter(({ kind }) => kind === 'ask')")
            return [question for question in questions if question["request"] == request]

        return eventually(self.page, asked, bool)[0]

    def answer(self, question: dict[str, Any], frame: Frame) -> None:
        """Answer what the widget asked for, as its kernel would."""
        self._tell({"kind": "answer", "id": question["id"]}, frame)

    def _tell(self, message: dict[str, Any], frame: Frame) -> None:
        self.page.evaluate(
            "([message, body]) => model.tell('msg:custom', message, [new TextEncoder().encode(body).buffer])",
            [{**message, "head": dict(frame.head)}, frame.body.decode()],
        )

    def expect_saved(self, trait: str, *values: Any) -> None:
        """Wait until these, in this order, are all the values that Python was given of a trait."""
        read = "(name) => model.saved.filter((saved) => name in saved).map((saved) => saved[name])"
        eventually(self.page, lambda: self.page.evaluate(read, trait), list(values).__eq__)

    def expect_address(self, ending: str) -> None:
        """Wait until the address bar ends like that."""
        expect(self.page).to_have_url(re.compile(re.escape(ending) + "$"))

    def find(self, selector: str) -> Locator:
        """What a selector finds."""
        return self.page.locator(selector)

    def expect_no_overflow(self) -> None:
        """Wait until the page is no wider than the window."""
        self.page.wait_for_function("() => document.documentElement.scrollWidth <= innerWidth")
