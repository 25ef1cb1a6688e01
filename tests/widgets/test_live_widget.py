"""The kernel's end of a live widget: who looks, how fast frames go, what is skipped, and how everything ends."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import AsyncIterator, Coroutine, Mapping
from typing import Any

import pytest
from tests.support.comms import heads
from tests.support.patience import PATIENCE_SECONDS

from runyard_widgets import live_widget
from runyard_widgets.feeds import Frame
from runyard_widgets.live_widget import LiveWidget, sentence


class Counter:
    """A feed that counts: each frame is the count when it is pulled, so one not pulled skips."""

    def __init__(self) -> None:
        self.count = 0
        self.opened = 0
        self.closed = 0
        self.has_closed = asyncio.Event()
        self._changed = asyncio.Event()

    def add(self, number: int = 1) -> None:
        self.count += number
        self._changed.set()

    def now(self) -> Frame:
        return Frame({"kind": "count", "count": self.count})

    async def frames(self) -> AsyncIterator[Frame]:
        self.opened += 1
        try:
            yield self.now()
            while True:
                await self._changed.wait()
                self._changed.clear()
                yield self.now()
        finally:
            self.closed += 1
            self.has_closed.set()

    async def ask(self, request: Mapping[str, Any]) -> Frame:
        if request.get("kind") != "double":
            raise ValueError("Only doubles are answered.")
        return Frame({"kind": "double", "of": request["of"]}, str(2 * request["of"]).encode())


class CounterWidget(LiveWidget):
    _esm = "export default { render() {} };\n"
    seconds_between = 0.0
    hidden_seconds_between = 0.0

    def take(self, frame: Frame) -> None:
        self.count = frame.head["count"]

    def picture(self) -> dict[str, Any]:
        return {"count": self.count}

    def text(self) -> str:
        return f"count\n{self.count}"


def run(story: Coroutine[Any, Any, None]) -> None:
    asyncio.run(story)


async def settle() -> None:
    """Let every task do what it can without anything new."""
    for _ in range(20):
        await asyncio.sleep(0)


def test_a_widget_has_its_state_before_any_loop_runs() -> None:
    feed = Counter()
    feed.add(7)
    widget = CounterWidget(feed)
    assert widget.snapshot == {"count": 7}
    assert feed.opened == 0


# SPEC: WDG-02
def test_where_no_widget_can_be_drawn_there_is_a_text_table() -> None:
    widget = CounterWidget(Counter())
    shown = widget._repr_mimebundle_()
    assert shown is not None
    assert shown[0]["text/plain"] == "count\n0"
    assert repr(widget) == "count\n0"


def test_nothing_is_pulled_while_nobody_looks() -> None:
    async def story() -> None:
        feed = Counter()
        widget = CounterWidget(feed)
        widget.comm.say("attach", view="a")
        widget.comm.say("attach", view="b")
        await widget.comm.until("frame", 1)
        widget.comm.say("detach", view="a")
        assert widget.is_live
        widget.comm.say("detach", view="b")
        await settle()
        assert not widget.is_live
        assert feed.opened == feed.closed

    run(story())


# SPEC: WDG-05
def test_a_view_that_attaches_gets_the_full_state_and_then_each_change_in_order() -> None:
    async def story() -> None:
        feed = Counter()
        widget = CounterWidget(feed)
        widget.comm.say("attach")
        await widget.comm.until("frame", 1)
        for number in range(2, 9):
            feed.add()
            await widget.comm.until("frame", number)
            widget.comm.say("ack", seq=number)
        sent = widget.comm.custom("frame")
        assert [message["seq"] for message in sent] == list(range(1, 9))
        assert [head["count"] for head in heads(sent)] == list(range(8))

    run(story())


# SPEC: WDG-05
def test_a_slow_browser_skips_ahead_instead_of_growing_a_queue() -> None:
    async def story() -> None:
        feed = Counter()
        widget = CounterWidget(feed)
        widget.comm.say("attach")
        for _ in range(50):
            feed.add()
            await settle()
        assert len(widget.comm.custom("frame")) == live_widget.UNACKNOWLEDGED_FRAMES
        widget.comm.say("ack", seq=live_widget.UNACKNOWLEDGED_FRAMES)
        sent = await widget.comm.until("frame", live_widget.UNACKNOWLEDGED_FRAMES + 1)
        assert heads(sent)[-1] == {"kind": "count", "count": 50}

    run(story())


# SPEC: WDG-05
def test_frames_keep_their_distance_and_a_wider_one_when_hidden() -> None:
    class Paced(CounterWidget):
        seconds_between = 0.02
        hidden_seconds_between = 0.08

    async def gap(*, is_hidden: bool) -> float:
        feed = Counter()
        widget = Paced(feed)
        widget.comm.say("attach")
        widget.comm.say("pace", is_hidden=is_hidden)
        await widget.comm.until("frame", 1)
        began = asyncio.get_running_loop().time()
        feed.add()
        await widget.comm.until("frame", 2)
        widget.close()
        return asyncio.get_running_loop().time() - began

    async def story() -> None:
        assert await gap(is_hidden=False) >= 0.01
        assert await gap(is_hidden=True) >= 0.04

    run(story())


def test_a_view_that_fell_silent_is_given_up_and_welcome_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_widget, "PATIENCE_SECONDS", 0.01)

    async def story() -> None:
        feed = Counter()
        widget = CounterWidget(feed)
        widget.comm.say("attach")
        for number in range(1, live_widget.UNACKNOWLEDGED_FRAMES + 1):
            await widget.comm.until("frame", number)
            feed.add()
        await asyncio.wait_for(feed.has_closed.wait(), PATIENCE_SECONDS)
        await settle()
        assert not widget.is_live
        assert feed.opened == feed.closed == 1
        before = len(widget.comm.custom("frame"))
        widget.comm.say("ack", seq=2)
        sent = await widget.comm.until("frame", before + 1)
        assert sent[-1]["seq"] == 1
        assert feed.opened == 2

    run(story())


# SPEC: WDG-06
def test_a_page_that_comes_back_or_misses_a_frame_gets_the_full_state_anew() -> None:
    async def story() -> None:
        feed = Counter()
        widget = CounterWidget(feed)
        widget.comm.say("attach", view="before the reload")
        await widget.comm.until("frame", 1)
        feed.add(5)
        for message in ({"kind": "attach", "view": "after it"}, {"kind": "resync"}):
            before = len(widget.comm.custom("frame"))
            widget.comm.say(**message)
            sent = await widget.comm.until("frame", before + 1)
            assert sent[-1]["seq"] == 1
            assert sent[-1]["head"]["count"] == 5
        assert feed.opened - feed.closed == 1

    run(story())


def test_a_question_is_answered_with_its_id_and_its_body() -> None:
    async def story() -> None:
        widget = CounterWidget(Counter())
        widget.comm.say("ask", id="v:1", request={"kind": "double", "of": 21})
        widget.comm.say("ask", id="v:2", request={"kind": "half", "of": 21})
        first, second = await widget.comm.until("answer", 2)
        assert (first["id"], first["head"], first["body"]) == ("v:1", {"kind": "double", "of": 21}, b"42")
        assert second["head"] == {"kind": "refused", "text": "Only doubles are answered."}

    run(story())


def test_questions_beyond_a_bound_are_refused_at_once() -> None:
    async def story() -> None:
        widget = CounterWidget(Counter())
        for number in range(live_widget.QUESTIONS_AT_ONCE + 1):
            widget.comm.say("ask", id=str(number), request={"kind": "double", "of": number})
        (refused,) = widget.comm.custom("answer")
        assert refused["id"] == str(live_widget.QUESTIONS_AT_ONCE)
        assert refused["head"]["kind"] == "refused"
        await widget.comm.until("answer", live_widget.QUESTIONS_AT_ONCE + 1)

    run(story())


def test_what_a_feed_raises_is_one_sentence_without_a_key() -> None:
    cases = [
        (ValueError("The server does not answer.\n  File x, line 3"), "The server does not answer."),
        (KeyError(), "KeyError"),
        (
            ValueError("header Authorization: Bearer abc.def was refused"),
            "header Authorization: (key) was refused",
        ),
        (ValueError("key dlt_u_0123456789 is unknown"), "key (key) is unknown"),
        (ValueError("http://me:secret@localhost:1/x failed"), "http(key)localhost:1/x failed"),
        (ValueError("x" * 5000), "x" * live_widget.TROUBLE_CHARACTERS),
    ]
    for error, told in cases:
        assert sentence(error) == told


def test_trouble_at_the_start_or_later_is_shown_and_can_be_tried_again() -> None:
    class Failing(Counter):
        is_failing = True

        def now(self) -> Frame:
            if self.is_failing:
                raise ConnectionError("The server does not answer.")
            return super().now()

    async def story() -> None:
        feed = Failing()
        widget = CounterWidget(feed)
        assert widget.snapshot == {"trouble": "The server does not answer."}
        assert repr(widget) == "The server does not answer."
        widget.comm.say("attach")
        (told,) = await widget.comm.until("trouble", 1)
        assert told["text"] == "The server does not answer."
        feed.is_failing = False
        widget.comm.say("resync")
        await widget.comm.until("frame", 1)

    run(story())


def test_the_snapshot_follows_but_not_frame_by_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_widget, "SNAPSHOT_SECONDS", 0.02)

    async def story() -> None:
        feed = Counter()
        widget = CounterWidget(feed)
        widget.comm.say("attach")
        for number in range(1, 6):
            await widget.comm.until("frame", number)
            widget.comm.say("ack", seq=number)
            feed.add()
        await widget.comm.until_state("snapshot", {"count": 5})
        assert len(widget.comm.states("snapshot")) < 4

    run(story())


# SPEC: WDG-06
def test_a_cell_that_runs_five_times_leaves_one_stream_and_one_widget() -> None:
    async def story() -> None:
        feed = Counter()
        widget = CounterWidget(feed)
        widget.comm.say("attach")
        replaced = []
        for _ in range(5):
            await widget.comm.until("frame", 1)
            replaced.append(weakref.ref(widget))
            widget.comm.close()  # as marimo does it: the comm, not the widget
            widget = CounterWidget(feed)
            widget.comm.say("attach")
        await widget.comm.until("frame", 1)
        await settle()
        gc.collect()
        assert (feed.opened, feed.closed) == (6, 5)
        assert [reference() for reference in replaced] == [None] * 5
        assert widget.is_live

    run(story())


def test_a_widget_closed_by_the_browser_ends_its_stream() -> None:
    async def story() -> None:
        feed = Counter()
        widget = CounterWidget(feed)
        widget.comm.say("attach")
        await widget.comm.until("frame", 1)
        widget.comm.handle_close({})
        await settle()
        assert feed.opened == feed.closed == 1

    run(story())


def test_the_end_of_the_session_ends_the_widget() -> None:
    feed = Counter()
    shown: list[CounterWidget] = []

    async def story() -> None:
        shown.append(CounterWidget(feed))
        shown[0].comm.say("attach")
        await shown[0].comm.until("frame", 1)

    run(story())
    assert feed.opened == feed.closed == 1
    assert shown[0].comm is None
    assert not shown[0].is_live


def test_a_feed_that_ends_leaves_the_widget_as_it_is() -> None:
    class Short(Counter):
        async def frames(self) -> AsyncIterator[Frame]:
            yield self.now()

    async def story() -> None:
        widget = CounterWidget(Short())
        widget.comm.say("attach")
        await widget.comm.until("frame", 1)
        await settle()
        assert not widget.is_live
        widget.comm.say("ack", seq=1)
        await settle()
        assert len(widget.comm.custom("frame")) == 1

    run(story())
