"""The kernel's end of a live widget: takes frames from a feed and sends them for as long as somebody looks.

Background work is asyncio tasks on the loop of the session, never threads, and ends with the widget's comm: when
its cell runs again or is deleted, when Jupyter closes it, when the session ends. What a frame means is not here:
each widget takes its own. The browser's end is `widgets/src/live.mjs`.

Messages from the browser: attach, pace, ack, ask, resync, detach. To it: frame, answer, trouble. A stream of frames
begins with number 1 and is acknowledged; every view of a widget gets every message.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import anywidget
import traitlets

from .feeds import Feed, Frame

STATIC = Path(__file__).parent / "static"

UNACKNOWLEDGED_FRAMES = 4
"""How far a view may lag before the feed is no longer pulled (and skips ahead) instead of queueing in between."""

PATIENCE_SECONDS = 30.0
"""How long a view that lags is waited for. Then it is gone: closed without a word, or a computer asleep."""

SNAPSHOT_SECONDS = 5.0
"""How old `snapshot` may be while frames come. Each renewal sends it whole, so not with each frame."""

QUESTIONS_AT_ONCE = 8
"""Answers in the making per widget. A view asks for what is on its screen: one or two ranges."""

TROUBLE_CHARACTERS = 300
"""Of an error's text: a sentence or two, never a page."""


CREDENTIAL = re.compile(r"(?i)\b(?:bearer|basic) \S+|\bdlt_[a-z]+_\S+|\beyJ[\w.-]+|://[^/\s@]+@")
"""What a text that came from elsewhere might quote and no viewer may see: headers, keys, tokens, user:password@."""


def static(name: str) -> str | Path:
    """A built script or style sheet, as text: a path would be watched, and the watcher keeps the widget alive.

    While the widgets themselves are developed, `ANYWIDGET_HMR=1` asks for exactly that.
    """
    path = STATIC / name
    return path if os.environ.get("ANYWIDGET_HMR") else path.read_text("utf-8")


def end_with_comm(widget: anywidget.AnyWidget) -> None:
    """Close a widget with its comm. marimo closes that itself when a cell runs again, and Jupyter's browser may too;
    neither tells the widget."""
    comm = widget.comm
    close_comm = comm.close

    def close(*arguments: Any, **named: Any) -> None:
        close_comm(*arguments, **named)
        widget.close()

    comm.close = close
    comm.on_close(lambda _message: widget.close())


@dataclass
class View:
    """What the kernel knows of one view in one browser."""

    acknowledged: int = 0
    is_hidden: bool = False


class LiveWidget(anywidget.AnyWidget):
    """A widget over a feed. Subclasses say what a frame means: `take`, `picture`, `text`.

    The state is there when the constructor returns; without a running loop (plain Python) it stays as it is.
    """

    snapshot = traitlets.Dict().tag(sync=True)
    """The last state, small: what exports and pages show before the first frame. Never a credential."""
    href = traitlets.Unicode("").tag(sync=True)
    """Where a row's link leads, such as `#/w/x/runs/{id}`; empty for no link."""
    height = traitlets.Int(360).tag(sync=True)
    """Pixels."""

    seconds_between: ClassVar[float] = 0.25
    """The least time between two frames (WDG-05)."""
    hidden_seconds_between: ClassVar[float] = 0.25
    """The same when no view is visible."""

    def __init__(self, feed: Feed, **traits: Any) -> None:
        super().__init__(**traits)
        self._feed = feed
        self._views: dict[str, View] = {}
        self._pump: asyncio.Task[None] | None = None
        self._answers: set[asyncio.Task[None]] = set()
        self._sent = 0
        self._moved = asyncio.Event()
        self._renewal: asyncio.TimerHandle | None = None
        self._is_closed = False
        self._element: object = None
        end_with_comm(self)
        self.on_msg(self._receive)
        try:
            self.take(feed.now())
            self.snapshot = self.picture()
        except Exception as error:
            self.snapshot = {"trouble": sentence(error)}

    # For subclasses.

    def take(self, frame: Frame) -> None:
        """Fold a frame into the widget's own state."""
        raise NotImplementedError

    def picture(self) -> dict[str, Any]:
        """What `snapshot` holds of that state: JSON, small, drawn by the same script."""
        raise NotImplementedError

    def text(self) -> str:
        """That state as a text table, for where no widget can be drawn (WDG-02, WDG-09)."""
        raise NotImplementedError

    # What is shown.

    def __repr__(self) -> str:
        return str(self.snapshot.get("trouble") or self.text())

    def _display_(self) -> object:
        """How marimo shows this. Its own way keeps every widget ever shown, by a cache that refers to itself."""
        if self._element is None:
            from marimo import ui

            self._element = ui.anywidget(self)
        return self._element

    @property
    def is_live(self) -> bool:
        """Whether the feed is being pulled: somebody looks, and more may come."""
        return self._pump is not None

    # Ending.

    def close(self) -> None:
        """End everything: the stream, the comm, the registry's hold on this widget and its layout."""
        if self._is_closed:
            return
        self._is_closed = True
        self._stop()
        for waiting in (*self._answers, self._renewal):
            if waiting:
                waiting.cancel()
        self.layout.close()
        super().close()

    # What the browser says.

    def _receive(self, _widget: object, message: Mapping[str, Any], _buffers: object) -> None:
        view = str(message.get("view", ""))
        match message.get("kind"):
            case "attach":
                self._views[view] = View(is_hidden=bool(message.get("is_hidden")))
                self._start()
            case "pace" if view in self._views:
                self._views[view].is_hidden = bool(message.get("is_hidden"))
            case "ack":
                self._acknowledge(view, int(message.get("seq", 0)))
            case "resync":
                self._start()
            case "detach":
                self._views.pop(view, None)
                self._moved.set()
                if not self._views:
                    self._stop()
            case "ask":
                self._ask(str(message.get("id", "")), message.get("request"))

    def _acknowledge(self, view: str, number: int) -> None:
        if number > self._sent:
            return  # of an earlier stream
        was_given_up = view not in self._views
        self._views.setdefault(view, View()).acknowledged = number
        self._moved.set()
        if was_given_up and self._pump is None:
            self._start()

    def _ask(self, id: str, request: Any) -> None:
        if len(self._answers) >= QUESTIONS_AT_ONCE:
            self._answer(id, Frame({"kind": "refused", "text": "Too many questions at once."}))
            return

        async def answer() -> None:
            try:
                frame = await self._feed.ask(request)
            except Exception as error:
                frame = Frame({"kind": "refused", "text": sentence(error)})
            self._answer(id, frame)

        task = asyncio.get_running_loop().create_task(answer())
        self._answers.add(task)
        task.add_done_callback(self._answers.discard)

    def _answer(self, id: str, frame: Frame) -> None:
        self.send({"kind": "answer", "id": id, "head": dict(frame.head)}, [frame.body])

    # The stream.

    def _start(self) -> None:
        """Send the full state and what follows, to every view."""
        self._stop()
        self._sent = 0
        for view in self._views.values():
            view.acknowledged = 0
        self._pump = asyncio.get_running_loop().create_task(self._stream())

    def _stop(self) -> None:
        pump, self._pump = self._pump, None
        if pump:
            pump.cancel()

    async def _stream(self) -> None:
        frames = self._feed.frames()
        try:
            async for frame in frames:
                self.take(frame)
                self._sent += 1
                self.send({"kind": "frame", "seq": self._sent, "head": dict(frame.head)}, [frame.body])
                self._renew_snapshot_soon()
                await asyncio.sleep(self._pause())
                if not await self._has_room():
                    break
        except asyncio.CancelledError:
            if self._pump is asyncio.current_task():  # not by us: the loop of the session ends
                self.close()
            raise
        except Exception as error:
            self.send({"kind": "trouble", "text": sentence(error)})
        finally:
            if isinstance(frames, AsyncGenerator):
                await frames.aclose()
            if self._pump is asyncio.current_task():
                self._pump = None

    def _pause(self) -> float:
        is_seen = any(not view.is_hidden for view in self._views.values())
        return self.seconds_between if is_seen else self.hidden_seconds_between

    async def _has_room(self) -> bool:
        """Wait for views that lag, and give up those that stay silent; whether any is left."""
        while late := [
            name
            for name, view in self._views.items()
            if self._sent - view.acknowledged >= UNACKNOWLEDGED_FRAMES
        ]:
            self._moved.clear()
            try:
                await asyncio.wait_for(self._moved.wait(), PATIENCE_SECONDS)
            except TimeoutError:
                for name in late:
                    self._views.pop(name, None)
        return bool(self._views)

    def _renew_snapshot_soon(self) -> None:
        if self._renewal is None:
            self._renewal = asyncio.get_running_loop().call_later(SNAPSHOT_SECONDS, self._renew_snapshot)

    def _renew_snapshot(self) -> None:
        self._renewal = None
        self.snapshot = self.picture()


def sentence(error: Exception) -> str:
    """What a viewer is told of an error: its first line, without anything that looks like a key."""
    text = (str(error).strip() or type(error).__name__).splitlines()[0]
    return CREDENTIAL.sub("(key)", text)[:TROUBLE_CHARACTERS]
