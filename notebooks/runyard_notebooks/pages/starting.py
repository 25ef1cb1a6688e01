"""Starting a job by hand: a field for each of its inputs, what is refused said at the field, and loading from scratch.

The fields are made from the schema in the job's manifest entry; what the values mean is the server's to say.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from datetime import tzinfo
from typing import Any

import marimo as mo

from runyard.core import time_words
from runyard.core.errors import InvalidRequest, RunyardError, TooLarge
from runyard.core.input_schemas import in_words
from runyard.core.job_refs import short_name
from runyard_notebooks import strings
from runyard_notebooks.actions import Desk, Notice, read_settings
from runyard_notebooks.fragments import Html, Output, card, embedded, html, join, quiet, warned
from runyard_notebooks.pages.links import is_app
from runyard_notebooks.times import instant, now_in
from runyard_server.client import Job, RefreshedJob
from runyard_widgets.start_form import StartForm

THE_BOX = ""
"""Stands for the name of a field where something is wrong in the box."""

_TRUTH = [True, False]


def starter(job: Job, desk: Desk, zone: tzinfo) -> Html:
    """Return what starts the job now, with what may differ for this run; `zone` is the viewer's."""
    why_not = strings.ARCHIVED_NO_START if job.is_archived else ""
    if not job.definition.manual:
        why_not = strings.MANUAL_OFF
    fields = fields_of(job.definition.inputs or {})
    if is_app(job) and not fields:
        button = desk.button(strings.START, lambda: desk.start(job.id), kind="success", why_not=why_not)
        return card("Start", button)
    form = form_of(job, desk, fields, why_not=desk.forbidden or why_not)
    if is_app(job):
        return card("Start", embedded(form))
    refresh = desk.button(
        strings.REFRESH,
        lambda: start(form, form.given, job, desk, refresh=True),
        kind="danger",
        why_not=why_not,
    )
    from_scratch = warned(
        strings.LOAD_FROM_SCRATCH,
        (strings.REFRESH_WARNING, join([_reach(job, desk, zone, can_start=not why_not), refresh])),
    )
    return card("Start", embedded(form), aside=from_scratch)


def form_of(job: Job, desk: Desk, fields: Sequence[dict[str, Any]], *, why_not: str) -> StartForm:
    """Return the form that starts a job when its button is pressed."""
    says = {
        "start": strings.START if is_app(job) else strings.RUN_NOW,
        "intro": strings.INPUTS_INTRO,
        "required": strings.INPUT_REQUIRED,
        "unchosen": strings.INPUT_UNCHOSEN,
        "settings": strings.SETTINGS,
        "settings_hint": strings.SETTINGS_HINT,
        "more": strings.MORE_SETTINGS,
    }

    def pressed(given: Mapping[str, Any]) -> None:
        desk.do(lambda: start(form, given, job, desk))

    form = StartForm(pressed, fields=list(fields), says=says, why_not=why_not)
    return form


def start(
    form: StartForm, given: Mapping[str, Any], job: Job, desk: Desk, *, refresh: bool = False
) -> Notice:
    """Start a job with what was given in its form; what is refused because of one value is said at its field.

    Raises: RunyardError for any other refusal.
    """
    if incomplete := given.get("incomplete"):
        return _at_field(form, incomplete[0], strings.INPUT_INCOMPLETE)
    try:
        settings = read_settings(given.get("settings", ""))
    except InvalidRequest as error:
        return _at_field(form, THE_BOX, str(error))
    try:
        return desk.start(job.id, refresh=refresh, values={**given.get("values", {}), **settings})
    except (InvalidRequest, TooLarge) as error:
        if not error.input_name:
            raise
        return _at_field(form, error.input_name, str(error))


def _at_field(form: StartForm, name: str, text: str) -> Notice:
    # The server reads names in any case, as they travel in names of variables.
    names = {field["name"].upper(): field["name"] for field in form.fields}
    form.complain(names.get(name.upper(), THE_BOX), text.replace("`", ""))
    return Notice(strings.NOT_STARTED, strings.SAID_AT_THE_FIELD, is_refusal=True, is_said_elsewhere=True)


def fields_of(inputs: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return what is drawn for each input, as `StartForm.fields` has it."""
    required = inputs.get("required") or ()
    properties = inputs.get("properties") or {}
    return [_field(name, schema, is_required=name in required) for name, schema in properties.items()]


def _field(name: str, schema: Mapping[str, Any], *, is_required: bool) -> dict[str, Any]:
    default = schema.get("default")
    kind, choices = _control(schema)
    said = schema.get("description")
    words = ""
    if kind not in ("checkbox", "choice"):  # they show what they take without words
        words = in_words({"properties": {name: schema}})[0].removeprefix(f"{name}: ")
    if kind == "instant":
        words = strings.INPUT_INSTANT.format(words=words)
    return {
        "name": name,
        "kind": kind,
        "choices": [{"label": _label(choice), "value": choice} for choice in choices],
        "about": " ".join(filter(None, [said if isinstance(said, str) else "", words and f"({words})"])),
        "default": default if kind == "checkbox" else _usual(kind, default),
        "required": is_required,
    }


def _usual(kind: str, default: Any) -> str | None:
    """Return a default as a field shows it."""
    if default is None:
        return None
    said = _label(default)
    return strings.INPUT_UNLESS_CHOSEN.format(default=said) if kind == "choice" else said


def _control(schema: Mapping[str, Any]) -> tuple[str, Sequence[Any]]:
    """Return the kind of a field, and what can be chosen. What is none of ours is typed as text."""
    if schema.get("writeOnly") is True:
        return "secret", ()
    match _without_null(schema):
        case {"enum": list(choices)}:
            return "choice", choices
        case {"type": "boolean"}:
            return ("checkbox", ()) if isinstance(schema.get("default"), bool) else ("choice", _TRUTH)
        case {"type": "integer" | "number" as kind}:
            return kind, ()
        case {"type": "string", "format": "date"}:
            return "date", ()
        case {"type": "string", "format": "date-time"}:
            return "instant", ()
        case {"type": "array" | "object"}:
            return "structure", ()
    return "text", ()


def _without_null(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what a schema accepts besides null, if that is one thing."""
    match schema:
        case {"anyOf": list(kinds)}:
            others = [kind for kind in kinds if kind != {"type": "null"}]
            return others[0] if len(others) == 1 and isinstance(others[0], Mapping) else {}
        case {"type": [str(kind), "null"] | ["null", str(kind)]}:
            return {**schema, "type": kind}
    return schema


def _label(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _reach(job: Job, desk: Desk, zone: tzinfo, *, can_start: bool) -> mo.Html | None:
    """Return what a refresh makes start over, asked for when somebody is about to do it (RFR-11)."""
    if desk.forbidden or not can_start:
        return None

    async def asked() -> mo.Html:
        try:
            return Output(reached(await asyncio.to_thread(desk.reach, job.id), zone))
        except RunyardError as error:
            return Output(unreached(error, zone))

    return mo.lazy(asked)


def unreached(error: RunyardError, zone: tzinfo) -> Html:
    """Return why nothing starts over."""
    said = " ".join([error.cause, *error.reasons])
    return quiet(time_words.in_words(said, zone, now_in(zone)))


def reached(refreshes: Sequence[RefreshedJob], zone: tzinfo) -> Html:
    """Return what starts over and how far back it loads again, in the order in which a refresh reaches it."""
    if not refreshes:
        return quiet(strings.REACHES_NOTHING)
    return html(
        '<p class="quiet">{title}</p><ul class="rows reach">{rows}</ul>',
        title=strings.REACHES.format(zone=zone),
        rows=join(
            html(
                '<li><strong>{job}</strong><span class="quiet">{since}</span></li>',
                job=short_name(each.job_ref),
                since=strings.AS_ITS_CODE_SAYS
                if each.interval_start is None
                else f"from {instant(each.interval_start, zone)}",
            )
            for each in refreshes
        ),
    )
