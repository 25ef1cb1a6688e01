"""What is going to happen, if nobody changes anything: the planner's own answers for times that are yet to come.

A preview has no rules of its own. It walks from one instant at which something happens to the next, asks `planning`
there what the scheduler and the executor would ask it, and moves the facts of the jobs as the store would. Two things
it has to assume: that every run takes the time that is usual for its job, and that it completes. So no preview can
list other ticks, windows or follow-ups than those that come (TZ-07).

Pure: the facts and `now` come in, from `store.facts` and `store.forecast`. How it looks is up to who shows it.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from runyard.core.clock import MICROSECONDS
from runyard.core.facts import JobFacts
from runyard.core.intervals import Cron, Window, upcoming
from runyard.core.jobs import JobDefinition, RefreshPolicy, upstream_refs
from runyard.core.outcomes import UPCOMING, USUAL_SECONDS
from runyard.core.planning import Decision, Ended, due_again, plan, plan_after, plan_claim
from runyard.core.refresh import upstreams_of
from runyard.core.runs import RunStatus
from runyard.core.ticks import ClockChange, clock_changes, next_tick, skipped_times
from runyard.core.triggers import TIMED, TriggerType, parse_trigger

FIRINGS_MAX = 10_000
"""Decisions of one preview: a job of every five minutes makes 8,640 in 30 days, and these take about a second."""


@dataclass(slots=True)
class ForeseenRun:
    """A run that is open now or is going to be. What it does not know yet is None.

    `due_at` is the tick it stands for, or when it came to be. It left the queue at `begun_at`, and for its present
    attempt at `claimed_at`. A window that somebody asked for is `exact` and known from the start. An app ends when
    somebody stops it, so never here.
    """

    run_id: str
    job_id: str
    trigger: str
    due_at: int
    created_at: int
    refresh: bool = False
    exact: bool = False
    begun_at: int | None = None
    claimed_at: int | None = None
    window: Window | None = None
    ends_at: int | None = None


@dataclass(frozen=True, slots=True)
class Firing:
    """A decision that is going to be made at `at`, and the run that it creates or joins."""

    at: int
    decision: Decision
    run: ForeseenRun | None = None
    clock_change: ClockChange | None = None
    """The change of the job's clocks since its tick before this one."""
    skipped: tuple[str, ...] = ()
    """Times of day that the trigger names and that clocks skip there; this tick stands for them (TZ-03)."""


@dataclass(frozen=True, slots=True)
class Situation:
    """Jobs at one moment, archived ones left out.

    `jobs` are by ref, `open_runs` oldest first, `seconds` is how long a run of a job takes, by id. `active_max` is how
    many batch runs may be active at once, None: any number; other workspaces are taken to be idle (EXE-07).
    """

    now: int
    jobs: Mapping[str, JobFacts]
    open_runs: tuple[ForeseenRun, ...] = ()
    seconds: Mapping[str, float] = field(default_factory=dict)
    refresh_asked_at: Mapping[str, int] = field(default_factory=dict)
    """When the refresh was asked for that is pending, by id of the job."""
    active_max: int | None = None


@dataclass(frozen=True, slots=True)
class Preview:
    """What happens from `now` to `until`, in order. With `is_cut` there was more than fits, and `until` is earlier."""

    now: int
    until: int
    firings: tuple[Firing, ...]
    runs: tuple[ForeseenRun, ...]
    is_cut: bool = False


@dataclass(frozen=True, slots=True)
class Tick:
    """An instant at which a timed trigger fires."""

    at: int
    trigger: str
    clock_change: ClockChange | None = None
    skipped: tuple[str, ...] = ()


def next_ticks(definition: JobDefinition, *, now: int, count: int = UPCOMING) -> list[Tick]:
    """Return the next firing times of a job that is deployed now, from its definition alone.

    Source: TRG-22, TZ-07.
    """
    job = JobFacts(job_id="", workspace_id="", definition=definition, anchor_at=now)
    found = sorted(
        (at, trigger)
        for trigger, schedule in job.timed
        for at in upcoming(schedule, anchor=now, now=now, count=count)
    )[:count]
    moved = _moved([job], now, found[-1][0]) if found else {}
    return [Tick(at, trigger, *moved.get((job.job_id, trigger, at), ())) for at, trigger in found]


def upstream_of(refs: Iterable[str], jobs: Mapping[str, JobFacts]) -> dict[str, JobFacts]:
    """Return jobs and all that may decide about them: what they follow or are gated by, directly or not.

    Of a job that nothing can start by itself, nothing does: its page asks again at each change and must not live
    through a year of its gates. On the way to another job it counts, for a refresh travels through it. Every run is
    taken to complete, so none follows one that failed.
    """
    asked = set(refs)
    found: dict[str, JobFacts] = {}
    queue = deque(asked)
    while queue:
        each = queue.popleft()
        if each in jobs and each not in found:
            found[each] = jobs[each]
            if each not in asked or _starts_itself(jobs[each]):
                queue.extend(upstreams_of(jobs[each]))
    return found


def _starts_itself(job: JobFacts) -> bool:
    kinds = (parse_trigger(trigger).type for trigger in job.definition.triggers)
    return any(kind in TIMED or kind == TriggerType.JOB_SUCCESS for kind in kinds)


def preview(
    situation: Situation,
    until: int,
    *,
    of_job: str | None = None,
    count: int | None = None,
    limit: int = FIRINGS_MAX,
) -> Preview:
    """Return what happens up to `until`; of one job, given by id, its next `count` firings alone.

    Source: TZ-07, CLI-38.
    """
    if of_job is not None:
        refs = [ref for ref, job in situation.jobs.items() if job.job_id == of_job]
        situation = replace(situation, jobs=upstream_of(refs, situation.jobs))
    world = _World(situation)
    shown: list[Firing] = []
    made = 0
    is_cut = False
    while (at := world.next_at()) is not None and at <= until:
        firings = world.step(at)
        made += len(firings)
        shown += [firing for firing in firings if of_job in (None, firing.decision.job_id)]
        if count is not None and sum(map(_is_settled, shown[:count])) == count:
            break
        if made >= limit:
            until, is_cut = at, True
            break
    moved = _moved(situation.jobs.values(), situation.now, until)
    return Preview(
        situation.now,
        until,
        tuple(_noted(firing, moved) for firing in shown[:count]),
        tuple(run for run in world.runs if of_job in (None, run.job_id)),
        is_cut,
    )


class _World:
    """The jobs of a situation as they will be, moved on from instant to instant."""

    def __init__(self, situation: Situation) -> None:
        self._now = situation.now
        self._jobs = {job.job_id: job for job in situation.jobs.values()}
        self._ids = {ref: job.job_id for ref, job in situation.jobs.items()}
        self._seconds, self._active_max = situation.seconds, situation.active_max
        self._downstream: dict[str, list[str]] = {}
        for ref, job in situation.jobs.items():
            for upstream in upstreams_of(job):
                self._downstream.setdefault(upstream, []).append(ref)
        # Kept in order of time; an entry that its job or run no longer agrees with is passed over.
        self._due = [
            (job.next_due_at, job.job_id) for job in self._jobs.values() if job.next_due_at is not None
        ]
        heapq.heapify(self._due)
        self._ends: list[tuple[int, int, str]] = []
        self._asked_refresh = dict(situation.refresh_asked_at)
        self.runs: list[ForeseenRun] = []
        self._waiting: list[ForeseenRun] = []
        self._by_id: dict[str, ForeseenRun] = {}
        self._claims = 0
        for run in situation.open_runs:
            if run.job_id in self._jobs:
                self._take_in(replace(run))
        self._claim(situation.now)

    def _take_in(self, run: ForeseenRun) -> None:
        self.runs.append(run)
        self._by_id[run.run_id] = run
        if run.claimed_at is None:
            self._waiting.append(run)
        else:
            self._foresee_end(run)

    def next_at(self) -> int | None:
        """Return when something happens next, None if nothing does."""
        while self._due and self._jobs[self._due[0][1]].next_due_at != self._due[0][0]:
            heapq.heappop(self._due)
        heads = [*(due for due, _ in self._due[:1]), *(end for end, _, _ in self._ends[:1])]
        # What is overdue is done first thing.
        return max(min(heads), self._now) if heads else None

    def step(self, at: int) -> list[Firing]:
        """Do all that happens at an instant, as the loops do it: runs end, ticks are decided, runs start."""
        self._now = at
        firings: list[Firing] = []
        while self._ends and self._ends[0][0] <= at:
            firings += self._end(self._by_id[heapq.heappop(self._ends)[2]], at)
        # Each once: a job that was woken before its time is entered for that time a second time.
        due: dict[str, None] = {}
        while self._due and self._due[0][0] <= at:
            due_at, job_id = heapq.heappop(self._due)
            if self._jobs[job_id].next_due_at == due_at:
                due[job_id] = None
        firings += self._plan(due, at)
        self._claim(at)
        return firings

    def _plan(self, job_ids: Iterable[str], at: int) -> list[Firing]:
        due = [self._jobs[job_id] for job_id in job_ids]
        gates = {ref for job in due for ref in upstream_refs(job.definition.freshness)}
        upstreams = {ref: self._jobs[self._ids[ref]] for ref in gates if ref in self._ids}
        planned = plan(due, upstreams, at)
        firings = [self._enact(decision, at) for decision in planned.decisions]
        for job_id, next_due_at in planned.next_due_at.items():
            job = self._jobs[job_id]
            held_at, seen_until = planned.held_at.get(job_id), planned.seen_until.get(job_id)
            self._set_due(replace(job, held_at=held_at, seen_until=seen_until), next_due_at)
        return firings

    def _set_due(self, job: JobFacts, at: int | None) -> None:
        self._jobs[job.job_id] = replace(job, next_due_at=at)
        if at is not None:
            heapq.heappush(self._due, (at, job.job_id))

    def _enact(self, decision: Decision, at: int) -> Firing:
        """Do what `enacting` writes down."""
        run = None if decision.joins is None else self._by_id[decision.joins]
        if decision.run is not None:
            new = decision.run
            run = ForeseenRun(
                f"next-{len(self.runs)}",
                decision.job_id,
                new.trigger,
                at if new.tick_at is None else new.tick_at,
                at,
                new.refresh,
            )
            self._take_in(run)
            job = self._jobs[decision.job_id]
            self._jobs[decision.job_id] = job.with_waiting(run.trigger, run.run_id)
        return Firing(at, decision, run)

    def _claim(self, at: int) -> None:
        """Do what the executor does with runs that wait, in the order they were due."""
        left = []
        blocked: set[str] = set()
        for run in sorted(self._waiting, key=lambda run: run.due_at):
            job = self._jobs[run.job_id]
            if run.job_id in blocked or not self._has_room(job):
                left.append(run)
                continue
            started = plan_claim(
                job,
                run.trigger,
                asked_refresh=run.refresh,
                fired_at=run.due_at,
                now=at,
                exact=run.window if run.exact else None,
            )
            if started is None:
                left.append(run)
                if not run.exact:
                    blocked.add(run.job_id)
                continue
            if started.starts_over:
                self._start_over(job, at)
            run.refresh, run.window = started.refresh, started.window
            run.begun_at = run.claimed_at = at
            active = started.job.with_active(started.window, refresh=started.refresh)
            self._jobs[run.job_id] = replace(active, next_due_at=self._jobs[run.job_id].next_due_at)
            self._foresee_end(run)
        if len(left) < len(self._waiting):
            started_of = {run.job_id for run in self._waiting}
            self._waiting = left
            self._note_waiting(started_of)

    def _has_room(self, job: JobFacts) -> bool:
        limit = job.definition.concurrency
        if limit is not None and job.active_count >= limit:
            return False
        if self._active_max is None or not job.definition.is_batch:
            return True
        # An end is known for each batch run that is active, and for nothing else.
        return len(self._ends) < self._active_max

    def _note_waiting(self, job_ids: set[str]) -> None:
        """Let each of these jobs know again which run of each trigger waits longest."""
        waiting: dict[str, dict[str, str]] = {job_id: {} for job_id in job_ids}
        for run in self._waiting:
            if run.job_id in waiting and not run.exact:
                waiting[run.job_id].setdefault(run.trigger, run.run_id)
        for job_id, by_trigger in waiting.items():
            self._jobs[job_id] = replace(self._jobs[job_id], waiting=by_trigger)

    def _foresee_end(self, run: ForeseenRun) -> None:
        assert run.claimed_at is not None, "what waits has no end yet"
        if self._jobs[run.job_id].definition.is_batch:
            seconds = self._seconds.get(run.job_id, USUAL_SECONDS)
            run.ends_at = max(run.claimed_at + round(seconds * MICROSECONDS), self._now)
            # Of those that end at one instant, the one that was claimed first is first.
            self._claims += 1
            heapq.heappush(self._ends, (run.ends_at, self._claims, run.run_id))

    def _end(self, run: ForeseenRun, at: int) -> list[Firing]:
        """Do what `settling` does with a run that completes."""
        job = self._jobs[run.job_id].with_ended(run.window)
        # A refresh fulfils what was asked before it left the queue, not what came since.
        asked_at = self._asked_refresh.get(job.job_id)
        fulfils = run.refresh and (asked_at is None or run.begun_at is None or asked_at <= run.begun_at)
        job = job.with_completed(run.window, refresh=fulfils, now=at, exact=run.exact)
        self._jobs[job.job_id] = job
        travels = run.refresh or job.definition.refresh is RefreshPolicy.ALWAYS
        window = None if run.exact else run.window
        ended = Ended(run.run_id, run.trigger, RunStatus.COMPLETED, run.refresh, window)
        after = plan_after(ended, job, self._graph(job.definition.job_ref, transitive=travels), at)
        for job_id in after.refreshed:
            self._start_over(self._jobs[job_id], at)
        for job_id in after.woken:
            self._set_due(self._jobs[job_id], at)
        return [self._enact(decision, at) for decision in after.decisions]

    def _start_over(self, job: JobFacts, at: int) -> None:
        self._asked_refresh[job.job_id] = at
        self._jobs[job.job_id] = job.starting_over()
        if job.next_due_at is None and not job.archived:
            self._set_due(self._jobs[job.job_id], due_again(job, at))

    def _graph(self, ref: str, *, transitive: bool) -> dict[str, JobFacts]:
        """Return the jobs that follow a job or are gated by it, by ref."""
        reached: dict[str, JobFacts] = {}
        queue = deque([ref])
        while queue:
            for other in self._downstream.get(queue.popleft(), ()):
                if other not in reached:
                    reached[other] = self._jobs[self._ids[other]]
                    if transitive:
                        queue.append(other)
        return reached


Moved = Mapping[tuple[str, str, int], tuple[ClockChange, tuple[str, ...]]]
"""By job, trigger and tick: the clock change just before the tick, and the times of day it stands for."""


def _moved(jobs: Iterable[JobFacts], start: int, end: int) -> Moved:
    """Return the first tick after each change of clocks, for every cron trigger."""
    changes: dict[str, list[ClockChange]] = {}
    moved: dict[tuple[str, str, int], tuple[ClockChange, tuple[str, ...]]] = {}
    for job in jobs:
        for trigger, schedule in job.timed:
            if not isinstance(schedule, Cron):
                continue
            zone = schedule.timezone
            if zone not in changes:
                changes[zone] = clock_changes(zone, start, end)
            for change in changes[zone]:
                tick = next_tick(schedule.expr, zone, change.at - 1)
                skipped = tuple(skipped_times(schedule.expr, zone, change))
                moved[job.job_id, trigger, tick] = (change, skipped)
    return moved


def _is_settled(firing: Firing) -> bool:
    """Return whether nothing will be added to a firing: what its run covers is known once that leaves the queue."""
    return firing.run is None or firing.run.claimed_at is not None


def _noted(firing: Firing, moved: Moved) -> Firing:
    decision = firing.decision
    if decision.tick_at is None:
        return firing
    change, skipped = moved.get((decision.job_id, decision.trigger, decision.tick_at), (None, ()))
    return replace(firing, clock_change=change, skipped=skipped)
