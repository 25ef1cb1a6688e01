"""What a start by hand, by tag or by pipeline name becomes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from runyard.core import freshness
from runyard.core.facts import JobFacts
from runyard.core.intervals import Window
from runyard.core.jobs import RefreshPolicy
from runyard.core.outcomes import Outcome
from runyard.core.planning.decisions import Decision, NewRun, created, iso
from runyard.core.triggers import TriggerType, in_words, parse_trigger


def plan_start(
    job: JobFacts,
    trigger: str,
    *,
    cause: str,
    upstreams: Mapping[str, JobFacts],
    now: int,
    refresh: bool = False,
    force: bool = False,
    window: Window | None = None,
) -> Decision:
    """Return what becomes of a start that somebody asked for: a new run, or a refusal with its reason.

    Only `FIRED` and `LIMITED` create a run. A refresh asked of a job that blocks refreshes is ignored (RFR-07);
    `force` passes freshness gates (FRS-10). A paused job may still be started by hand (TRG-20). `window` is the part of
    time that was asked for, one of `intervals.exact_windows` (IVL-14).
    """
    facts: dict[str, Any] = {"active_runs": job.active_count, "concurrency": job.definition.concurrency}

    def decided(outcome: Outcome, because: str, **more: Any) -> Decision:
        return Decision(job.job_id, trigger, outcome, because, facts=facts, **more)

    stale = {} if force else freshness.stale_because(job.definition.freshness, upstreams, now)
    if stale:
        facts["stale"] = stale
        return decided(Outcome.NOT_FRESH, f"Upstream is not fresh: {'; '.join(stale.values())}.")
    blocks = job.definition.refresh is RefreshPolicy.BLOCK
    run = NewRun(trigger, cause, None, refresh=refresh and not blocks, window=window)
    # The trigger says what the run stands for, and would read as if nobody had asked for it.
    stands_for = "" if _is_manual(trigger) else f" ({in_words(trigger, job.definition.timezone)})"
    covers = "" if window is None else f", for exactly {iso(window.start)} to {iso(window.end)}"
    words = f"Started by hand{stands_for}{covers}."
    if refresh and blocks:
        words += " The refresh was ignored, because this job blocks refreshes."
    return created(decided, job, run, words)


def _is_manual(trigger: str) -> bool:
    return parse_trigger(trigger).type is TriggerType.MANUAL
