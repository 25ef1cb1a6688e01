"""Tests of pages wait for what they expect. What is read once, right after an action, is there by chance."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

TESTS = Path(__file__).parent

READS = {
    "all_inner_texts",
    "all_text_contents",
    "bounding_box",
    "count",
    "get_attribute",
    "inner_html",
    "inner_text",
    "input_value",
    "is_checked",
    "is_disabled",
    "is_enabled",
    "is_hidden",
    "is_visible",
    "text_content",
}
"""What a page shows at this moment: for `expect`, or inside of `eventually`."""

ANSWERS = {"cookies", "evaluate", "title", "url"}
"""The same, of use for the next step too, as `box_of` is, but not to be judged."""

SLEEPS = {"sleep", "wait_for_timeout"}
"""Waiting for time to pass, not for what is expected."""


def hasty(node: ast.AST, *, is_judged: bool = False) -> Iterator[str]:
    """Return what is read too early in a test, with its line."""
    match node:
        case ast.Call(func=ast.Name(id="eventually")):
            return
        case ast.Attribute(attr=name) if name in READS | SLEEPS or (is_judged and name in ANSWERS):
            yield f"{node.lineno}: {name}"
        case ast.Name(id="box_of") if is_judged:
            yield f"{node.lineno}: box_of"
    for child in ast.iter_child_nodes(node):
        yield from hasty(child, is_judged=is_judged or isinstance(node, ast.Assert))


@pytest.mark.parametrize(
    ("test", "found"),
    [
        ("assert page.url.endswith('#/jobs')", ["1: url"]),
        ("shown = page.locator('h1').inner_text()", ["1: inner_text"]),
        ("assert page.evaluate('() => saved') == 1", ["1: evaluate"]),
        ("page.keyboard.press('Enter')\npage.wait_for_timeout(500)", ["2: wait_for_timeout"]),
        ("page.goto(page.url)\nexpect(page).to_have_url('http://localhost/')", []),
        ("eventually(page, rows.count, lambda count: count < 22)", []),
    ],
)
def test_reading_once_is_told_from_waiting(test: str, found: list[str]) -> None:
    assert list(hasty(ast.parse(test))) == found


def test_no_test_of_a_page_reads_it_once() -> None:
    modules = {path: path.read_text() for path in TESTS.rglob("test_*.py")}
    found = [
        f"{path.relative_to(TESTS)}:{place}"
        for path, source in modules.items()
        if "from tests.support.browsers import" in source
        for place in hasty(ast.parse(source))
    ]
    assert not found, "use `expect`, or `eventually` of tests/support/browsers.py:\n" + "\n".join(
        sorted(found)
    )
