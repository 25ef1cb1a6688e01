"""The fields of the form that starts a job, and where it says what is refused. Its use is in `tests/browser`."""

from __future__ import annotations

from typing import Any

import pytest

from runyard.core.errors import NotFound
from runyard.core.given_inputs import GIVEN_BYTES_MAX
from runyard_notebooks import strings
from runyard_notebooks.actions import Desk
from runyard_notebooks.pages import frame
from runyard_notebooks.pages.starting import fields_of, form_of, start
from runyard_server.client import Client

NULL = {"type": "null"}


# SPEC: JCF-09
@pytest.mark.parametrize(
    ("schema", "kind", "default", "about"),
    [
        ({"type": "string"}, "text", None, "(string)"),
        ({"type": "string", "default": "eu"}, "text", "eu", '(string, else "eu")'),
        ({"type": "string", "writeOnly": True}, "secret", None, "(string)"),
        (
            {"type": "integer", "default": 5, "description": "Rows."},
            "integer",
            "5",
            "Rows. (integer, else 5)",
        ),
        ({"anyOf": [{"type": "integer"}, NULL]}, "integer", None, "(integer or null)"),
        ({"type": ["integer", "null"]}, "integer", None, "(anything)"),
        ({"type": "number"}, "number", None, "(number)"),
        ({"type": "boolean", "default": False, "description": "Only look."}, "checkbox", False, "Only look."),
        ({"type": "boolean"}, "choice", None, ""),
        (
            {"enum": ["fast", "full"], "default": "full"},
            "choice",
            "full, unless set otherwise",
            "",
        ),
        ({"type": "string", "format": "date"}, "date", None, "(date)"),
        ({"type": "string", "format": "date-time"}, "instant", None, "(date-time, by your clock)"),
        ({"type": "array", "items": {"type": "string"}}, "structure", None, "(list of string)"),
        ({"type": "object", "default": {"a": 1}}, "structure", '{"a": 1}', '(object, else {"a": 1})'),
        ({"anyOf": [{"type": "integer"}, {"type": "string"}]}, "text", None, "(integer or string)"),
        ({}, "text", None, "(anything)"),
        ({"anyOf": [1], "description": 7}, "text", None, "(anything)"),
    ],
)
def test_each_input_has_a_field_that_fits_it(schema: Any, kind: str, default: object, about: str) -> None:
    (field,) = fields_of({"properties": {"x": schema}})
    assert (field["name"], field["kind"], field["default"], field["about"]) == ("x", kind, default, about)


# SPEC: JCF-09
def test_a_field_says_what_can_be_chosen_and_whether_it_has_to_be() -> None:
    (mode, dry) = fields_of(
        {
            "properties": {"mode": {"enum": ["fast", 2, None]}, "dry": {"type": "boolean"}},
            "required": ["mode"],
        }
    )
    assert [choice["label"] for choice in mode["choices"]] == ["fast", "2", "null"]
    assert [choice["value"] for choice in dry["choices"]] == [True, False]
    assert (mode["required"], dry["required"]) == (True, False)


# SPEC: JCF-09
def test_what_the_server_refuses_is_said_at_the_field(client: Client, desk: Desk) -> None:
    job = client.job("load")
    form = form_of(job, desk, fields_of(job.definition.inputs or {}), why_not="")
    try:
        told = start(form, {"values": {"rows": "many"}}, job, desk)
        assert told.remedy == strings.SAID_AT_THE_FIELD
        assert 'class="notice refused leaves"' in (frame.notice(told) or "")
        assert form.problem["name"] == "rows"
        assert form.problem["text"] == "rows does not fit jobs.etl.load. It takes rows: integer, else 3."

        # In the box: a name that is spelled otherwise is still a field's, one of no field is the box's.
        start(form, {"values": {}, "settings": "ROWS=many"}, job, desk)
        assert (form.problem["name"], form.problem["n"]) == ("rows", 2)
        start(form, {"values": {}, "settings": "rowz=3"}, job, desk)
        assert form.problem["name"] == ""
        start(form, {"values": {"other": "x" * GIVEN_BYTES_MAX}}, job, desk)
        assert form.problem["name"] == "other"
        assert "too many for a parameter" in form.problem["text"]
        start(form, {"values": {}, "settings": "rows"}, job, desk)
        assert form.problem["name"] == "", (
            "a line of the box that is no setting is no field's, whatever it says"
        )
        assert form.problem["text"] == "rows is no setting. Write one key=value on each line."
        start(form, {"values": {}, "incomplete": ["other"]}, job, desk)
        assert (form.problem["name"], form.problem["text"]) == ("other", strings.INPUT_INCOMPLETE)
    finally:
        form.close()


# SPEC: JCF-09
def test_a_run_is_run_again_with_the_values_it_was_given(client: Client, desk: Desk) -> None:
    job = client.job("load")
    notice = desk.start(job.id, values={"rows": 2, "other": "x"})
    first = client.wait(notice.href.rpartition("/")[2])
    again = client.wait(desk.start_again(first.id).href.rpartition("/")[2])
    printed = [line.text for line in client.logs(again.id) if line.stream == "stdout"]
    assert again.id != first.id
    assert printed == ["row 0", "row 1"]
    # What is said anew wins.
    other = desk.start(job.id, values={"rows": 1}, values_of=again.id).href.rpartition("/")[2]
    client.wait(other)
    assert [line.text for line in client.logs(other) if line.stream == "stdout"] == ["row 0"]


def test_a_run_that_is_not_there_lends_no_values(client: Client, desk: Desk) -> None:
    with pytest.raises(NotFound, match="There is no run"):
        desk.start(client.job("load").id, values_of="0f0e0d0c-0b0a-4908-8706-050403020100")
