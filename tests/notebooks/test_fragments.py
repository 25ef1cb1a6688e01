"""HTML from templates: whatever a job is called or says, it is text."""

from __future__ import annotations

import gc
import weakref

import marimo as mo

from runyard_notebooks.fragments import Html, Output, empty, facts, html, icon, join, link, status
from runyard_notebooks.icons import ICONS

NASTY = '"><script>alert(1)</script>'


def test_a_value_that_is_no_html_becomes_text() -> None:
    assert html("<b>{name}</b>", name=NASTY) == "<b>&quot;&gt;&lt;script&gt;alert(1)&lt;/script&gt;</b>"
    assert html("{a}{b}{c}", a=None, b=3, c=Html("<i>")) == "3<i>"


def test_no_fragment_lets_a_name_out_of_its_place() -> None:
    for fragment in (link(f"#/{NASTY}", NASTY), facts([(NASTY, NASTY)]), empty(NASTY, NASTY, command=NASTY)):
        assert "<script" not in fragment


def test_what_a_page_shows_keeps_its_elements_alive() -> None:
    button = mo.ui.button(label="Press")
    alive = weakref.ref(button)
    shown = Output(join([html("<p>{button}</p>", button=button)]))
    del button
    gc.collect()
    assert alive() is not None
    assert "marimo-button" in shown.text


# SPEC: UI-17
def test_a_status_is_told_by_word_and_shape_besides_its_colour() -> None:
    words = ("pending", "starting", "running", "cancelling", "completed", "failed", "cancelled")
    assert len({ICONS[word] for word in words}) == len(words)
    assert all(word in status(word) and icon(word) in status(word) for word in words)


def test_a_link_that_leads_out_tells_nobody_where_it_was() -> None:
    assert 'rel="noreferrer"' in link("http://app.localhost", "Open")
    assert "target" not in link("#/jobs", "Jobs")


def test_terms_without_a_value_are_left_out() -> None:
    assert "Tags" not in facts([("Tags", ""), ("Waits for", None), ("Exit code", 0)])
    assert "Exit code" in facts([("Exit code", 0)])
