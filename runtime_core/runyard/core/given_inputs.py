"""Whether what is given to one start can travel, and fits the parameters of the jobs that it starts. Pure.

A value travels as text, so it fits if `parameters.convert` can read it: `-c limit=5` is a text too. Launchers of others
read all of that but `null`. What is required is not asked for here: it may come from configuration, which the run reads
(JCF-01).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from runyard.core.decorators import JOB_LAUNCHER
from runyard.core.errors import InvalidRequest, TooLarge
from runyard.core.input_schemas import in_words
from runyard.core.job_refs import REF_LENGTH_MAX
from runyard.core.jobs import JobDefinition
from runyard.core.parameters import convert, environment_key, environment_text, is_choice, is_null

GIVEN_BYTES_MAX = 100_000
"""Size of one parameter that is given: it travels as a variable, and Linux takes none above 128 KiB."""

GIVEN_TOGETHER_BYTES_MAX = 500_000
"""Size of all that is given to a run: Linux takes 2 MiB of variables and arguments, and others want some too."""

LONGEST_REF = "x" * REF_LENGTH_MAX
"""Stands for the ref of any job, which is part of the names of its variables."""

_INSTEAD = 'Let a webhook bring it, and the function read it from `run_context["body"]`.'

_READ_AS = {"integer": int, "number": float, "boolean": bool}

_NESTED = (".", "__")
"""What leads a name further into configuration, where no parameter is."""


def check_given(given: Mapping[str, Any]) -> None:
    """Return if these values can be given to parameters of these names. Raises: InvalidRequest, TooLarge."""
    together = 0
    for name, value in given.items():
        try:
            json.dumps({name: value}, ensure_ascii=False, allow_nan=False).encode()
        except (ValueError, RecursionError) as error:
            raise InvalidRequest(
                f"`{name}` holds what is neither Unicode text nor a finite number.",
                "Send plain JSON.",
                input_name=name,
            ) from error
        if not name or "=" in name or "\0" in name:
            raise InvalidRequest(
                f"`{name}` is no name of a parameter.", "Name one that the function has.", input_name=name
            )
        text = environment_text(value)
        if "\0" in text:
            raise InvalidRequest(
                f"`{name}` holds a zero character, which no variable can.", "Leave it out.", input_name=name
            )
        size = len(f"{environment_key(LONGEST_REF, name)}={text}".encode())
        together += size
        if size > GIVEN_BYTES_MAX:
            raise TooLarge(
                f"`{name}` has more than {GIVEN_BYTES_MAX} bytes, too many for a parameter.",
                _INSTEAD,
                input_name=name,
            )
    if together > GIVEN_TOGETHER_BYTES_MAX:
        raise TooLarge(
            f"What is given has more than {GIVEN_TOGETHER_BYTES_MAX} bytes together, too many for a run.",
            _INSTEAD,
        )


def check_fits(given: Mapping[str, Any], jobs: Sequence[JobDefinition]) -> None:
    """Return if each name is a parameter of one of the jobs at least, and its value fits all that have it.

    Raises: InvalidRequest, which never tells a value: it may be a secret. Source: JCF-09.
    """
    for name, value in given.items():
        found = [(job, _schema_of(job, name)) for job in jobs]
        if all(schema is None for _, schema in found):
            raise InvalidRequest(
                f"`{name}` is no parameter of {', '.join(job.job_ref for job in jobs)}.",
                _known(jobs),
                input_name=name,
            )
        for job, schema in found:
            reads_null = job.entry_point.launcher == JOB_LAUNCHER
            if schema is None or _fits(value, schema, reads_null=reads_null):
                continue
            if _fits(value, schema):
                raise InvalidRequest(
                    f"`{name}` of {job.job_ref} cannot be given null.",
                    "Leave it out: its launcher would take it for the text `null`.",
                    input_name=name,
                )
            [words] = in_words({**(job.inputs or {}), "properties": {name: schema}})
            raise InvalidRequest(
                f"`{name}` does not fit {job.job_ref}.", f"It takes {words}.", input_name=name
            )


def _known(jobs: Sequence[JobDefinition]) -> str:
    known = dict.fromkeys(words for job in jobs for words in in_words(job.inputs or {}))
    return f"What there is: {'; '.join(known)}." if known else "Leave it out: they take nothing."


def _schema_of(job: JobDefinition, name: str) -> Mapping[str, Any] | None:
    """Return what a job says of a parameter: anything goes where it says nothing, None if it has no such one."""
    if job.inputs is None or any(mark in name for mark in _NESTED):
        return {}
    # As the environment variable that carries it, a name may be written in any case.
    by_key = {known.upper(): schema for known, schema in (job.inputs.get("properties") or {}).items()}
    is_open = job.inputs.get("additionalProperties") is not False or name in job.config_keys
    found: Mapping[str, Any] | None = by_key.get(name.upper(), {} if is_open else None)
    return found


def _fits(value: Any, schema: Any, *, reads_null: bool = True) -> bool:
    # A schema that somebody else wrote may say what is none of ours; that refuses nothing.
    if value is None and not reads_null:
        return False
    match schema:
        case {"anyOf": list(kinds)}:
            return any(_fits(value, kind, reads_null=reads_null) for kind in kinds)
        case {"enum": list(values)}:
            text = environment_text(value)
            return any(is_choice(text, one) for one in values if reads_null or one is not None)
        case {"type": list(kinds)}:
            return any(_fits(value, {**schema, "type": kind}, reads_null=reads_null) for kind in kinds)
        case {"type": "null"}:
            return reads_null and is_null(value)
        case {"type": "string"}:
            return isinstance(value, str | int | float)
        case {"type": "integer" | "number" | "boolean" as kind}:
            return _reads(value, _READ_AS[kind])
        case {"type": "array"}:
            items = _structure(value)
            return isinstance(items, list) and all(_fits(item, schema.get("items")) for item in items)
        case {"type": "object"}:
            table = _structure(value)
            of_each = schema.get("additionalProperties")
            named = schema.get("properties")
            named = named if isinstance(named, Mapping) else {}
            return isinstance(table, dict) and all(
                _fits(item, named.get(key, of_each)) for key, item in table.items()
            )
    return True


def _reads(value: Any, kind: type[int] | type[float] | type[bool]) -> bool:
    try:
        convert(value, kind)
    except (ValueError, OverflowError):
        return False
    return True


def _structure(value: Any) -> Any:
    """Return a value as the list or table that it is, or that it is written as."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return None
