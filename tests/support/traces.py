"""Traces as dlt 1.31 sends them, cut to what somebody reads, and the way they are sent."""

from __future__ import annotations

import json
from typing import Any

PACKAGE = "1795354689.2398615"

JSON = dict[str, Any]


def step(name: str, **more: Any) -> JSON:
    """Return a step that went well."""
    state = {"extract": "new", "normalize": "normalized", "load": "loaded"}.get(name, "loaded")
    return {
        "span_id": "65b21a4af23c4d28e21575d1a4df9531",
        "step": name,
        "started_at": "2026-11-22T13:38:09.368444+00:00",
        "finished_at": "2026-11-22T13:38:09.526764+00:00",
        "step_exception": None,
        "exception_traces": None,
        "step_info": {
            "pipeline": {"pipeline_name": "flights"},
            "loads_ids": [PACKAGE],
            "load_packages": [{"load_id": PACKAGE, "state": state, "jobs": [], "tables": []}],
        },
        **more,
    }


def trace(transaction_id: str = "t1", /, *, rows: dict[str, int] | None = None, **changed: Any) -> JSON:
    """Return the trace of a run of the pipeline `flights` that loaded these tables."""
    metrics = [
        {"table_name": table, "items_count": count, "file_size": 187, "load_id": PACKAGE}
        for table, count in (rows or {"flights": 27004, "airlines": 16, "_dlt_pipeline_state": 1}).items()
    ]
    return {
        "transaction_id": transaction_id,
        "pipeline_name": "flights",
        "execution_context": {"library": {"name": "dlt", "version": "1.31.0"}},
        "started_at": "2026-11-22T13:38:08.712667+00:00",
        "finished_at": "2026-11-22T13:38:10.904812+00:00",
        "steps": [
            step("extract", extract_info={"job_metrics": [], "table_metrics": []}),
            step("normalize", normalize_info={"job_metrics": [], "table_metrics": metrics}),
            step(
                "load",
                load_info={"destination_name": "duckdb", "dataset_name": "flights", "job_metrics": []},
            ),
        ],
        "resolved_config_values": [],
        "engine_version": 2,
        **changed,
    }


def failed(transaction_id: str = "t2", /, message: str = "no such thing\nsecond line") -> JSON:
    """Return the trace of a run that failed while it extracted."""
    why = {
        "step_exception": f"Pipeline execution failed at `step=extract` with exception:\n\n{message}",
        "exception_traces": [
            {"message": "Pipeline execution failed", "exception_type": "dlt.pipeline.PipelineStepFailed"},
            {"message": message, "exception_type": "ValueError"},
        ],
    }
    return trace(transaction_id, steps=[step("run", **why), step("extract", **why)])


def body(document: Any) -> bytes:
    return json.dumps(document).encode()
