"""What a job function is told about its run, if it asks with a parameter named `run_context`."""

from __future__ import annotations

from runyard.core.lean_typing import TypedDict
from runyard.core.triggers import JOB_EVENTS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from typing import Any, NotRequired

RUN_CONTEXT = "run_context"
"""The parameter that asks for it; never filled from configuration (DEC-13)."""

BODY_VARIABLE = "RUNYARD_WEBHOOK_BODY"
"""The environment variable with the path of what was posted to the webhook that started a run."""

FOLLOW_UP = "followup"
"""The `trigger_type` of a run that another job caused, however that ended (DEC-14)."""


class TJobRunContext(TypedDict):
    """A run as its function sees it. The window is half open, in UTC; started elsewhere it may have none."""

    run_id: str
    trigger: str
    trigger_type: str
    refresh: bool
    interval_start: NotRequired[datetime]
    interval_end: NotRequired[datetime]
    run_args: NotRequired[dict[str, Any]]
    body: NotRequired[str]
    """What was posted to the webhook that started it, as it came."""


def make_run_context(
    run_id: str, trigger: str, entry_point: Mapping[str, Any], body: str | None = None
) -> TJobRunContext:
    """Return the context of a run from what its launcher is given. Source: DEC-13 to DEC-15, TRG-24."""
    kind = trigger.partition(":")[0]
    context: TJobRunContext = {
        "run_id": run_id,
        "trigger": trigger,
        "trigger_type": FOLLOW_UP if kind in JOB_EVENTS else kind,
        "refresh": bool(entry_point.get("refresh")),
    }
    if entry_point.get("interval_start") and entry_point.get("interval_end"):
        context["interval_start"] = _utc(entry_point["interval_start"])
        context["interval_end"] = _utc(entry_point["interval_end"])
    if entry_point.get("run_args"):
        context["run_args"] = dict(entry_point["run_args"])
    if body is not None:
        context["body"] = body
    return context


def _utc(text: str) -> datetime:
    # Only for functions that ask: a job that does not should not pay for this import.
    from datetime import UTC, datetime

    moment = datetime.fromisoformat(text)
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
