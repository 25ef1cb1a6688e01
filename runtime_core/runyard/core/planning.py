"""What should happen, given the facts and the time. The heart: everything that decides is here, nothing that acts.

Five questions, each a pure function:

* `plan`        which timed triggers are due, and what each tick becomes;
* `plan_start`  what a start by hand, by tag or by pipeline name becomes;
* `plan_event`  what an event becomes that a job waits for: a deploy, a call of its webhook;
* `plan_after`  what the end of a run causes: follow-ups, the next part of a backlog, a refresh downstream;
* `window_at_start`  which part of time a run covers, decided when it leaves the queue and not before, because
  what ran meanwhile moves the boundary.

Each answer is a list of decisions, and each decision carries the facts it stood on and a sentence that an analyst
understands; the loops write them down as they are (SCH-08). When ticks fall is `intervals`; what a text means is
`triggers`; the facts are loaded by `store.facts`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from runyard.core import freshness
from runyard.core.clock import MICROSECONDS, to_datetime
from runyard.core.facts import JobFacts
from runyard.core.intervals import Schedule, Window, latest_due, next_due, remaining, run_window
from runyard.core.jobs import RefreshPolicy, upstream_refs
from runyard.core.outcomes import Outcome
from runyard.core.refresh import downstream_of
from runyard.core.runs import RunStatus
from runyard.core.triggers import JOB_EVENTS, TriggerType, in_words, parse_trigger


@dataclass(frozen=True, slots=True)
class NewRun:
    """A run to create. `cause` is unique per job: the same cause never makes two runs."""

    trigger: str
    cause: str
    tick_at: int | None
    refresh: bool = False
    """Whether somebody asked for a refresh; `is_refresh` says what it becomes."""
    caused_by: tuple[str, ...] = ()
    previous_run_id: str | None = None
    window: Window | None = None
    """The part of time it covers, if somebody named it; else that is decided when it leaves the queue."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What was decided for one tick or event of one job, and why."""

    job_id: str
    trigger: str
    outcome: Outcome
    because: str
    tick_at: int | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    run: NewRun | None = None
    joins: str | None = None
    """The waiting run that takes this tick or event in."""
    caused_by: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """Decisions for due ticks, and when each of the jobs looked at is to be looked at next (None: never).

    `held_at` is, for jobs that have one, the oldest tick that waits for its upstreams.
    """

    decisions: tuple[Decision, ...]
    next_due_at: Mapping[str, int | None]
    held_at: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Event:
    """Something that a trigger waits for: `cause` is the same each time it is told, `because` says what it was.

    `run_id` is the run that caused it, if one did. What brings input of its own never `merges`.
    """

    cause: str
    because: str
    run_id: str | None = None
    merges: bool = True


@dataclass(frozen=True, slots=True)
class Ended:
    """A run that has just become terminal."""

    run_id: str
    trigger: str
    status: RunStatus
    refresh: bool
    window: Window | None


@dataclass(frozen=True, slots=True)
class Started:
    """A run as it leaves the queue: what it covers, and the facts of its job before it counts as active."""

    job: JobFacts
    window: Window
    refresh: bool
    starts_over: bool = False
    """Whether what the job has covered is forgotten with this start."""


@dataclass(frozen=True, slots=True)
class After:
    """What the end of a run causes."""

    decisions: tuple[Decision, ...] = ()
    refreshed: tuple[str, ...] = ()
    """Ids of the jobs that must start over: their next run is a refresh and covers their whole range."""
    woken: tuple[str, ...] = ()
    """Ids of the jobs with a tick that waits for this one: planning looks at them now."""


# Ticks ----------------------------------------------------------------------------------------------------


def plan(due: Iterable[JobFacts], upstreams: Mapping[str, JobFacts], now: int) -> Plan:
    """Return a decision per due trigger of these jobs, and when each job is due next.

    Shape: `due` are jobs whose `next_due_at` has come; `upstreams` maps a job ref to its facts for every job named
    in a freshness gate. However many ticks were missed, a trigger makes one decision (SCH-06). A tick that waits for
    its upstreams is looked at again when one completes, when its time is over, and when the next tick is due. It has
    come also by a clock that was set back behind it since: it waits on until its upstreams are fresh, or until the
    clock shows the end of its time, and no tick up to it comes a second time.
    Source: TRG-14..20, IVL-04, IVL-08, FRS-01..06, FRS-09, SCH-08.
    """
    decisions: list[Decision] = []
    next_due_at: dict[str, int | None] = {}
    held_at: dict[str, int] = {}
    for job in due:
        seen = _seen_until(job)
        until = max(now, seen)
        looks = [] if _range_is_covered(job) else [due_after(job, until)]
        room = job
        for trigger, schedule in job.timed:
            waits = _waiting_tick(job, schedule, seen)
            first = waits or next_due(schedule, anchor=job.anchor_at, last_due=seen, now=seen)
            if first is None or first > until:
                continue
            latest = latest_due(schedule, anchor=job.anchor_at, now=until) or first
            made = _decide_tick(room, trigger, first, latest, upstreams, now, has_waited=waits is not None)
            if made[-1].outcome is Outcome.WAITING:
                held_at[job.job_id] = min(latest, held_at.get(job.job_id, latest))
                looks.append(_deadline(job, latest))
            # That it waits was said when it began to.
            decisions += made if latest > seen or made[-1].outcome is not Outcome.WAITING else ()
            if made[-1].run is not None:
                room = replace(room, waiting_count=room.waiting_count + 1)
        next_due_at[job.job_id] = min((look for look in looks if look is not None), default=None)
    return Plan(tuple(decisions), next_due_at, held_at)


def _seen_until(job: JobFacts) -> int:
    """Return up to where the ticks of a job that is due have been looked at."""
    assert job.next_due_at is not None, "only due jobs are planned"
    if job.held_at is None:
        return job.next_due_at - 1
    waits = any(
        latest_due(each, anchor=job.anchor_at, now=job.held_at) == job.held_at for _, each in job.timed
    )
    if not waits or not job.definition.freshness_wait_seconds:
        return job.held_at - 1  # nobody looked since: the job could not be planned
    return max(job.held_at, job.next_due_at - 1)


def _waiting_tick(job: JobFacts, schedule: Schedule, seen: int) -> int | None:
    """Return the tick of a trigger that waits for its upstreams; None without one.

    A job notes only the oldest of those that wait. Each waits equally long and no longer than to the next of its
    trigger, so of another trigger the last one since then waits too.
    """
    if job.held_at is None:
        return None
    latest = latest_due(schedule, anchor=job.anchor_at, now=seen)
    return latest if latest is not None and latest >= job.held_at else None


def due_after(job: JobFacts, now: int) -> int | None:
    """Return the earliest instant after `now` at which a timed trigger of the job is due; None if there is none."""
    dues = [next_due(schedule, anchor=job.anchor_at, last_due=now, now=now) for _, schedule in job.timed]
    return min((due for due in dues if due is not None), default=None)


def _decide_tick(
    job: JobFacts,
    trigger: str,
    first: int,
    tick: int,
    upstreams: Mapping[str, JobFacts],
    now: int,
    *,
    has_waited: bool,
) -> list[Decision]:
    """Return what becomes of the ticks from `first` to `tick`, which are one (SCH-06).

    A tick that waited until the next one came is over: of that there is a decision before the one about `tick`.
    """
    facts: dict[str, Any] = {
        "first_tick": _iso(first),
        "tick": _iso(tick),
        "lateness_seconds": max(now - tick, 0) / 1e6,
        "done_until": _iso(job.done_until),
        "active_runs": job.active_count,
        "concurrency": job.definition.concurrency,
    }

    def decided(outcome: Outcome, because: str, **more: Any) -> Decision:
        return Decision(job.job_id, trigger, outcome, because, tick_at=tick, facts=facts, **more)

    if job.paused:
        return [decided(Outcome.PAUSED, "The job is paused.")]
    if _range_is_covered(job):
        return [
            decided(Outcome.SKIPPED, "The job has covered its whole range; nothing of it is left to run.")
        ]
    stale = freshness.stale_because(job.definition.freshness, upstreams, now)
    if stale:
        facts["stale"] = stale
        missing = f"Upstream is not fresh: {'; '.join(stale.values())}."
        if now >= _deadline(job, tick):
            return [decided(Outcome.NOT_FRESH, missing)]
        over = replace(decided(Outcome.NOT_FRESH, missing), tick_at=first, facts=dict(facts))
        facts["waits_until"] = _iso(_deadline(job, tick))
        waits = decided(Outcome.WAITING, f"The tick waits. {missing}")
        return [over, waits] if has_waited and first != tick else [waits]
    waiting = job.waiting.get(trigger)
    if waiting is not None:
        return [
            decided(
                Outcome.COALESCED,
                "An earlier run of this trigger still waits for a slot; its window will cover this tick too.",
                joins=waiting,
            )
        ]
    run = NewRun(trigger, f"{trigger}@{_iso(tick)}", tick)
    if has_waited:
        what = "The tick has waited for its upstreams, and they are fresh now."
    elif first == tick:
        what = f"Due at {_iso(tick)}."
    else:
        what = f"Ticks since {_iso(first)} were missed; one run covers them all."
    return [_created(decided, job, run, what)]


def _deadline(job: JobFacts, tick: int) -> int:
    """Return how long a tick waits for its upstreams (FRS-09)."""
    return tick + round(job.definition.freshness_wait_seconds * MICROSECONDS)


def _range_is_covered(job: JobFacts) -> bool:
    """Return whether the job declares an end and every window before it is covered (IVL-08)."""
    return job.range is not None and not job.refresh_pending and job.range.is_complete(job.done_until)


# Starts by hand -------------------------------------------------------------------------------------------


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
    words = f"Started by hand{stands_for}."
    if window is not None:
        words = f"{words.removesuffix('.')}, for exactly {_iso(window.start)} to {_iso(window.end)}."
    if refresh and blocks:
        words += " The refresh was ignored, because this job blocks refreshes."
    return _created(decided, job, run, words)


# Events ---------------------------------------------------------------------------------------------------


def plan_event(job: JobFacts, trigger: str, event: Event, *, facts: Mapping[str, Any]) -> Decision:
    """Return what becomes of an event that one of the job's triggers waits for: a run's end, a deploy, a call.

    A paused or archived job receives nothing (TRG-20, FUP-07). At the limit events of one trigger merge into the run
    that waits, unless each brings something of its own (FUP-04).
    """
    facts = {**facts, "active_runs": job.active_count, "concurrency": job.definition.concurrency}
    caused_by = () if event.run_id is None else (event.run_id,)

    def decided(outcome: Outcome, because: str, **more: Any) -> Decision:
        return Decision(job.job_id, trigger, outcome, because, facts=facts, caused_by=caused_by, **more)

    if job.archived:
        return decided(Outcome.SKIPPED, "The job is no longer deployed.")
    if job.paused:
        return decided(Outcome.PAUSED, "The job is paused.")
    waiting = job.waiting.get(trigger)
    if waiting is not None and event.merges and not job.has_free_slot:
        return decided(
            Outcome.MERGED,
            "An earlier run of this trigger still waits for a slot; it takes this event in.",
            joins=waiting,
        )
    run = NewRun(trigger, event.cause, None, caused_by=caused_by, previous_run_id=event.run_id)
    return _created(decided, job, run, event.because)


def plan_missed_events(job: JobFacts, missed: Iterable[str], paused_at: int) -> list[Decision]:
    """Return what makes up for the ends of other jobs that passed while a job was paused: a run per trigger (TRG-20).

    `missed` are the triggers that something was decided about meanwhile.
    """
    because = "What it follows ended while the job was paused; one run makes up for that."
    decisions: list[Decision] = []
    for trigger in job.definition.triggers:
        if trigger in missed and parse_trigger(trigger).type in JOB_EVENTS:
            event = Event(f"{trigger}@paused:{_iso(paused_at)}", because)
            decisions.append(plan_event(job, trigger, event, facts={"paused_at": _iso(paused_at)}))
            job = replace(job, waiting_count=job.waiting_count + 1)
    return decisions


# What an end causes ---------------------------------------------------------------------------------------


def plan_after(ended: Ended, job: JobFacts, graph: Mapping[str, JobFacts], now: int) -> After:
    """Return what the end of a run causes, itself not included.

    Shape: `job` are the facts of its job after the run became terminal; `graph` maps job refs to the facts of every
    job that follows it or is gated by it, directly or not, at least as far as a refresh travels.
    Source: FUP-01..07, IVL-05, IVL-13, RFR-02..05.
    """
    decisions = [
        decision
        for other in graph.values()
        for trigger in _fired_by(ended, job, other)
        for decision in [_decide_follow_up(ended, job, other, trigger)]
    ]
    refreshed: tuple[str, ...] = ()
    woken: tuple[str, ...] = ()
    if ended.status is RunStatus.COMPLETED:
        woken = tuple(other.job_id for other in graph.values() if _waits_for(job, other))
        part = _next_part(ended, job, now)
        if part is not None:
            decisions.append(part)
        if ended.refresh or job.definition.refresh is RefreshPolicy.ALWAYS:
            refreshed = tuple(other.job_id for other in downstream_of(job, graph))
    return After(tuple(decisions), refreshed, woken)


def _waits_for(job: JobFacts, other: JobFacts) -> bool:
    """Return whether a tick of another job waits for this one (FRS-09)."""
    return other.held_at is not None and job.definition.job_ref in upstream_refs(other.definition.freshness)


def _fired_by(ended: Ended, job: JobFacts, other: JobFacts) -> list[str]:
    """Return the triggers of `other` that this end fires: success on completed, fail on failed (FUP-02)."""
    event = {RunStatus.COMPLETED: "job.success", RunStatus.FAILED: "job.fail"}.get(ended.status)
    wanted = f"{event}:{job.definition.job_ref}"
    return [trigger for trigger in other.definition.triggers if trigger == wanted]


def _decide_follow_up(ended: Ended, job: JobFacts, other: JobFacts, trigger: str) -> Decision:
    words = in_words(parse_trigger(trigger))
    event = Event(f"{trigger}@{ended.run_id}", f"{words[0].upper()}{words[1:]}.", ended.run_id)
    return plan_event(
        other, trigger, event, facts={"upstream": job.definition.job_ref, "upstream_run": ended.run_id}
    )


def _next_part(ended: Ended, job: JobFacts, now: int) -> Decision | None:
    """Return the run of the next part of a backlog that is worked off in parts, if one is left (IVL-13)."""
    if ended.window is None or ended.window.is_empty or job.archived or job.paused:
        return None
    # `remaining` and not just any gap: what has passed since the last tick is no part yet.
    if not remaining(job.schedule, job.range, job.done_until, now):
        return None
    if any(_has_window(job, trigger) for trigger in job.waiting):
        return None
    if _next_gap(job, now) is None:
        return None
    run = NewRun(
        ended.trigger,
        f"{ended.trigger}@after:{ended.run_id}",
        None,
        previous_run_id=ended.run_id,
    )

    def decided(outcome: Outcome, because: str, **more: Any) -> Decision:
        facts = {"previous_run": ended.run_id, "done_until": _iso(job.done_until)}
        return Decision(job.job_id, ended.trigger, outcome, because, facts=facts, **more)

    return _created(decided, job, run, "The backlog has another part; the oldest goes first.")


# Windows --------------------------------------------------------------------------------------------------


def plan_claim(
    job: JobFacts,
    trigger: str,
    *,
    asked_refresh: bool,
    fired_at: int,
    now: int,
    exact: Window | None = None,
) -> Started | None:
    """Return what a run becomes that leaves the queue now; None if it has to wait for another run's window.

    A refresh is pending until one completes: if this run fails, the next one is a refresh again (RFR-05). It starts
    over once nothing that began before it works on time that is to be loaded anew. A run of an
    `exact` window is no refresh, whatever is pending, for it covers a part alone (IVL-14).
    """
    if exact is not None:
        is_taken = any(exact.overlaps(window) for window in job.working_on)
        # What fulfils no refresh that is pending is none, be it the first run that completes.
        is_first = job.completed_at is None and not job.refresh_pending
        return None if is_taken else Started(job, exact, refresh=is_first)
    refresh = is_refresh(job, asked=asked_refresh)
    # Beside a refresh under way another one works on: starting over with each, runs that overlap would never end it.
    starts_over = refresh and (asked_refresh or not job.refreshing)
    if starts_over and job.working_on:
        return None
    job = job.starting_over() if starts_over else job
    return Started(job, window_at_start(job, trigger, fired_at, now), refresh, starts_over)


def window_at_start(job: JobFacts, trigger: str, fired_at: int, now: int) -> Window:
    """Return the part of time that a run covers, decided at the moment it leaves the queue.

    Shape: half-open, possibly a point. It never overlaps a window that is covered or that another active run works
    on. A run without a window of its own gets the point at which its trigger fired (IVL-11); a run that finds
    nothing left to do gets the point up to which its job is done (IVL-09).
    Source: IVL-02..04, IVL-09..11, IVL-13.
    """
    if not _has_window(job, trigger):
        return Window(fired_at, fired_at)
    gap = _next_gap(job, now)
    if gap is not None:
        return gap
    at = job.done_until if job.done_until is not None else fired_at
    return Window(at, at)


def _next_gap(job: JobFacts, now: int) -> Window | None:
    """Return the oldest window that is neither covered nor being worked on; None if there is none."""
    start = job.done_until
    taken = sorted([*job.covered, *job.working_on], key=lambda window: window.start)
    schedule = job.schedule
    assert schedule is not None, "only a schedule cuts time into windows"
    while True:
        window = run_window(schedule, job.range, done_until=start, now=now)
        if window is None or window.is_empty:
            return None
        in_the_way = next((other for other in taken if other.overlaps(window)), None)
        if in_the_way is None:
            return window
        if in_the_way.start > window.start:
            return Window(window.start, in_the_way.start)
        start = in_the_way.end


def _is_manual(trigger: str) -> bool:
    return parse_trigger(trigger).type is TriggerType.MANUAL


def _has_window(job: JobFacts, trigger: str) -> bool:
    """Return whether runs of this trigger cover a part of time rather than a point (IVL-09..11)."""
    if job.schedule is None:
        return False
    kind = parse_trigger(trigger).type
    if kind in (TriggerType.SCHEDULE, TriggerType.EVERY, TriggerType.MANUAL, TriggerType.PIPELINE_NAME):
        return True
    return kind is not TriggerType.ONCE and job.definition.interval is not None


# Shared ---------------------------------------------------------------------------------------------------


def _created(decided: Any, job: JobFacts, run: NewRun, why: str) -> Decision:
    """Return the decision that creates `run`, noting when it has to wait for a slot (TRG-19).

    Only the job's own slots are known here; whether the server and the workspace have room shows when it is claimed.
    """
    if job.has_free_slot:
        fired: Decision = decided(Outcome.FIRED, why, run=run)
        return fired
    ahead = f"behind {job.waiting_count} other {'run' if job.waiting_count == 1 else 'runs'}"
    waits = f"it waits {ahead}." if job.waiting_count else "the run waits."
    taken = f"{job.active_count} of {job.definition.concurrency} slots are taken; {waits}"
    busy = taken if job.active_count else f"{waits[0].upper()}{waits[1:]}"
    limited: Decision = decided(Outcome.LIMITED, f"{why} {busy}", run=run)
    return replace(limited, facts={**limited.facts, "limited_by": "job"})


def is_refresh(job: JobFacts, *, asked: bool) -> bool:
    """Return whether a run that starts now is a refresh: asked for, signalled, or nothing ever completed.

    Decided at the start, as the window is: of two first runs, the second may find that the first has completed.
    Source: RFR-05, RFR-06, RFR-08.
    """
    return asked or job.refresh_pending or job.completed_at is None


def _iso(instant: int | None) -> str | None:
    return None if instant is None else to_datetime(instant).isoformat().replace("+00:00", "Z")
