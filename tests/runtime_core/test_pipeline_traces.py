"""What is read of a pipeline's trace, what of it is kept, and what is no trace."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.traces import PACKAGE, body, failed, step, trace

from runyard.core.clock import to_datetime
from runyard.core.errors import InvalidTrace
from runyard.core.pipeline_traces import (
    MESSAGE_LENGTH_MAX,
    NAME_LENGTH_MAX,
    PACKAGES_KEPT,
    ROWS_MAX,
    TABLES_KEPT,
    PipelineTrace,
    read_trace,
)


def read(document: Any) -> PipelineTrace:
    return read_trace(body(document))


def normalized(*metrics: Any) -> dict[str, Any]:
    return trace(steps=[step("normalize", normalize_info={"table_metrics": list(metrics)})])


# SPEC: DEC-19
def test_a_trace_says_where_how_much_and_how_long() -> None:
    told = read(trace())
    assert (told.transaction_id, told.pipeline_name) == ("t1", "flights")
    assert (told.destination_name, told.dataset_name) == ("duckdb", "flights")
    assert (told.tables, told.table_count, told.total_rows) == (
        (("flights", 27004), ("airlines", 16)),
        2,
        27020,
    )
    assert told.load_packages == ((PACKAGE, "loaded"),)
    assert (told.error_step, told.error_message) == (None, None)
    assert to_datetime(told.started_at).isoformat() == "2026-11-22T13:38:08.712667+00:00"
    assert told.finished_at is not None
    assert told.finished_at - told.started_at == 2_192_145


def test_a_failure_is_told_by_its_own_step_and_the_error_at_the_bottom_in_one_line() -> None:
    told = read(failed())
    assert (told.error_step, told.error_message) == ("extract", "ValueError: no such thing second line")
    assert (told.destination_name, told.dataset_name, told.tables) == (None, None, ())
    bare = step("run", step_exception="it broke\n  badly")
    assert read(trace(steps=[bare])).error_message == "it broke badly"


def test_rows_of_one_table_are_added_up_over_its_packages() -> None:
    rows = [{"table_name": "orders", "items_count": count} for count in (3, 4)]
    assert read(normalized(*rows)).tables == (("orders", 7),)


def test_only_the_largest_tables_are_named_and_all_are_counted() -> None:
    told = read(trace(rows={f"t{n:04}": n for n in range(TABLES_KEPT + 50)}))
    assert (len(told.tables), told.table_count) == (TABLES_KEPT, TABLES_KEPT + 50)
    assert told.tables[0] == ("t0249", 249)
    assert told.total_rows == sum(range(TABLES_KEPT + 50))
    packages = [{"load_id": str(n), "state": "loaded"} for n in range(PACKAGES_KEPT + 1)]
    steps = [step("load", step_info={"load_packages": packages})]
    assert [load_id for load_id, _ in read(trace(steps=steps)).load_packages] == [
        str(n) for n in range(1, PACKAGES_KEPT + 1)
    ]


def test_what_a_database_cannot_keep_is_spelled_otherwise_and_what_nobody_reads_is_cut() -> None:
    told = read(trace(pipeline_name="a\0b\ud800c", transaction_id="x" * 10_000))
    assert told.pipeline_name == "ab?c"
    assert len(told.transaction_id) == NAME_LENGTH_MAX
    message = read(failed("t2", "y" * 100_000)).error_message
    assert message is not None
    assert len(message) == MESSAGE_LENGTH_MAX


@pytest.mark.parametrize(
    ("document", "why"),
    [
        ([], "it is no object"),
        (None, "it is no object"),
        ({}, "`started_at` is missing"),
        (trace(transaction_id=None), "`transaction_id` is no name"),
        (trace(pipeline_name=" \n"), "`pipeline_name` is no name"),
        (trace(pipeline_name=7), "`pipeline_name` is no name"),
        (trace(started_at="yesterday"), "`started_at` is no instant"),
        (trace(started_at="2026-11-22T13:38:08"), "`started_at` is no instant"),
        (trace(finished_at=[]), "`finished_at` is no instant"),
        (trace(steps={}), "`steps` is no list"),
        (trace(steps=["extract"]), "`steps` is no object"),
        (trace(steps=[step("load", load_info=[1])]), "`load_info` is no object"),
        (trace(steps=[step("load", load_info={"dataset_name": 1})]), "`dataset_name` is no name"),
        (
            trace(steps=[step("load", step_info={"load_packages": [{"state": "new"}]})]),
            "`load_id` is no name",
        ),
        (normalized({"table_name": "a", "items_count": True}), "`items_count`"),
        (normalized({"table_name": "a", "items_count": -1}), "`items_count`"),
        (normalized({"table_name": "a", "items_count": 1.5}), "`items_count`"),
        (normalized({"table_name": "a", "items_count": ROWS_MAX + 1}), "`items_count`"),
        (normalized({"items_count": 1}), "`table_name` is no name"),
    ],
)
def test_what_is_no_trace_is_refused_with_what_is_wrong(document: Any, why: str) -> None:
    with pytest.raises(InvalidTrace) as refused:
        read(document)
    assert why in refused.value.cause
    assert refused.value.remedy


@pytest.mark.parametrize("sent", [b"", b"{", b"\xff", b"[" * 100_000, b"9" * 10_000])
def test_what_is_no_json_is_refused(sent: bytes) -> None:
    with pytest.raises(InvalidTrace):
        read_trace(sent)


leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
anything = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
FIELDS = sorted(
    {*trace(), *step("load"), "normalize_info", "table_metrics", "table_name", "items_count"}
    | {"load_info", "dataset_name", "destination_name", "load_packages", "load_id", "state"}
)


@st.composite
def damaged(draw: st.DrawFn) -> Any:
    """Return a trace of which something, somewhere, is something else."""

    def visit(found: Any) -> Any:
        if draw(st.integers(0, 30)) == 0:
            return draw(anything)
        if isinstance(found, dict):
            kept = {key: visit(value) for key, value in found.items()}
            return kept | draw(st.dictionaries(st.sampled_from(FIELDS), anything, max_size=1))
        return [visit(item) for item in found] if isinstance(found, list) else found

    return visit(draw(st.sampled_from([trace(), failed()])))


# SPEC: QLT-08
@given(anything | damaged())
def test_any_json_gives_a_bounded_view_or_a_refusal_of_ours(document: Any) -> None:
    try:
        told = read_trace(json.dumps(document).encode())
    except InvalidTrace:
        return
    assert len(told.tables) <= TABLES_KEPT
    assert len(told.load_packages) <= PACKAGES_KEPT
    assert 0 <= told.total_rows <= ROWS_MAX
    texts = [
        told.transaction_id,
        told.pipeline_name,
        told.destination_name,
        told.dataset_name,
        told.error_step,
    ]
    texts += [text for pair in told.load_packages for text in pair] + [name for name, _ in told.tables]
    for text in texts:
        assert text is None or (0 < len(text) <= NAME_LENGTH_MAX and "\0" not in text and text.encode())
    assert (told.error_step is None) == (told.error_message is None)
