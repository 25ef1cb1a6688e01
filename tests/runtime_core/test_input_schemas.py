from __future__ import annotations

import enum
import subprocess
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NewType, Optional

import dlt
import dlt.hub.run
import pytest

from runyard import run
from runyard.core.errors import InvalidJob, InvalidRequest, RunyardError, TooLarge
from runyard.core.given_inputs import (
    GIVEN_BYTES_MAX,
    GIVEN_TOGETHER_BYTES_MAX,
    LONGEST_REF,
    check_fits,
    check_given,
)
from runyard.core.input_schemas import in_words, input_schema, schema_of
from runyard.core.jobs import INPUTS_MAX, parse_job
from runyard.core.parameters import convert, environment_key, environment_text, fill

if TYPE_CHECKING:
    from decimal import Decimal


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Grade(enum.Enum):
    NONE = None
    FIRST = 1
    BEST = "best"


Airport = NewType("Airport", str)
TEXT, WHOLE, NULL = {"type": "string"}, {"type": "integer"}, {"type": "null"}


# SPEC: JCF-07, JCF-09
@pytest.mark.parametrize(
    ("annotation", "schema", "value", "converted"),
    [
        (int, WHOLE, 5, 5),
        (float, {"type": "number"}, 5, 5.0),
        (bool, {"type": "boolean"}, True, True),
        (str, TEXT, "x", "x"),
        (Airport, TEXT, "BER", "BER"),
        (date, {"type": "string", "format": "date"}, "2026-01-31", date(2026, 1, 31)),
        (
            datetime,
            {"type": "string", "format": "date-time"},
            "2026-01-31T06:00:00Z",
            datetime(2026, 1, 31, 6, tzinfo=UTC),
        ),
        (list[int], {"type": "array", "items": WHOLE}, [1], [1]),
        (set[str], {"type": "array", "items": TEXT}, ["a"], {"a"}),
        (list, {"type": "array"}, [1, "a"], [1, "a"]),
        (dict[str, int], {"type": "object", "additionalProperties": WHOLE}, {"a": 1}, {"a": 1}),
        (dict[str, Any], {"type": "object", "additionalProperties": True}, {"a": None}, {"a": None}),
        (dict, {"type": "object"}, {}, {}),
        (Literal["full", "part"], {"enum": ["full", "part"], "type": "string"}, "part", "part"),
        (Literal[1, "all"], {"enum": [1, "all"]}, 1, 1),
        (Colour, {"enum": ["red", "blue"], "type": "string"}, "blue", Colour.BLUE),
        (int | None, {"anyOf": [WHOLE, NULL]}, None, None),
        (int | str, {"anyOf": [WHOLE, TEXT]}, "x", "x"),
        (Annotated[int, "how many"], {**WHOLE, "description": "how many"}, 1, 1),
        (Any, {}, {"a": [1]}, {"a": [1]}),
        (int | Any, {}, 1, 1),
        (Path, {}, "a/b", Path("a/b")),
    ],
)
def test_what_a_schema_allows_is_converted(
    annotation: Any, schema: dict[str, Any], value: Any, converted: Any
) -> None:
    assert schema_of(annotation) == schema
    assert convert(value, annotation) == converted


def simple(a: int = 5, b: str = "x", c: float = 0.5, d: bool = True, e=7, f=None, g="t", h=()) -> None:  # type: ignore[no-untyped-def]
    """Parameters that say what they take, or show it."""


def dates(
    a: date = date(2026, 1, 2),
    b: datetime = datetime(2026, 1, 2, tzinfo=UTC),
    c: datetime | None = None,
) -> None:
    """Instants and days."""


def collections(
    a: list[int] | None = None,
    b: dict[str, int] = dlt.config.value,
    c: tuple[int, ...] = (1,),
    d: dict[str, Any] | None = None,
    e: list[dict[str, int]] = dlt.config.value,
) -> None:
    """Lists and tables, some of which have to be configured."""


def choices(
    a: Literal["x", "y"] = "x",
    b: Literal[1, 2] = 1,
    c: Colour = Colour.RED,
    d: Any = None,
    e: int = None,  # type: ignore[assignment]  # noqa: RUF013
) -> None:
    """One of several."""


def described(
    a: Annotated[int, "how many"] = 1,
    b: Annotated[str, dlt.hub.run.Doc("which")] = "x",
    c: Optional[Annotated[int, "how long"]] = None,  # noqa: UP045
    d: Annotated[int, "how far"] = None,  # type: ignore[assignment]  # noqa: RUF013
) -> None:
    """Parameters with a word about them."""


def secret(  # type: ignore[no-untyped-def]
    a: int = dlt.config.value,
    b: str = dlt.secrets.value,
    c=dlt.config.value,
    d=dlt.secrets.value,
    e: int | None = dlt.config.value,
    f: Annotated[str, "to sign with"] = dlt.secrets.value,
    run_context: run.TJobRunContext | None = None,
) -> None:
    """Values from configuration, some of which nobody may read."""


# SPEC: JCF-09
@pytest.mark.parametrize("function", [simple, dates, collections, choices, described, secret])
def test_inputs_are_described_as_the_published_client_describes_them(function: Callable[..., None]) -> None:
    theirs = dlt.hub.run.job(function).to_job_definition()
    ours = run.job(function).definition()
    assert ours["inputs"] == theirs["inputs"]
    assert ours["config_keys"] == theirs["config_keys"]


# SPEC: JCF-01, JCF-09
def test_a_parameter_without_default_is_required_and_what_only_type_checkers_know_is_open() -> None:
    def load(airport: str, limit: Decimal, /, days: int, price: Decimal, *tags: str, **rest: int) -> None: ...

    assert input_schema(load) == {
        "type": "object",
        "properties": {"days": WHOLE, "price": {}},
        "required": ["days", "price"],
        "additionalProperties": False,
    }
    assert input_schema(lambda: None) is None
    assert input_schema(lambda run_context: None) is None  # noqa: ARG005
    assert "inputs" not in run.job(name="f", section="s")(lambda: None).definition()


# SPEC: JCF-07, JCF-09
@pytest.mark.parametrize(
    "annotation",
    [
        Literal["a", None],
        Literal["all", True, False],
        Literal[1, "2"],
        Grade,
        Colour,
        Literal["a", None] | int,
    ],
)
def test_each_choice_that_a_form_offers_arrives_as_it_was_chosen(annotation: Any) -> None:
    def load(choice): ...  # type: ignore[no-untyped-def]

    load.__annotations__["choice"] = annotation
    job = parse_job(run.job(load).definition())
    assert job.inputs is not None
    schema = job.inputs["properties"]["choice"]
    for choice in schema.get("enum") or [None, "a", 5]:
        text = environment_text(choice)
        check_fits({"choice": choice}, [job])
        check_fits({"choice": text}, [job])
        converted = convert(text, annotation)
        assert getattr(converted, "value", converted) is choice or converted == choice
    for other in ("another", ["a"], 1.5):
        with pytest.raises(InvalidRequest, match="does not fit"):
            check_fits({"choice": other}, [job])
    with pytest.raises(ValueError, match="none of"):
        convert("another", annotation)


# SPEC: JCF-09
def test_a_choice_is_compared_as_what_it_travels_as() -> None:
    def load(choice: Literal[1]) -> None: ...

    with pytest.raises(InvalidRequest, match="does not fit"):
        check_fits({"choice": True}, [parse_job(run.job(load).definition())])


# SPEC: JCF-07, JCF-09
@pytest.mark.parametrize("annotation", [int, float, Literal[5]])
def test_a_whole_number_may_be_written_with_a_point_as_json_does_not_tell_them_apart(annotation: Any) -> None:
    def load(limit): ...  # type: ignore[no-untyped-def]

    load.__annotations__["limit"] = annotation
    check_fits({"limit": 5.0}, [parse_job(run.job(load).definition())])
    assert convert(environment_text(5.0), annotation) == 5


# SPEC: JCF-09
@pytest.mark.parametrize(
    ("value", "annotation", "is_accepted"),
    [
        (None, int | None, False),
        ("null", int | None, False),
        ("5", int | None, True),
        (None, date | None, False),
        (None, str | None, False),
        # It may be a text.
        ("null", str | None, True),
        (None, Literal["a", None], False),
        ("null", Literal["a", None], False),
        ("a", Literal["a", None], True),
        (None, Any, False),
        # dlt reads what is in a list as JSON.
        ([None], list[int | None], True),
    ],
)
def test_null_is_refused_where_dlt_would_take_it_for_a_text(
    value: Any, annotation: Any, is_accepted: bool
) -> None:
    def load(given=dlt.config.value): ...  # type: ignore[no-untyped-def]

    load.__annotations__["given"] = annotation
    job = parse_job(dict(dlt.hub.run.job(load).to_job_definition()))
    if is_accepted:
        check_fits({"given": value}, [job])
    else:
        with pytest.raises(InvalidRequest, match=r"cannot be given null\. Leave it out"):
            check_fits({"given": value}, [job])


# SPEC: JCF-07
def test_without_an_annotation_a_value_is_converted_to_what_the_default_is() -> None:
    def load(limit=5, dry=True, since=None): ...  # type: ignore[no-untyped-def]

    environ = {"JOBS__A__LIMIT": "7", "JOBS__A__DRY": "false", "JOBS__A__SINCE": "7"}
    assert fill(load, "jobs.a.b", environ, dict, given={}) == {"limit": 7, "dry": False, "since": "7"}


# SPEC: JCF-09
def test_inputs_are_said_in_words() -> None:
    def load(
        airport: str, days: list[int], mode: Literal["full", 1] = 1, until: date | None = None
    ) -> None: ...

    assert in_words(input_schema(load) or {}) == [
        "airport: string, required",
        "days: list of integer, required",
        'mode: one of "full", 1, else 1',
        "until: date or null",
    ]
    assert in_words({"properties": {"any": {}}, "required": None}) == ["any: anything"]
    assert in_words({"properties": None}) == []


# SPEC: JCF-09
@pytest.mark.parametrize(
    "schema",
    [
        {"anyOf": 5},
        {"anyOf": []},
        {"anyOf": ["string"]},
        {"enum": 5},
        {"type": "array", "items": [{}]},
        {"type": ["string", "null"]},
        {"format": {}},
    ],
)
def test_a_schema_of_somebody_else_is_said_as_far_as_we_have_words(schema: Any) -> None:
    assert in_words({"properties": {"a": schema}}) == [
        "a: array" if schema.get("type") == "array" else "a: anything"
    ]


# SPEC: JCF-09
@pytest.mark.parametrize(
    ("inputs", "says"),
    [
        ({"properties": {f"p{n}": {} for n in range(INPUTS_MAX + 1)}}, "at most 255"),
        ({"properties": {"a": "int"}}, "no schema"),
        ({"properties": ["a"]}, "an object"),
        ({"properties": {"a": {}}, "required": ["b"]}, "does not describe"),
        ({"properties": {"a": {}}, "required": True}, "a list of texts"),
        ({"properties": {"a": {}}, "required": [{}]}, "does not describe"),
        ([], "an object"),
    ],
)
def test_inputs_that_no_form_can_be_made_of_are_refused(inputs: Any, says: str) -> None:
    with pytest.raises(InvalidJob, match=says):
        parse_job({**run.job(simple).definition(), "inputs": inputs})


# SPEC: JCF-09
def test_the_inputs_of_a_job_are_read_from_its_definition() -> None:
    assert parse_job(run.job(simple).definition()).inputs == input_schema(simple)
    assert parse_job(run.job(name="f", section="s")(lambda: None).definition()).inputs is None


@pytest.mark.parametrize(
    ("given", "error", "says"),
    [
        ({"": 1}, InvalidRequest, "no name of a parameter"),
        ({"a=b": 1}, InvalidRequest, "no name of a parameter"),
        ({"a\0b": 1}, InvalidRequest, "no name of a parameter"),
        ({"a": "\0"}, InvalidRequest, "zero character"),
        ({"a": "\ud800"}, InvalidRequest, "neither Unicode"),
        ({"a": ["\ud800"]}, InvalidRequest, "neither Unicode"),
        ({"a": float("inf")}, InvalidRequest, "neither Unicode"),
        ({"a": "x" * GIVEN_BYTES_MAX}, TooLarge, "`a`"),
        ({"x" * GIVEN_BYTES_MAX: 1}, TooLarge, "too many for a parameter"),
        # As JSON they are written in ASCII, in six bytes each.
        ({"a": ["\u00e9" * (GIVEN_BYTES_MAX // 6)]}, TooLarge, "`a`"),
        ({f"p{n}": "x" * (GIVEN_BYTES_MAX // 2) for n in range(11)}, TooLarge, "together"),
        ({f"p{n}": 1 for n in range(GIVEN_TOGETHER_BYTES_MAX // len(LONGEST_REF))}, TooLarge, "together"),
    ],
)
def test_what_no_process_can_be_given_is_refused(
    given: dict[str, Any], error: type[RunyardError], says: str
) -> None:
    with pytest.raises(error, match=says):
        check_given(given)


@pytest.mark.parametrize(
    "given",
    [
        {"a": "x" * (GIVEN_BYTES_MAX - 300)},
        {"a": "\u00e9" * (GIVEN_BYTES_MAX // 2 - 300)},
        {"a": ["\u00e9" * (GIVEN_BYTES_MAX // 6 - 300)]},
        {f"p{n}": "x" * (GIVEN_BYTES_MAX - 300) for n in range(5)},
        {f"p{n}": 1 for n in range(1_500)},
    ],
)
def test_what_may_be_given_can_start_a_process_of_the_job_with_the_longest_name(
    given: dict[str, Any],
) -> None:
    check_given(given)
    variables = {environment_key(LONGEST_REF, name): environment_text(value) for name, value in given.items()}
    assert subprocess.run(["/bin/true"], env=variables, check=False).returncode == 0
