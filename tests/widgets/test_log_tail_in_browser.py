"""A log as people read it: at its end, far from it, and while it grows."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect
from tests.support.browsers import PHONE, Visitors, eventually
from tests.support.rows import Told, run_row
from tests.support.stages import Stage

from runyard_widgets.feeds import Frame
from runyard_widgets.log_tail import LogTail

pytestmark = pytest.mark.slow

RUN = run_row(7, status="running")
LONG = 1_000_000


def log(first: int, texts: list[str], *, stream: str = "O") -> Frame:
    lines = [f"{stream}{1764000000000 + first + at}\t{text}" for at, text in enumerate(texts)]
    numbers = {"first": first, "count": len(lines), "total": first + len(lines), "is_over": False}
    return Frame({"kind": "log", **numbers, "run": RUN}, "\n".join(lines).encode())


def numbered(first: int, count: int) -> Frame:
    return log(first, [f"line {number}" for number in range(first, first + count)])


def long_log(visitors: Visitors) -> Stage:
    return Stage(visitors, LogTail(Told(numbered(LONG - 200, 200)), height=400))


def test_it_stays_at_the_end_while_the_log_grows(visitors: Visitors) -> None:
    stage = long_log(visitors)
    stage.feed(numbered(LONG, 500))
    expect(stage.find(".ry-log-line").last).to_contain_text("line 1000499")
    expect(stage.find(".ry-log-line").last).to_be_in_viewport()
    eventually(stage.page, stage.find(".ry-log-line").count, lambda count: count <= 22)
    stage.expect_no_overflow()


def test_who_scrolls_up_is_left_in_peace_until_they_return(visitors: Visitors) -> None:
    stage = long_log(visitors)
    stage.find(".ry-log-scroller").hover()
    stage.page.mouse.wheel(0, -600)
    newest = stage.find(".ry-log-newest")
    first = stage.find(".ry-log-line").first
    expect(newest).to_be_visible()
    # Where the wheel leads to: it takes a while, as the scroll bar of so long a log stands for more than its pixels.
    expect(first).to_contain_text("line 999939")
    stage.feed(numbered(LONG, 300))
    expect(newest).to_have_text("↓ 300 new")
    expect(first).to_contain_text("line 999939")
    newest.click()
    expect(stage.find(".ry-log-line").last).to_contain_text("line 1000299")
    expect(newest).to_be_hidden()


def test_scrolling_that_nobody_did_is_undone(visitors: Visitors) -> None:
    stage = long_log(visitors)
    stage.find(".ry-log-scroller").evaluate("(scroller) => { scroller.scrollTop = 0; }")
    stage.page.wait_for_function("() => document.querySelector('.ry-log-scroller').scrollTop > 1e6")
    expect(stage.find(".ry-log-line").last).to_contain_text("line 999999")


# SPEC: WDG-09
def test_keys_lead_through_a_million_lines_and_what_is_missing_is_fetched(visitors: Visitors) -> None:
    stage = long_log(visitors)
    stage.find(".ry-log-scroller").focus()
    stage.page.keyboard.press("Home")
    question = stage.expect_question(kind="range", first=0, count=500)
    stage.answer(question, numbered(0, 500))
    lines = stage.find(".ry-log-line")
    expect(lines.first).to_contain_text("line 0")
    stage.page.keyboard.press("ArrowDown")
    expect(lines.first).to_contain_text("line 1")
    stage.page.keyboard.press("PageDown")
    expect(lines.first).to_contain_text("line 20")
    stage.page.keyboard.press("End")
    expect(lines.last).to_contain_text("line 999999")


def test_a_stream_is_told_by_a_mark_and_what_was_printed_is_only_text(visitors: Visitors) -> None:
    frame = log(0, ["\x1b[31m<img src=x onerror=alert(1)>\x1b[0m", "10 %\r100 %"], stream="E")
    stage = Stage(visitors, LogTail(Told(frame)), size=PHONE)
    expect(stage.find(".ry-log-text")).to_have_text(["<img src=x onerror=alert(1)>", "100 %"])
    expect(stage.find(".ry-log-mark").first).to_have_text("!")
    expect(stage.find(".ry-log-mark").first).to_have_attribute("title", "stderr")
    expect(stage.find("img")).to_have_count(0)
    stage.expect_no_overflow()


def test_another_run_starts_over_and_says_so(visitors: Visitors) -> None:
    stage = long_log(visitors)
    stage.feed(Frame({"kind": "run", "run": run_row(8, status="starting")}))
    expect(stage.find("[role=status]")).to_have_text("Run 8 is starting.")
    expect(stage.find(".ry-log-empty")).to_have_text("Nothing was printed yet.")
    expect(stage.find(".ry-log-line")).to_have_count(0)
