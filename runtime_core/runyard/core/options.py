"""What the decorators of `runyard.run` accept, as types; what they make of it is in `decorators`."""

from __future__ import annotations

from runyard.core.lean_typing import TypedDict

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime
    from typing import Any, Literal

    from runyard.core.triggers import Written


class Timeout(TypedDict, total=False):
    """How long a run may take, and how long it has to leave when told to."""

    timeout: float | str
    grace_period: float | str


class Execute(TypedDict, total=False):
    """How a job runs. Durations are seconds or texts such as `"6h"`; `concurrency` None is no limit.

    `retries`: how often a failed run is tried again, after `retry_delay` and each time `retry_backoff` times as long.
    """

    timeout: float | str | Timeout
    grace_period: float | str
    concurrency: int | None
    intercept_signals: bool
    retries: int
    retry_delay: float | str
    retry_backoff: float


class Expose(TypedDict, total=False):
    """How a job is shown, and whether it can be started by hand."""

    display_name: str
    tags: str | list[str]
    starred: bool
    manual: bool
    category: str


class Require(TypedDict, total=False):
    """What a job needs around it."""

    dependency_groups: list[str]
    profile: str
    timezone: str
    provider: str
    instance: dict[str, Any]
    region: str
    static_egress_ips: bool


class Interval(TypedDict, total=False):
    """The range a job covers: its start, its end if it has one, and the longest window of one run."""

    start: str | datetime
    end: str | datetime
    split: str


class Options(TypedDict, total=False):
    """What every decorator takes."""

    name: str
    section: str
    trigger: Written
    execute: Execute
    expose: Expose
    require: Require


class BatchOptions(Options, total=False):
    """What the decorators of batch jobs take."""

    interval: Interval
    freshness: str | Iterable[str]
    freshness_wait: float | str
    refresh: Literal["auto", "always", "block"]
    incremental_mode: Literal["interval", "pipeline"]
    auto_refresh_pipeline_mode: Literal["drop_sources", "drop_resources", "drop_data"]
    refresh_propagation: Literal["auto", "always", "block"]


class InteractiveOptions(Options, total=False):
    """What the decorator of interactive jobs takes."""

    interface: Literal["gui", "rest_api", "mcp"]
    idle_timeout: float | str
