"""What a dlt pipeline tells of itself when it has run, and what of it is kept: pure reading of one trace.

A trace is JSON from outside, and large: what is kept of it is bounded here, the rest is counted. How it comes is in
the server's `beacon`, where it is kept in `store.pipeline_runs`. Source: contract 9.6, `dlt.pipeline.trace`.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from runyard.core.clock import from_datetime
from runyard.core.errors import InvalidTrace

TABLES_KEPT = 200
"""Tables named with their rows, the largest: several screens. Sources with thousands exist; the others are counted."""

PACKAGES_KEPT = 20
"""Load packages named: a run of a pipeline makes one for each of its sources, and takes along what was left over."""

NAME_LENGTH_MAX = 200
"""Characters of a name: longer than any destination lets a table be called."""

MESSAGE_LENGTH_MAX = 400
"""Characters of why a step failed: what one reads at a glance. All of it is in the log of the run."""

ROWS_MAX = 2**63 - 1
"""Rows of all tables: the largest number that both databases store."""

_OWN_TABLES = "_dlt"
"""How the tables begin that dlt keeps for itself."""

_WHOLE = "run"
"""The step that holds the others, and fails when one of them does."""


@dataclass(frozen=True, slots=True)
class PipelineTrace:
    """One run of a pipeline. Instants are microseconds UTC.

    `tables` are the largest with their rows, `table_count` and `total_rows` of all; they were made ready for loading,
    and are there once the run has succeeded. `load_packages` are ids and states. `destination_name` and `dataset_name`
    are known once it began to load, `error_step` and `error_message`, a line, when it failed.
    """

    transaction_id: str
    pipeline_name: str
    destination_name: str | None
    dataset_name: str | None
    started_at: int
    finished_at: int | None
    error_step: str | None
    error_message: str | None
    tables: tuple[tuple[str, int], ...]
    table_count: int
    total_rows: int
    load_packages: tuple[tuple[str, str], ...]


def read_trace(body: bytes) -> PipelineTrace:
    """Return what a trace says. Raises: InvalidTrace."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        raise InvalidTrace(
            "What was sent is no JSON.", "Send the trace of a pipeline as dlt writes it."
        ) from None
    trace = _object(document, "it")
    rows = _rows(trace)
    largest = sorted(rows.items(), key=lambda table: (-table[1], table[0]))
    error_step, error_message = _failure(trace)
    destination, dataset = _destination(trace)
    started_at = _instant(trace, "started_at")
    if started_at is None:
        raise _refused("`started_at` is missing")
    return PipelineTrace(
        transaction_id=_name(trace, "transaction_id"),
        pipeline_name=_name(trace, "pipeline_name"),
        destination_name=destination,
        dataset_name=dataset,
        started_at=started_at,
        finished_at=_instant(trace, "finished_at"),
        error_step=error_step,
        error_message=error_message,
        tables=tuple(largest[:TABLES_KEPT]),
        table_count=len(rows),
        total_rows=min(sum(rows.values()), ROWS_MAX),
        load_packages=tuple(_packages(trace).items())[-PACKAGES_KEPT:],
    )


def _rows(trace: Mapping[str, Any]) -> Counter[str]:
    """Return how many rows were made ready for each table, child tables included, those of dlt itself left out."""
    rows: Counter[str] = Counter()
    for step in _steps(trace):
        for metric in _list(_object(step.get("normalize_info") or {}, "normalize_info"), "table_metrics"):
            table, count = _name(metric, "table_name"), metric.get("items_count")
            if isinstance(count, bool) or not isinstance(count, int) or not 0 <= count <= ROWS_MAX:
                raise _refused("`items_count` is no number of rows")
            if not table.startswith(_OWN_TABLES):
                rows[table] = min(rows[table] + count, ROWS_MAX)
    return rows


def _destination(trace: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """Return where a pipeline loaded to and into which dataset, nothing if it did not get so far."""
    found: tuple[str | None, str | None] = None, None
    for step in _steps(trace):
        if info := _object(step.get("load_info") or {}, "load_info"):
            found = _name_if_any(info, "destination_name"), _name_if_any(info, "dataset_name")
    return found


def _packages(trace: Mapping[str, Any]) -> dict[str, str]:
    """Return the state of each load package as the last step knew it, in the order in which they came up."""
    states: dict[str, str] = {}
    for step in _steps(trace):
        for package in _list(_object(step.get("step_info") or {}, "step_info"), "load_packages"):
            states[_name(package, "load_id")] = _name(package, "state")
    return states


def _failure(trace: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """Return the step that failed and why, in a line; nothing of a run that went well."""
    failed = [step for step in _steps(trace) if step.get("step_exception")]
    for step in sorted(failed, key=lambda step: step.get("step") == _WHOLE):
        return _name(step, "step"), _reason(step)
    return None, None


def _reason(step: Mapping[str, Any]) -> str:
    """Return what lies at the bottom of a failed step, in a line."""
    causes = list(_list(step, "exception_traces"))
    if causes and isinstance(causes[-1].get("message"), str):
        kind = str(causes[-1].get("exception_type") or "").rpartition(".")[2]
        return _line(f"{kind}: {causes[-1]['message']}" if kind else causes[-1]["message"])
    return _line(str(step["step_exception"]))


def _steps(trace: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    return _list(trace, "steps")


def _list(table: Mapping[str, Any], key: str) -> Iterator[Mapping[str, Any]]:
    """Yield the objects of a list, none if it is left out. Raises: InvalidTrace."""
    found = table.get(key)
    if found is not None and not isinstance(found, list):
        raise _refused(f"`{key}` is no list")
    for item in found or ():
        yield _object(item, key)


def _object(found: Any, what: str) -> Mapping[str, Any]:
    if not isinstance(found, Mapping):
        raise _refused(f"`{what}` is no object" if what != "it" else "it is no object")
    return found


def _name(table: Mapping[str, Any], key: str) -> str:
    """Return a name, cut where nobody reads on. Raises: InvalidTrace."""
    found = table.get(key)
    if not isinstance(found, str) or not (name := _line(found, NAME_LENGTH_MAX)):
        raise _refused(f"`{key}` is no name")
    return name


def _name_if_any(table: Mapping[str, Any], key: str) -> str | None:
    return None if table.get(key) is None else _name(table, key)


def _instant(table: Mapping[str, Any], key: str) -> int | None:
    """Return an instant, None if it is left out. Raises: InvalidTrace."""
    found = table.get(key)
    if found is None:
        return None
    try:
        moment = datetime.fromisoformat(found)
        if moment.tzinfo is not None:
            return from_datetime(moment)
    except (TypeError, ValueError, OverflowError):
        pass
    raise _refused(f"`{key}` is no instant with a time zone")


def _line(text: str, length_max: int = MESSAGE_LENGTH_MAX) -> str:
    """Return a text that a database keeps and a line holds: in one line, and cut."""
    # Only as much as may be kept is looked at: a message may be as long as the whole trace.
    words = " ".join(text[: 4 * length_max].replace("\0", "").split())
    storable = words.encode(errors="replace").decode()
    return storable if len(storable) <= length_max else storable[: length_max - 1] + "…"


def _refused(why: str) -> InvalidTrace:
    return InvalidTrace(
        f"What was sent is no trace of a pipeline: {why}.", "Send the trace of a pipeline as dlt writes it."
    )
