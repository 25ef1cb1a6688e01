"""A run's log while it grows. What arrives, and the text alternative; drawing is `widgets/src/log_tail.mjs`.

Heads of its feed:

* `{"kind": "log", "first": n, "count": c, "total": t, "is_over": bool}`; the body is UTF-8, lines joined by "\\n", each
  `<O|E|S><epoch ms>\\t<text>`: stdout, stderr, what the supervisor says. A line's number counts from 0.
* `{"kind": "run", "run": RUN}` when another run is shown, whose lines then begin anew, or its status changed.
  A log head may have a "run" too.
* The ask `{"kind": "range", "first": n, "count": c}` is answered by a log frame.
"""

from __future__ import annotations

import re
from collections import deque
from datetime import datetime
from typing import Any

from .feeds import Feed, Frame
from .live_widget import LiveWidget, static

SNAPSHOT_LINES = 200
"""Newest lines that exports show."""

SNAPSHOT_CHARACTERS = 1_000
"""Of a line there, and in the text alternative."""

TEXT_LINES = 20
"""Newest lines of the text alternative."""

STREAMS = {"O": " ", "E": "!", "S": "»"}  # the same marks as in log_lines.mjs

ESCAPES = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b[ -/]*[0-~]|[\x00-\x08\x0b-\x1f\x7f]"
)
"""What a terminal would act on and not print: a text alternative printed there must not move its cursor."""


class LogTail(LiveWidget):
    """The log of one run, or of a job's newest run, at its end until the reader scrolls up."""

    _esm = static("log_tail.js")
    _css = static("log_tail.css")

    seconds_between = 0.1
    hidden_seconds_between = 0.25

    def __init__(self, feed: Feed, **traits: Any) -> None:
        self._run: dict[str, Any] | None = None
        self._lines: deque[str] = deque(maxlen=SNAPSHOT_LINES)
        self._end = 0
        self._total = 0
        super().__init__(feed, **traits)

    def take(self, frame: Frame) -> None:
        head = frame.head
        if "run" in head:
            self._follow(head["run"])
        if head["kind"] == "log":
            if head["first"] != self._end:
                self._lines.clear()
            if head["count"]:
                newest = frame.body.decode("utf-8", "replace").rsplit("\n", SNAPSHOT_LINES)
                self._lines.extend(newest[-min(head["count"], SNAPSHOT_LINES) :])
            self._end = head["first"] + head["count"]
            self._total = max(head["total"], self._end)

    def _follow(self, run: dict[str, Any] | None) -> None:
        if (run and run["id"]) != (self._run and self._run["id"]):
            self._lines.clear()
            self._end = self._total = 0
        self._run = run

    def picture(self) -> dict[str, Any]:
        return {
            "run": self._run,
            "total": self._total,
            "first": self._end - len(self._lines),
            "lines": [line[:SNAPSHOT_CHARACTERS] for line in self._lines],
        }

    def text(self) -> str:
        if self._run is None:
            return "There is no run yet."
        title = f"{self._run['job']} #{self._run['number']}  {self._run['status']}  {self._total:,} lines"
        newest = list(self._lines)[-TEXT_LINES:]
        return "\n".join([title, *(plain(line[:SNAPSHOT_CHARACTERS]) for line in newest)])


def plain(line: str) -> str:
    """A line of the body as people read it, the instant in the time zone of this machine."""
    stamp, _, text = line.partition("\t")
    at = datetime.fromtimestamp(int(stamp[1:]) / 1000).astimezone()
    return f"{at:%H:%M:%S} {STREAMS.get(stamp[0], ' ')} {ESCAPES.sub('', text)}"
