"""What must hold after every step of the simulated world: each a small function that says what is wrong, or nothing.

Those of `EACH_CHANGE` look at one committed change when it has just been entered in the books, those of `EACH_STEP` at
all that a step committed together. They know the specification and none of the code that decides.
"""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

from tests.simulation.books import Books, Change, Log, Row, tick_after
from tests.simulation.machine import Machine, Process

from runyard.core.clock import MICROSECONDS, from_datetime, to_datetime
from runyard.core.engines import AttemptId, AttemptState
from runyard.core.intervals import Cron, Every, Once, Schedule
from runyard.core.runs import ACTIVE, TERMINAL, TRANSITIONS, RunStatus
from runyard.core.store.queue import NO_LIMITS, Limits

Complaints = Iterable[str]

CREATING = ("fired", "limited")
"""Outcomes that create a run."""

WAITING = "waiting"
"""The outcome of a tick about which there will be another decision."""


class Watch:
    """Reads what was committed and says what is wrong. Keeps what the rows do not: how far ticks are counted."""

    def __init__(self, connection: sqlite3.Connection, machine: Machine, limits: Limits) -> None:
        self.books = Books()
        self.machine, self.limits = machine, limits
        self.outcomes: Counter[str] = Counter()
        self.counted: dict[tuple[str, str], int] = {}
        """By job and timed trigger: up to here every tick has its decision."""
        self.held: dict[tuple[str, str], int] = {}
        """By job and timed trigger: the tick that waits for its upstreams."""
        self.timed: dict[str, object] = {}
        """By job: the timed triggers it was last planned with."""
        self.causes: set[tuple[str, str]] = set()
        self.seen = 0
        """How many changes were looked at, which says what came before what also where the clock is set back."""
        self.claimed: dict[str, int] = {}
        """By run: when it was claimed first, in changes."""
        self.started_over: dict[str, int] = {}
        """By job: when it last forgot what it had covered, in changes."""
        self.now = 0
        self._log = Log(connection)

    def read(self, now: int, say: Callable[[str], None]) -> list[str]:
        """Read what the last step committed, and return what is wrong with it."""
        self.now = now
        step = self._log.read()
        complaints: list[str] = []
        for change in step:
            self.seen += 1
            self.books.enter(change)
            self._say(change, say)
            for holds in EACH_CHANGE.get(change.table, ()):
                complaints += holds(self, change) or ()
        for holds_together in EACH_STEP:
            complaints += holds_together(self, step)
        return complaints

    def look_around(self) -> list[str]:
        """Return what is wrong with what runs, whether something was committed or not."""
        return list(_processes_belong_to_active_runs(self))

    def name_of(self, run_id: str) -> str:
        run = self.books.runs[run_id]
        return f"{self.books.jobs[run['job_id']]['job_ref']}#{run['number']}"

    def runs_that_are(self, statuses: Iterable[RunStatus]) -> list[str]:
        """Return the ids of the runs in these statuses."""
        return [
            run_id
            for runs in self.books.open_of.values()
            for run_id, run in runs.items()
            if run["status"] in statuses
        ]

    def after_recovery(self) -> list[str]:
        """Return what is wrong once a server that was started had time to find what it lost."""
        return list(_active_runs_have_live_processes(self))

    def at_rest(self, now: int) -> list[str]:
        """Return what is wrong when nothing has failed for a while and time has come for everything."""
        return [
            *_nothing_is_overdue(self, now),
            *_what_waits_has_no_slot(self),
            *_active_runs_have_live_processes(self),
        ]

    def at_the_end(self) -> list[str]:
        """Return what is wrong when nothing is deployed any more and everything had time to end."""
        complaints = [f"{self.name_of(each)} never ended" for each in self.runs_that_are(set(RunStatus))]
        complaints += [f"row without what it refers to: {row}" for row in self._log.broken_references()]
        return complaints + list(_numbers_are_dense(self))

    def close(self) -> None:
        self._log.close()

    def _say(self, change: Change, say: Callable[[str], None]) -> None:
        new = change.new
        if new is None:
            return
        if change.table == "runs" and change.moved("status"):
            window = (
                f" {_time(new['interval_start'])}..{_time(new['interval_end'])}"
                if new["status"] == "starting"
                else ""
            )
            refresh = " refresh" if new["refresh"] and window else ""
            say(
                f"  {self.name_of(new['id'])} {new['status']} {new['reason'] or ''}{window}{refresh} ({new['trigger']})"
            )
        elif change.table == "decisions":
            self.outcomes[new["outcome"]] += 1
            name = self.books.jobs[new["job_id"]]["job_ref"]
            say(f"  {name} {new['trigger']} {new['outcome']} {_time(new['tick_at'])}")
        elif change.table == "job_state" and (change.moved("next_due_at") or change.moved("done_until")):
            say(
                f"  {self.books.jobs[new['job_id']]['job_ref'] if new['job_id'] in self.books.jobs else 'new'} "
                f"due {_time(new['next_due_at'])} done until {_time(new['done_until'])}"
            )


# Runs -----------------------------------------------------------------------------------------------------


def _moves_are_in_the_table(watch: Watch, change: Change) -> Complaints:
    """A run begins as pending and moves only where the table says; a terminal one never changes again (SCH-10)."""
    old, new = change.old, change.new
    assert new is not None, "no run is ever deleted"
    if old is None:
        if new["status"] != "pending":
            yield f"{watch.name_of(new['id'])} begins as {new['status']}"
        return
    if old["status"] in TERMINAL:
        yield f"{watch.name_of(new['id'])} has ended and still changed"
    elif change.moved("status") and new["status"] not in TRANSITIONS[old["status"]]:
        yield f"{watch.name_of(new['id'])} went from {old['status']} to {new['status']}"


def _ends_have_reasons(watch: Watch, change: Change) -> Complaints:
    """A run that has ended says why and when, and one that has not says neither."""
    run = change.new
    assert run is not None
    ended = run["status"] in TERMINAL
    if ended != (run["reason"] is not None) or ended != (run["finished_at"] is not None):
        yield f"{watch.name_of(run['id'])} is {run['status']} for the reason {run['reason']}"


def _numbers_go_up_by_one(watch: Watch, change: Change) -> Complaints:
    """Run numbers of a job are dense and go up (SCH-11)."""
    if change.old is None and change.new is not None:
        before = len(watch.books.runs_of[change.new["job_id"]]) - 1
        if change.new["number"] != before + 1:
            yield f"{watch.name_of(change.new['id'])} comes after {before} runs"


def _causes_are_unique(watch: Watch, change: Change) -> Complaints:
    """The same tick or event never makes two runs of a job (TRG-18)."""
    if change.old is None and change.new is not None:
        cause = (change.new["job_id"], change.new["cause"])
        if cause in watch.causes:
            yield f"{watch.name_of(change.new['id'])} has the cause of another run: {cause[1]}"
        watch.causes.add(cause)


def _one_tick_waits(watch: Watch, change: Change) -> Complaints:
    """Of the ticks of one trigger at most one waits as a run (TRG-19, SCH-06)."""
    new = change.new
    if change.old is None and new is not None and new["tick_at"] is not None:
        waiting = [
            run
            for run in watch.books.open_of[new["job_id"]].values()
            if not run["attempt"] and run["trigger"] == new["trigger"] and run["id"] != new["id"]
        ]
        if waiting:
            yield f"{watch.name_of(new['id'])} waits beside {watch.name_of(waiting[0]['id'])}"


def _is_claim(change: Change) -> bool:
    return change.new is not None and change.moved("status") and change.new["status"] == "starting"


def _is_first_claim(change: Change) -> bool:
    return _is_claim(change) and change.new is not None and change.new["attempt"] == 1


def _claims_stay_within_limits(watch: Watch, change: Change) -> Complaints:
    """No run takes a slot that its job does not have; what is tried again has kept its own (EXE-05)."""
    if _is_first_claim(change):
        assert change.new is not None
        job = watch.books.jobs[change.new["job_id"]]
        active = len(watch.books.active(job["id"]))
        if job["concurrency"] is not None and active > job["concurrency"]:
            yield f"{watch.name_of(change.new['id'])} is one of {active} active runs"


def _claims_stay_within_the_limits_of_the_server(watch: Watch, change: Change) -> Complaints:
    """No more runs are active than the server and the workspace allow (EXE-07)."""
    if _is_claim(change) and not _is_within(watch):
        yield f"{watch.name_of(change.new['id']) if change.new else ''} goes beyond {watch.limits}"


def _is_within(watch: Watch, *, one_more: bool = False) -> bool:
    """Return whether as many runs are active as may be, or one more. There is one workspace, so limits count alike."""
    active = len(watch.runs_that_are(ACTIVE)) + one_more
    return all(most is None or active <= most for most in (watch.limits.server, watch.limits.workspace))


def _cancelled_runs_never_start(watch: Watch, change: Change) -> Complaints:
    """A run that somebody wanted stopped while it waited is not started (RUN-13)."""
    if _is_claim(change):
        assert change.new is not None
        if change.new["stop_requested_at"] is not None:
            yield f"{watch.name_of(change.new['id'])} was started after it was cancelled"


def _attempts_count_up(watch: Watch, change: Change) -> Complaints:
    """Each claim is the next attempt, and nothing else is (SCH-05)."""
    if change.new is not None and change.old is not None:
        step = 1 if _is_claim(change) else 0
        if change.new["attempt"] != change.old["attempt"] + step:
            yield f"{watch.name_of(change.new['id'])} went to attempt {change.new['attempt']}"


def _refreshes_are_claimed(watch: Watch, change: Change) -> Complaints:
    """A run is a refresh if it was asked for, signalled, or if nothing ever completed (RFR-05, 06, 08)."""
    if _is_first_claim(change):
        assert change.new is not None
        assert change.old is not None
        state = watch.books.state[change.new["job_id"]]
        due = state["refresh_requested_at"] is not None or state["completed_at"] is None
        if bool(change.new["refresh"]) != bool(change.old["refresh"] or due):
            yield f"{watch.name_of(change.new['id'])} starts with refresh {change.new['refresh']}"


def _refreshes_begin_alone(watch: Watch, change: Change) -> Complaints:
    """What began before a refresh has ended when it starts, or its time would count as loaded anew (RFR-05)."""
    if _is_first_claim(change) and change.new is not None and change.new["refresh"]:
        run_id = change.new["id"]
        others = [run for run in _at_work(watch, change.new["job_id"]) if run["id"] != run_id]
        if others and not any(run["refresh"] for run in others):
            yield f"{watch.name_of(run_id)} starts over beside {watch.name_of(others[0]['id'])}"


# Windows --------------------------------------------------------------------------------------------------


def _run_given_a_window(change: Change) -> Row | None:
    """Return the run that a change gives a part of time to cover, and not just a point."""
    run = change.new
    is_given = _is_first_claim(change) and run is not None and run["interval_start"] != run["interval_end"]
    return run if is_given else None


def _windows_are_disjoint(watch: Watch, change: Change) -> Complaints:
    """No window overlaps one that is covered or being worked on (IVL-04)."""
    run = _run_given_a_window(change)
    if run is None:
        return
    for start, end in _taken(watch.books, run["job_id"], but=run["id"]):
        if start < run["interval_end"] and run["interval_start"] < end:
            yield f"{watch.name_of(run['id'])} overlaps {_time(start)}..{_time(end)}"


def _windows_leave_nothing_out(watch: Watch, change: Change) -> Complaints:
    """A window begins where what is covered or worked on ends, or where the range begins (IVL-03, 04, 13)."""
    run = _run_given_a_window(change)
    if run is None:
        return
    declared = watch.books.range(run["job_id"])
    at = watch.books.state[run["job_id"]]["done_until"]
    if at is None and declared is None:
        return
    if declared is not None:
        at = declared.start if at is None else max(at, declared.start)
        if declared.end is not None and run["interval_end"] > declared.end:
            yield f"{watch.name_of(run['id'])} goes beyond the range"
    for start, end in sorted(_taken(watch.books, run["job_id"], but=run["id"])):
        if start <= at < end:
            at = end
    if run["interval_start"] != at:
        yield f"{watch.name_of(run['id'])} begins at {_time(run['interval_start'])}, not at {_time(at)}"


def _retries_keep_what_they_began(watch: Watch, change: Change) -> Complaints:
    """A further attempt has the window of the first, is a refresh if that was, and comes when its time has (DEC-20)."""
    old, new = change.old, change.new
    if old is None or new is None or not old["attempt"]:
        return
    if any(change.moved(column) for column in ("interval_start", "interval_end", "refresh")):
        yield f"{watch.name_of(new['id'])} has another window than at its first attempt"
    if _is_claim(change) and change.at < old["due_at"]:
        yield f"{watch.name_of(new['id'])} was tried again before its time"


def _only_completed_runs_cover(watch: Watch, change: Change) -> Complaints:
    """What is covered is the window of a completed run (IVL-05)."""
    if change.new is None:
        return
    run = watch.books.runs[change.new["run_id"]]
    window = (run["interval_start"], run["interval_end"])
    if run["status"] != "completed" or window != (change.new["start_at"], change.new["end_at"]):
        yield f"{watch.name_of(run['id'])} covers what it did not complete"


def _claims_are_noted(watch: Watch, change: Change) -> Complaints:
    """Note when each run was claimed first; nothing can be wrong with that."""
    if change.new is not None and _is_first_claim(change):
        watch.claimed[change.new["id"]] = watch.seen
    return ()


def _refreshes_load_everything_anew(watch: Watch, change: Change) -> Complaints:
    """When a refresh completes, nothing counts as covered by a run that began before the job started over (RFR-05)."""
    new = change.new
    if new is None or not change.moved("refresh_requested_at"):
        return
    if new["refresh_requested_at"] is not None:
        watch.started_over[new["job_id"]] = watch.seen
        return
    for row in watch.books.covered_of[new["job_id"]].values():
        if watch.claimed[row["run_id"]] < watch.started_over[new["job_id"]]:
            yield f"{watch.name_of(row['run_id'])} began before the refresh and still covers {_time(row['start_at'])}"


def _what_began_before_a_refresh_covers_nothing_after_it(watch: Watch, change: Change) -> Complaints:
    """Once a refresh has completed, no run that began before the job started over adds to what is covered (RFR-05)."""
    new = change.new
    if new is None or watch.books.state[new["job_id"]]["refresh_requested_at"] is not None:
        return
    if watch.claimed[new["run_id"]] < watch.started_over.get(new["job_id"], 0):
        yield f"{watch.name_of(new['run_id'])} began before the refresh and covers {_time(new['start_at'])} after it"


def _covered_windows_are_disjoint(watch: Watch, change: Change) -> Complaints:
    """No part of time is covered twice."""
    new = change.new
    if new is not None:
        for other in watch.books.covered_of[new["job_id"]].values():
            if other["start_at"] != new["start_at"] and (
                other["start_at"] < new["end_at"] and new["start_at"] < other["end_at"]
            ):
                yield f"{watch.name_of(new['run_id'])} covers what {watch.name_of(other['run_id'])} has covered"


def _the_pointer_follows_what_is_covered(watch: Watch, change: Change) -> Complaints:
    """The pointer moves over what is covered without a gap, and back only for a refresh (IVL-05, IVL-06)."""
    old, new = change.old, change.new
    if old is None or new is None or not change.moved("done_until"):
        return
    before, after = old["done_until"], new["done_until"]
    if after is not None and not any(
        isinstance(each, Cron | Every) for _, each in watch.books.timed(new["job_id"])
    ):
        return  # without a schedule there are no windows to follow
    name = watch.books.jobs[new["job_id"]]["job_ref"]
    if after is None:
        if new["refresh_requested_at"] is None or watch.books.covered_of[new["job_id"]]:
            yield f"{name} forgot what it had covered"
        return
    covered = sorted(
        (row["start_at"], row["end_at"]) for row in watch.books.covered_of[new["job_id"]].values()
    )
    at = before
    if at is None:
        declared = watch.books.range(new["job_id"])
        at = covered[0][0] if declared is None and covered else declared.start if declared else None
    for start, end in covered:
        if at is not None and start <= at:
            at = max(at, end)
    if after != at:
        yield f"{name} is done until {_time(after)}, not until {_time(at)}"


def _taken(books: Books, job_id: str, *, but: str) -> Iterator[tuple[int, int]]:
    """Return the windows of a job that are covered or worked on, by others than one run."""
    for row in books.covered_of[job_id].values():
        yield row["start_at"], row["end_at"]
    for run in books.active(job_id):
        if run["id"] != but and run["interval_start"] < run["interval_end"]:
            yield run["interval_start"], run["interval_end"]


# Ticks ----------------------------------------------------------------------------------------------------


def _counting_starts_when_told(watch: Watch, change: Change) -> Complaints:
    """Note from when on ticks count: from a deploy of the trigger, or from when an exhausted job starts over."""
    old, new = change.old, change.new
    assert new is not None
    timed = watch.books.timed(new["job_id"])
    begins = old is None or change.moved("anchor_at") or timed != watch.timed.get(new["job_id"])
    watch.timed[new["job_id"]] = timed
    if begins or (old is not None and old["next_due_at"] is None and new["next_due_at"] is not None):
        for known in (watch.counted, watch.held):
            for key in [key for key in known if key[0] == new["job_id"]]:
                del known[key]
        watch.counted[new["job_id"], ""] = change.at
    return ()


def _ticks_are_decided_once(watch: Watch, step: Sequence[Change]) -> Complaints:
    """No tick is lost and none is decided twice: decisions follow each other without gap and without overlap."""
    decisions = [change.new for change in step if change.table == "decisions" and change.new is not None]
    # What one transaction decides about several ticks is written in any order.
    for decision in sorted(decisions, key=lambda each: (each["last_at"], each["tick_at"] or 0)):
        yield from _tick_is_decided_once(watch, decision)


def _tick_is_decided_once(watch: Watch, decision: Row) -> Complaints:
    job_id, trigger, tick = decision["job_id"], decision["trigger"], decision["tick_at"]
    if tick is None:
        return
    name = f"{watch.books.jobs[job_id]['job_ref']} {trigger}"
    state = watch.books.state[job_id]
    schedule = dict(watch.books.timed(job_id)).get(trigger)
    if schedule is None:
        yield f"{name} has a tick and is no trigger of the job"
        return
    counted = _counted(watch, job_id, trigger)
    first = _instant(json.loads(decision["facts"])["first_tick"])
    expected = tick_after(schedule, state["anchor_at"], counted)
    if decision["outcome"] == WAITING:
        # The decision that follows is about this tick again.
        watch.counted[job_id, trigger] = tick - 1
        watch.held[job_id, trigger] = tick
        if not (first <= counted + 1 or first == expected):
            yield f"{name}: {_time(first)} waits, but the first undecided tick is {_time(expected)}"
        return
    waits = watch.held.get((job_id, trigger))
    # A job notes only the first of its ticks that wait, so a later one is told with what came before it.
    if first != expected and (waits is None or first > waits):
        yield f"{name}: decided from {_time(first)} on, but the first undecided tick is {_time(expected)}"
    following = tick_after(schedule, state["anchor_at"], tick)
    # What came while a tick waited has a decision of its own after that one.
    goes_on = decision["outcome"] == "not_fresh" and watch.books.definition(job_id).freshness_wait_seconds
    if tick < first or (following is not None and following <= decision["last_at"] and not goes_on):
        yield f"{name}: decided up to {_time(tick)} at {_time(decision['last_at'])}"
    watch.counted[job_id, trigger] = tick
    watch.held.pop((job_id, trigger), None)
    if decision["outcome"] in CREATING and state["paused_at"] is not None:
        yield f"{name} fired though the job is paused"
    if watch.books.jobs[job_id]["archived_at"] is not None:
        yield f"{name} was decided though the job is archived"


def _gates_hold(watch: Watch, change: Change) -> Complaints:
    """No tick starts a run while an upstream never completed or has to be reloaded (FRS-06)."""
    decision = change.new
    assert decision is not None
    if decision["tick_at"] is None or decision["outcome"] not in CREATING:
        return
    by_ref = {row["job_ref"]: job_id for job_id, row in watch.books.jobs.items()}
    for gate in watch.books.definition(decision["job_id"]).freshness:
        state = watch.books.state[by_ref[gate.removeprefix("job.is_fresh:")]]
        if state["completed_at"] is None or state["refresh_requested_at"] is not None:
            yield f"{decision['trigger']} passed the gate {gate}"


def _due_is_the_next_tick(watch: Watch, step: Sequence[Change]) -> Complaints:
    """`next_due_at` is the first tick that is not decided, for a job that has any; so none can be passed over."""
    touched = {
        change.new["job_id"] for change in step if change.table == "job_state" and change.new is not None
    }
    for job_id in sorted(touched):
        job, state, due = (
            watch.books.jobs[job_id],
            watch.books.state[job_id],
            watch.books.state[job_id]["next_due_at"],
        )
        ticks = [
            _first_undecided(watch, job_id, trigger, schedule, due)
            for trigger, schedule in watch.books.timed(job_id)
        ]
        expected = min((tick for tick in ticks if tick is not None), default=None)
        declared = watch.books.range(job_id)
        exhausted = declared is not None and declared.is_complete(state["done_until"])
        if job["archived_at"] is not None:
            expected = None
        if state["held_at"] is not None and due is not None:
            # It looks at the tick that waits before the next one comes.
            following = (
                tick_after(
                    schedule,
                    state["anchor_at"],
                    watch.held.get((job_id, trigger), _counted(watch, job_id, trigger)),
                )
                for trigger, schedule in watch.books.timed(job_id)
            )
            expected = min([due, *(tick for tick in following if tick is not None)])
        if due != expected and not (due is None and exhausted):
            yield f"{job['job_ref']} is due {_time(due)}, but its next tick is {_time(expected)}"


def _first_undecided(
    watch: Watch, job_id: str, trigger: str, schedule: Schedule, due: int | None
) -> int | None:
    """Return the first tick that nothing was decided about.

    A tick that comes again, because the clock was set back or a trigger came back, has had its run: nothing is decided
    about it, nor about those before it that it would have stood for. A `once` that has had its run never comes again.
    """
    anchor = watch.books.state[job_id]["anchor_at"]
    first = tick = tick_after(schedule, anchor, _counted(watch, job_id, trigger))
    is_once = isinstance(schedule, Once)
    while tick is not None and (is_once or (tick <= watch.now and (due is None or tick < due))):
        following = tick_after(schedule, anchor, tick)
        if (job_id, f"{trigger}@{to_datetime(tick).isoformat().replace('+00:00', 'Z')}") in watch.causes:
            watch.counted[job_id, trigger] = tick
            first = following
        tick = following
    return first


def _counted(watch: Watch, job_id: str, trigger: str) -> int:
    return watch.counted.get((job_id, trigger), watch.counted[job_id, ""])


# What a run causes ----------------------------------------------------------------------------------------


def _ended(step: Sequence[Change], *, attempts: bool = False) -> list[Row]:
    """Return the runs that ended in a step, or also those of which an attempt did."""
    ends = {*TERMINAL, RunStatus.PENDING} if attempts else TERMINAL
    return [
        change.new
        for change in step
        if change.table == "runs"
        and change.old is not None
        and change.new is not None
        and change.moved("status")
        and change.new["status"] in ends
    ]


def _follow_ups_come_with_the_end(watch: Watch, step: Sequence[Change]) -> Complaints:
    """Each end is decided on by each job that follows, in the same transaction and once (FUP-01, 02, 04, 07)."""
    expected = Counter[tuple[str, str, str]]()
    for run in _ended(step):
        event = {"completed": "success", "failed": "fail"}.get(run["status"])
        ref = watch.books.jobs[run["job_id"]]["job_ref"]
        if event is not None:
            expected.update(
                (run["id"], job_id, trigger) for job_id, trigger in watch.books.followers(ref, event)
            )
    found = Counter[tuple[str, str, str]]()
    for change in step:
        if change.table == "decisions" and change.new is not None:
            upstream = json.loads(change.new["facts"]).get("upstream_run")
            if upstream is not None:
                found[upstream, change.new["job_id"], change.new["trigger"]] += 1
                if (
                    change.new["run_id"] is not None
                    and (change.new["run_id"], upstream) not in watch.books.tables["run_causes"]
                ):
                    yield f"{watch.name_of(change.new['run_id'])} does not name {watch.name_of(upstream)} as its cause"
    for run_id, job_id, trigger in sorted({*expected, *found}):
        key = (run_id, job_id, trigger)
        if expected[key] != found[key]:
            name = watch.books.jobs[job_id]["job_ref"]
            yield f"{name} has {found[key]} decisions about the end of {watch.name_of(run_id)}, not {expected[key]}"


def _refreshes_reach_what_is_downstream(watch: Watch, step: Sequence[Change]) -> Complaints:
    """A completed refresh makes exactly the jobs downstream start over, a claim of one its own job (RFR-02..05).

    A claim beside a refresh that is under way may also work on with it.
    """
    expected: set[str] = set()
    allowed: set[str] = set()
    for change in step:
        run = change.new
        if change.table != "runs" or run is None:
            continue
        if _is_first_claim(change) and run["refresh"]:
            began = [*watch.books.active(run["job_id"]), *_ended(step)]
            beside = any(
                each["refresh"]
                for each in began
                if each["job_id"] == run["job_id"] and each["id"] != run["id"]
            )
            (allowed if beside else expected).add(run["job_id"])
        if change.moved("status") and run["status"] == "completed":
            always = watch.books.definition(run["job_id"]).refresh == "always"
            if run["refresh"] or always:
                expected |= watch.books.downstream(watch.books.jobs[run["job_id"]]["job_ref"])
    told = {
        change.new["job_id"]
        for change in step
        if change.table == "job_state"
        and change.new is not None
        and change.old is not None
        and change.new["refresh_requested_at"] is not None
        and (change.moved("refresh_requested_at") or change.new["job_id"] in expected)
    }
    for job_id in sorted((expected - told) | (told - expected - allowed)):
        was = "was" if job_id in told else "was not"
        yield f"{watch.books.jobs[job_id]['job_ref']} {was} told to start over"


def _runs_have_their_decisions(watch: Watch, step: Sequence[Change]) -> Complaints:
    """Each run was decided, once, in the transaction that created it; `fired` says that a slot was free (SCH-08)."""
    decided = Counter[str]()
    for change in step:
        decision = change.new
        if change.table == "decisions" and decision is not None and decision["outcome"] in CREATING:
            decided[decision["run_id"]] += 1
    created = Counter(
        change.new["id"]
        for change in step
        if change.table == "runs" and change.old is None and change.new is not None
    )
    for run_id in sorted({*decided, *created}):
        if decided[run_id] != created[run_id]:
            yield f"{watch.name_of(run_id)} has {decided[run_id]} decisions that create it"


def _moves_are_remembered(_watch: Watch, step: Sequence[Change]) -> Complaints:
    """Each move of a run is a row of its history, and nothing else is."""
    moved = Counter(
        (change.new["id"], None if change.old is None else change.old["status"], change.new["status"])
        for change in step
        if change.table == "runs" and change.new is not None and change.moved("status")
    )
    noted = Counter(
        (change.new["run_id"], change.new["from_status"], change.new["to_status"])
        for change in step
        if change.table == "run_events" and change.new is not None
    )
    if moved != noted:
        yield f"moves and their history differ: {moved} and {noted}"


# The machine ----------------------------------------------------------------------------------------------


def _ends_are_true(watch: Watch, step: Sequence[Change]) -> Complaints:
    """A run ends as its process did, and not before it; nor is it tried again before (RUN-11, EXE-04, SCH-05)."""
    for run in _ended(step, attempts=True):
        process = watch.machine.processes.get(AttemptId(run["id"], run["attempt"]))
        if process is None:
            if run["status"] == "completed" or run["reason"] == "lost":
                yield f"{watch.name_of(run['id'])} is {run['status']}, {run['reason']}, and never ran"
        elif process.is_alive:
            yield f"{watch.name_of(run['id'])} has ended while its process is alive"
        elif run["status"] == "pending" and _truth(process)[0] != "failed":
            yield f"{watch.name_of(run['id'])} is tried again after it was {_truth(process)}"
        elif (
            run["status"] in TERMINAL
            and not _waited(step, run)
            and (run["status"], run["reason"]) != _truth(process)
        ):
            yield f"{watch.name_of(run['id'])} is {run['status']}, {run['reason']}; truly it is {_truth(process)}"


def _waited(step: Sequence[Change], run: Row) -> bool:
    """Return whether a run ended while it waited, so that no process had a say in it."""
    return any(
        change.table == "runs"
        and change.old is not None
        and change.new is run
        and change.old["status"] == "pending"
        for change in step
    )


def _truth(process: Process) -> tuple[str, str]:
    """Return how a run must end whose last process ended like this."""
    report = process.report
    if process.state is AttemptState.LOST or report is None:
        return "failed", "lost"
    if report.stop is not None:
        return ("failed", "timeout") if report.stop == "timeout" else ("cancelled", "user_cancel")
    if report.signal is not None:
        return "failed", "killed"
    if report.verdict is not None:
        return "cancelled", report.verdict
    reasons = {0: ("completed", "ok"), 1: ("failed", "exception")}
    return reasons.get(report.exit_code or 0, ("failed", "exit_code"))


def _processes_belong_to_active_runs(watch: Watch) -> Complaints:
    """Whatever runs belongs to a run that holds a slot, at its present attempt, and was told its window (EXE-08)."""
    for process in watch.machine.alive:
        run = watch.books.runs.get(process.attempt.run_id)
        if run is None or run["status"] not in ACTIVE or run["attempt"] != process.attempt.number:
            yield f"{process.attempt} runs though its run does not"
        elif _instant(process.told["interval_start"]) != run["interval_start"]:
            yield f"{process.attempt} was told another window"


def _active_runs_have_live_processes(watch: Watch) -> Complaints:
    """Nobody holds a slot for nothing (SCH-03)."""
    for run_id in watch.runs_that_are(ACTIVE):
        process = watch.machine.processes.get(AttemptId(run_id, watch.books.runs[run_id]["attempt"]))
        if process is None or not process.is_alive:
            yield f"{watch.name_of(run_id)} is {watch.books.runs[run_id]['status']} without a live process"


# When everything had its time -----------------------------------------------------------------------------


def _nothing_is_overdue(watch: Watch, now: int) -> Complaints:
    """Every tick that came at least a second ago is decided."""
    for job_id, state in watch.books.state.items():
        if state["next_due_at"] is not None and state["next_due_at"] <= now - MICROSECONDS:
            yield f"{watch.books.jobs[job_id]['job_ref']} has been due since {_time(state['next_due_at'])}"


def _what_waits_has_no_slot(watch: Watch) -> Complaints:
    """A run waits only while its job has no free slot, or the server none for it; for a second it may (FUP-06)."""
    if watch.limits != NO_LIMITS and not _is_within(watch, one_more=True):
        return
    for run_id in watch.runs_that_are({RunStatus.PENDING}):
        job = watch.books.jobs[watch.books.runs[run_id]["job_id"]]
        again = watch.books.runs[run_id]["attempt"] and watch.books.runs[run_id]["due_at"] > watch.now
        has_room = job["concurrency"] is None or len(watch.books.active(job["id"])) < job["concurrency"]
        is_new = watch.now - watch.books.runs[run_id]["created_at"] < MICROSECONDS
        if not again and not is_new and has_room and not _is_to_start_over(watch, job["id"]):
            yield f"{watch.name_of(run_id)} waits though a slot is free"


def _is_to_start_over(watch: Watch, job_id: str) -> bool:
    """Return whether a run of a job waits for what works on time that it loads anew (RFR-05)."""
    state = watch.books.state[job_id]
    wanted = any(run["refresh"] for run in watch.books.open_of[job_id].values() if not run["attempt"])
    is_due = state["refresh_requested_at"] is not None or state["completed_at"] is None
    return (wanted or is_due) and bool(_at_work(watch, job_id))


def _at_work(watch: Watch, job_id: str) -> list[Row]:
    """Return the active runs of a job that have a part of time to cover."""
    return [run for run in watch.books.active(job_id) if run["interval_start"] != run["interval_end"]]


def _numbers_are_dense(watch: Watch) -> Complaints:
    """A job counts as many runs as it has (SCH-11)."""
    for job_id, state in watch.books.state.items():
        if state["run_count"] != len(watch.books.runs_of[job_id]):
            yield f"{watch.books.jobs[job_id]['job_ref']} counts {state['run_count']} runs"


EACH_CHANGE: dict[str, Sequence[Callable[[Watch, Change], Complaints]]] = {
    "runs": (
        _moves_are_in_the_table,
        _ends_have_reasons,
        _numbers_go_up_by_one,
        _causes_are_unique,
        _one_tick_waits,
        _claims_stay_within_limits,
        _claims_stay_within_the_limits_of_the_server,
        _cancelled_runs_never_start,
        _attempts_count_up,
        _refreshes_are_claimed,
        _refreshes_begin_alone,
        _windows_are_disjoint,
        _windows_leave_nothing_out,
        _claims_are_noted,
        _retries_keep_what_they_began,
    ),
    "covered_windows": (
        _only_completed_runs_cover,
        _what_began_before_a_refresh_covers_nothing_after_it,
        _covered_windows_are_disjoint,
    ),
    "job_state": (
        _the_pointer_follows_what_is_covered,
        _refreshes_load_everything_anew,
        _counting_starts_when_told,
    ),
    "decisions": (_gates_hold,),
}
"""By table, what must hold of each change of it."""

EACH_STEP: Sequence[Callable[[Watch, Sequence[Change]], Complaints]] = (
    _ticks_are_decided_once,
    _due_is_the_next_tick,
    _follow_ups_come_with_the_end,
    _refreshes_reach_what_is_downstream,
    _runs_have_their_decisions,
    _moves_are_remembered,
    _ends_are_true,
)
"""What must hold of everything that a step committed."""


def _instant(text: str) -> int:
    return from_datetime(datetime.fromisoformat(text))


def _time(instant: Any) -> str:
    return "never" if instant is None else f"{to_datetime(instant):%d %H:%M:%S.%f}"[:-3]
