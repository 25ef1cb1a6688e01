"""What a job's parameters accept, as a JSON schema (draft 2020-12) in its manifest entry, and in words.

The schema of a parameter says of JSON values what `parameters.convert` does of configured ones, in the published
client's form, so that one form serves jobs of both dialects; what has no JSON form is left open. Source: JCF-09.
"""

from __future__ import annotations

import json
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from enum import Enum
from typing import Any

from runyard.core.parameters import NO_DEFAULT, annotation_of, defaults, innermost
from runyard.core.run_context import RUN_CONTEXT

_NULL = {"type": "null"}
_SIMPLE: dict[Any, dict[str, Any]] = {
    str: {"type": "string"},
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    float: {"type": "number"},
    datetime: {"type": "string", "format": "date-time"},
    date: {"type": "string", "format": "date"},
    type(None): _NULL,
}
_COLLECTIONS = (list, tuple, set, frozenset)
_NOTES = ("description", "writeOnly")
"""What is said about a parameter rather than about its values."""


def input_schema(function: Callable[..., Any]) -> dict[str, Any] | None:
    """Return the schema of what can be given to a job function; None if it takes nothing.

    Shape: `{type: "object", properties: {name: schema}, required: [names], additionalProperties: false}`.
    """
    found = {name: default for name, default in defaults(function).items() if name != RUN_CONTEXT}
    if not found:
        return None
    properties, required = {}, []
    for name, default in found.items():
        annotation = _annotation(function, name)
        schema = schema_of(annotation)
        if default is NO_DEFAULT:
            if not _takes_none(annotation):
                required.append(name)
            if _is_secret(function, name):
                schema["writeOnly"] = True
        elif default is None:
            schema = schema if _takes_none(annotation) else _any_of([schema, _NULL])
        elif (value := _as_json(default)) is not None:
            schema["default"] = value
        properties[name] = schema
    schema = {"type": "object", "properties": properties, "additionalProperties": False}
    return {**schema, "required": required} if required else schema


def schema_of(annotation: Any) -> dict[str, Any]:
    """Return the schema of the JSON values that an annotation accepts; empty if it is any."""
    annotation = getattr(annotation, "__supertype__", annotation)
    origin, inner = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return schema_of(inner[0]) | _notes(inner[1:])
    if origin in (typing.Union, types.UnionType):
        return _any_of([schema_of(kind) for kind in inner])
    if origin is typing.Literal:
        return _one_of(inner)
    kind = origin or annotation
    if not isinstance(kind, type):
        return {}
    if issubclass(kind, Enum):
        return _one_of(member.value for member in kind)
    if kind in _COLLECTIONS:
        return {"type": "array", "items": schema_of(inner[0])} if inner else {"type": "array"}
    if kind is dict:
        return (
            {"type": "object", "additionalProperties": schema_of(inner[1]) or True}
            if inner
            else {"type": "object"}
        )
    return dict(_SIMPLE.get(kind, {}))


def in_words(inputs: Mapping[str, Any]) -> list[str]:
    """Return each input as people read it: `limit: integer, else 5`."""
    return [
        f"{name}: {_kind_in_words(schema)}{_absence_in_words(name, schema, inputs)}"
        for name, schema in (inputs.get("properties") or {}).items()
    ]


def _kind_in_words(schema: Mapping[str, Any]) -> str:
    # A schema that somebody else wrote may have any values; what is none of ours is not put into words.
    match schema:
        case {"anyOf": [_, *_] as kinds} if all(isinstance(kind, Mapping) for kind in kinds):
            return " or ".join(map(_kind_in_words, kinds))
        case {"enum": list(values)}:
            return "one of " + ", ".join(map(json.dumps, values))
        case {"type": "array", "items": dict(items)}:
            return f"list of {_kind_in_words(items)}"
        case {"format": str(kind)} | {"type": str(kind)}:
            return kind
    return "anything"


def _absence_in_words(name: str, schema: Mapping[str, Any], inputs: Mapping[str, Any]) -> str:
    if name in (inputs.get("required") or ()):
        return ", required"
    return f", else {json.dumps(schema['default'])}" if "default" in schema else ""


def _annotation(function: Callable[..., Any], name: str) -> Any:
    try:
        return annotation_of(function, name)
    except NameError:  # there for type checks only; a run that is given a value says so
        return None


def _takes_none(annotation: Any) -> bool:
    if typing.get_origin(annotation) is typing.Annotated:
        annotation = typing.get_args(annotation)[0]
    union = typing.get_origin(annotation) in (typing.Union, types.UnionType)
    return union and type(None) in typing.get_args(annotation)


def _any_of(variants: list[dict[str, Any]]) -> dict[str, Any]:
    # What accepts anything makes the whole accept anything.
    schema: dict[str, Any] = {} if {} in variants else {"anyOf": variants}
    described = [variant for variant in variants if variant != _NULL]
    if len(described) == 1:
        schema |= {note: described[0].pop(note) for note in _NOTES if note in described[0]}
    return schema


def _one_of(values: Iterable[Any]) -> dict[str, Any]:
    values = list(values)
    kinds = {schema_of(type(value)).get("type") for value in values}
    schema: dict[str, Any] = {"enum": values}
    return {**schema, "type": kinds.pop()} if len(kinds) == 1 and None not in kinds else schema


def _notes(metadata: Iterable[Any]) -> dict[str, Any]:
    """Return what `Annotated` says besides the type: a description as text or `Doc`, dlt's mark of secrets."""
    notes: dict[str, Any] = {}
    for item in metadata:
        text = item if isinstance(item, str) else getattr(item, "documentation", None)
        if isinstance(text, str):
            notes.setdefault("description", text)
        if getattr(item, "__name__", None) == "SecretSentinel":
            notes["writeOnly"] = True
    return notes


def _is_secret(function: Callable[..., Any], name: str) -> bool:
    """Return whether the default of a parameter is `dlt.secrets.value`."""
    from inspect import signature

    default = signature(innermost(function)).parameters[name].default
    return getattr(default, "default_literal", None) == "dlt.secrets.value"


def _as_json(default: Any) -> Any:
    """Return a default as JSON, None if it has no such form."""
    if isinstance(default, Enum):
        default = default.value
    if isinstance(default, date):
        return default.isoformat()
    try:
        return json.loads(json.dumps(default, allow_nan=False))
    except (TypeError, ValueError):
        return None
