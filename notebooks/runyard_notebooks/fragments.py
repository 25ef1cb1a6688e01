"""HTML from templates in which every value is escaped, and the few fragments that all pages share.

Names, messages and addresses come from whoever wrote a job, so text only becomes HTML here, in `html`. What a page
shows is in `pages`, its texts in `strings`, its looks in `style.css`.
"""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import TypeAlias

import marimo as mo
from anywidget import AnyWidget

from runyard_notebooks.icons import ICONS


class Html(str):
    """A text that is HTML already, and the elements of marimo in it.

    marimo itself holds its elements weakly: one that nobody refers to is drawn, and does nothing when clicked.
    """

    elements: tuple[mo.Html, ...] = ()


Shown: TypeAlias = Html | mo.Html | str | int | float | None
"""What a template takes: HTML of ours or of marimo as it is, everything else as text, None as nothing."""


def html(template: str, /, **values: Shown) -> Html:
    """Return a template with its `{names}` filled; values that are not HTML become text."""
    filled = Html(template.format_map({name: _text(value) for name, value in values.items()}))
    filled.elements = _elements(values.values())
    return filled


def join(parts: Iterable[Shown]) -> Html:
    """Return fragments one after the other."""
    listed = list(parts)
    joined = Html("".join(map(_text, listed)))
    joined.elements = _elements(listed)
    return joined


class Output(mo.Html):
    """What a cell shows. A cell keeps it under a name, so that its elements live as long as it is shown."""

    def __init__(self, *parts: Shown) -> None:
        content = join(parts)
        self.elements = content.elements
        super().__init__(str(content))


def _text(value: Shown) -> str:
    if value is None:
        return ""
    if isinstance(value, Html):
        return value
    if isinstance(value, mo.Html):
        return value.text
    return escape(str(value))


def _elements(values: Iterable[Shown]) -> tuple[mo.Html, ...]:
    found: list[mo.Html] = []
    for value in values:
        if isinstance(value, mo.Html):
            found.append(value)
        elif isinstance(value, Html):
            found += value.elements
    return tuple(found)


def embedded(widget: AnyWidget) -> mo.Html:
    """Return a widget as a fragment."""
    return mo.ui.anywidget(widget)


def with_code(text: str) -> Html:
    """Return a sentence as HTML; what stands between backticks becomes code."""
    return join(
        html("<code>{part}</code>", part=part) if i % 2 else part for i, part in enumerate(text.split("`"))
    )


def copyable(text: str) -> Html:
    """Return a text in a box; marimo gives boxes of this class a button that copies."""
    return html('<div class="codehilite"><pre><code>{text}</code></pre></div>', text=text)


def icon(name: str) -> Html:
    """Return a drawing of 16 by 16 in the colour of the text around it; it says nothing a word does not say too."""
    return Html(
        '<svg class="icon" viewBox="0 0 16 16" fill="none" stroke="currentColor" stroke-width="1.5" '
        f'stroke-linecap="round" stroke-linejoin="round" aria-hidden="true">{ICONS[name]}</svg>'
    )


def link(href: str, text: Shown, *, kind: str = "") -> Html:
    """Return a link; one that leads out of the panel opens beside it."""
    if href.startswith("#"):
        return html('<a href="{href}" class="{kind}">{text}</a>', href=href, kind=kind, text=text)
    template = '<a href="{href}" class="{kind}" target="_blank" rel="noreferrer">{text}</a>'
    return html(template, href=href, kind=kind, text=text)


def status(word: str, *, is_app: bool = False) -> Html:
    """Return a run's status: its sign and its word. An app that runs is as it should be."""
    kind = "good" if is_app and word == "running" else word
    return html('<span class="status {kind}">{icon}{word}</span>', kind=kind, word=word, icon=icon(word))


def badge(text: Shown, kind: str = "") -> Html:
    """Return a small label."""
    return html('<span class="badge {kind}">{text}</span>', text=text, kind=kind)


def facts(pairs: Iterable[tuple[str, Shown]]) -> Html:
    """Return terms and what they are; a pair without a value is left out."""
    rows = [
        html("<div><dt>{term}</dt><dd>{value}</dd></div>", term=term, value=value)
        for term, value in pairs
        if value not in (None, "")
    ]
    return html('<dl class="facts">{rows}</dl>', rows=join(rows))


def card(title: Shown, body: Shown, *, aside: Shown = None, kind: str = "") -> Html:
    """Return a section with a heading; `aside` stands at the right of it."""
    return html(
        '<section class="card {kind}"><header><h2>{title}</h2>{aside}</header>{body}</section>',
        title=title,
        aside=aside,
        body=body,
        kind=kind,
    )


def heading(title: Shown, *, above: Shown = None, below: Shown = None, actions: Shown = None) -> Html:
    """Return the head of a page: where it belongs, what it is called, what can be done."""
    return html(
        '<div class="heading"><div>{above}<h1>{title}</h1>{below}</div><div class="actions">{actions}</div></div>',
        above=html('<p class="above">{above}</p>', above=above) if above else None,
        title=title,
        below=html('<p class="below">{below}</p>', below=below) if below else None,
        actions=actions,
    )


def columns(*parts: Shown, kind: str = "") -> Html:
    """Return two fragments beside each other, below each other where it is narrow; `aside`: the second is small."""
    return html('<div class="columns {kind}">{parts}</div>', parts=join(parts), kind=kind)


def empty(title: str, text: str, *, command: str = "", action: Shown = None) -> Html:
    """Return what stands where nothing is: what is missing, and the exact command that changes it (UI-16)."""
    return html(
        '<div class="empty"><p class="title">{title}</p><p>{text}</p>{command}{action}</div>',
        title=with_code(title),
        text=with_code(text),
        command=copyable(command) if command else None,
        action=action,
    )


def quiet(text: Shown) -> Html:
    """Return a text that is less important than what is around it."""
    return html('<span class="quiet">{text}</span>', text=text)


def menu(label: Shown, body: Shown, *, kind: str = "") -> Html:
    """Return a button that opens something below it, one at a time; the browser does that alone."""
    return html(
        '<details name="menu" class="menu {kind}"><summary>{label}</summary><div class="sheet">{body}</div></details>',
        label=label,
        body=body,
        kind=kind,
    )


def warned(label: str, *offers: tuple[str, Html]) -> Html:
    """Return a button that opens what it would mean, in words, each followed by the button that does it."""
    body = join(html("<p>{text}</p>{button}", text=text, button=button) for text, button in offers)
    return menu(join([label, icon("down")]), body)
