"""Starting and stopping runs because somebody asked. What a start becomes is decided in `planning`.

A start that the job's rules refuse is an answer with its reason, never a run (CMP-10).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, RowMapping

from runyard.core.clock import Clock
from runyard.core.enacting import enact
from runyard.core.errors import Declined, InvalidInput, InvalidInterval, InvalidRequest
from runyard.core.facts import JobFacts
from runyard.core.given_inputs import check_fits
from runyard.core.ids import Ids
from runyard.core.intervals import Window, exact_windows
from runyard.core.jobs import upstream_refs
from runyard.core.outcomes import Outcome
from runyard.core.planning import Decision, plan_start
from runyard.core.profiles import ACCESS, LOCAL, PROD
from runyard.core.refresh import Reached, reach_of
from runyard.core.runs import TERMINAL, Reason, RunStatus
from runyard.core.selectors import Selected, read_selectors, select
from runyard.core.settling import settle
from runyard.core.store import facts, jobs, runs, shown_runs, snapshots
from runyard.core.store.engine import Database
from runyard.core.triggers import TriggerType

STARTED = "triggered"
"""What the receipt says of a job that was started (contract 8.3); refusals have words of their own."""

DECLINED = "skipped_not_by_hand"
"""Ours: of several jobs, one that its own rules keep from being started by hand."""

UNREADABLE = "skipped_unreadable"
"""Ours: of several jobs, one that this server cannot read."""

ALREADY_RUNNING = "skipped_concurrency_limit"
"""What the receipt says of an app that is there already; its answer carries the run."""

REFUSED = {Outcome.NOT_FRESH: "skipped_upstream_pending"}
"""Contract words for the outcomes that create no run."""


@dataclass(frozen=True, slots=True)
class StartAnswer:
    """What became of one job that was to be started. `job` is None for an id that nobody has."""

    job_id: str
    job: RowMapping | None
    matched_triggers: tuple[str, ...] = ()
    trigger: str = ""
    status: str = STARTED
    run: RowMapping | None = None
    reasons: tuple[str, ...] = ()
    refreshes: Sequence[Reached] | None = None
    """In a dry run of a refresh: what starts over with this job, itself first (RFR-11)."""


@dataclass(frozen=True, slots=True)
class CancelAnswer:
    """What became of one run that was to be stopped: `cancelled` (asked to), `terminal` or `unknown`."""

    run_id: str
    outcome: str
    run: RowMapping | None = None
    job_ref: str | None = None


class RunControl:
    """Starts and stops runs by hand."""

    def __init__(self, database: Database, clock: Clock, ids: Ids) -> None:
        self._database, self._clock, self._ids = database, clock, ids

    def start(
        self,
        workspace_id: str,
        *,
        job_ids: Sequence[str] | None,
        selectors: Sequence[str] | None,
        profile: str | None = None,
        refresh: bool = False,
        dry_run: bool = False,
        force: bool = False,
        config: Mapping[str, Any] | None = None,
        window: Window | None = None,
        user_id: str | None,
    ) -> list[StartAnswer]:
        """Start every job that an id or selector names, each once, on the code that is deployed.

        With `window` its runs cover exactly that part of time, one for each of its windows where the job's range is
        split, and there is an answer for each (IVL-14). With `dry_run` nothing is written and answers carry no run
        (TAG-06), but what a refresh would reach (RFR-11).
        Raises: NotFound or AmbiguousName for selectors, InvalidRequest if nothing is named, the profile is not one to
        start under or `config` does not fit the parameters (`given_inputs`), InvalidInterval if one of the jobs has
        no such window, Declined if the rules of the only job refuse it, InvalidInput if the only job is one that this
        server cannot read.
        """
        if not job_ids and not selectors:
            raise InvalidRequest("No job is named.", "Give `job_ids`, `selectors` or both.")
        if refresh and window is not None:
            raise InvalidRequest(
                "A refresh reloads everything, and a window is a part.", "Ask for one of the two."
            )

        def work(connection: Connection) -> list[StartAnswer]:
            _check_profile(connection, workspace_id, profile)
            found = (
                jobs.all_of(connection, workspace_id)
                if selectors
                else jobs.by_ids(connection, job_ids or ()).values()
            )
            live = {
                row["id"]: row
                for row in found
                if row["archived_at"] is None and row["workspace_id"] == workspace_id
            }
            chosen, named, unreadable = _choose(live, job_ids or (), selectors or ())
            if chosen:
                check_fits(config or {}, [picked.job for picked in chosen.values()])
            loaded = facts.load(connection, chosen)
            answers = [StartAnswer(job_id, None) for job_id in job_ids or () if job_id not in live]
            for job_id, reason in unreadable.items():
                if not chosen:
                    raise reason
                answers.append(StartAnswer(job_id, live[job_id], status=UNREADABLE, reasons=(reason.cause,)))
            for job_id, picked in chosen.items():
                try:
                    answers += self._start_one(
                        connection,
                        live[job_id],
                        loaded[job_id],
                        picked,
                        is_named=job_id in named,
                        profile=profile,
                        refresh=refresh,
                        dry_run=dry_run,
                        force=force,
                        config=config,
                        window=window,
                        user_id=user_id,
                    )
                except Declined as error:
                    if len(chosen) == 1:
                        raise
                    # One of many that a selector matched: the others start all the same.
                    answers.append(
                        StartAnswer(job_id, live[job_id], *picked[1:], DECLINED, reasons=(error.cause,))
                    )
            return answers

        return self._database.read(work) if dry_run else self._database.write(work)

    def _start_one(
        self,
        connection: Connection,
        row: RowMapping,
        job: JobFacts,
        picked: Selected,
        *,
        is_named: bool,
        profile: str | None,
        refresh: bool,
        dry_run: bool,
        force: bool,
        config: Mapping[str, Any] | None,
        window: Window | None,
        user_id: str | None,
    ) -> list[StartAnswer]:
        now = self._clock.now()
        definition = job.definition
        by_hand = is_named or picked.trigger.startswith(f"{TriggerType.MANUAL}:")
        if by_hand and not definition.manual:
            raise Declined(
                f"{definition.job_ref} is not to be started by hand.",
                "Its `expose` says `manual: False`; start it by one of its other triggers.",
            )
        if not definition.is_batch:
            serving = runs.open_of(connection, row["id"])
            if serving is not None:
                return [
                    StartAnswer(
                        row["id"],
                        row,
                        *picked[1:],
                        status=ALREADY_RUNNING,
                        run=serving,
                        reasons=("It is already running.",),
                    )
                ]
        windows: Sequence[Window | None] = [None]
        if window is not None:
            windows = _windows(job, window, now)
        upstreams = facts.by_ref(connection, row["workspace_id"], upstream_refs(definition.freshness))
        decisions = []
        for each in windows:
            decision = plan_start(
                job,
                picked.trigger,
                cause=f"{picked.trigger}@{self._ids.new_id()}",
                upstreams=upstreams,
                now=now,
                refresh=refresh,
                force=force,
                window=each,
            )
            decisions.append(decision)
            if decision.run is None:
                break
            job = replace(job, waiting_count=job.waiting_count + 1)
        run_ids: Sequence[str | None] = [None] * len(decisions)
        if not dry_run:
            run_ids = enact(
                connection,
                decisions,
                {job.job_id: definition},
                ids=self._ids,
                now=now,
                profile=profile,
                config=config,
                user_id=user_id,
            )
        starts_over = dry_run and decisions[0].run is not None and decisions[0].run.refresh
        reached = _reached(connection, job) if starts_over else None
        return [
            StartAnswer(
                row["id"],
                row,
                *picked[1:],
                status=STARTED if decision.run is not None else REFUSED[decision.outcome],
                run=None if run_id is None else shown_runs.get(connection, row["workspace_id"], run_id),
                reasons=() if _is_as_asked(decision, refresh) else (decision.because,),
                refreshes=reached,
            )
            for decision, run_id in zip(decisions, run_ids, strict=True)
        ]

    def cancel(
        self, workspace_id: str, run_ids: Sequence[str], *, dry_run: bool, user_id: str | None
    ) -> list[CancelAnswer]:
        """Ask runs to stop. One that still waits ends at once and never starts (RUN-13)."""

        def work(connection: Connection) -> list[CancelAnswer]:
            return [
                self._cancel_one(connection, workspace_id, run_id, dry_run, user_id) for run_id in run_ids
            ]

        return self._database.read(work) if dry_run else self._database.write(work)

    def _cancel_one(
        self, connection: Connection, workspace_id: str, run_id: str, dry_run: bool, user_id: str | None
    ) -> CancelAnswer:
        row = runs.by_id(connection, run_id)
        if row is None or row["workspace_id"] != workspace_id:
            return CancelAnswer(run_id, "unknown")
        job = jobs.get(connection, workspace_id, row["job_id"])
        job_ref = None if job is None else job["job_ref"]
        if row["status"] in TERMINAL:
            return CancelAnswer(run_id, "terminal", row, job_ref)
        if not dry_run:
            now = self._clock.now()
            runs.request_stop(connection, run_id, user_id, now)
            # One that waits to be tried again has left something behind, so the executor ends it.
            if row["status"] == RunStatus.PENDING and not row["attempt"]:
                actor = user_id or runs.SYSTEM
                settle(
                    connection,
                    row,
                    RunStatus.CANCELLED,
                    Reason.USER_CANCEL,
                    ids=self._ids,
                    now=now,
                    actor=actor,
                )
        return CancelAnswer(run_id, "cancelled", row, job_ref)


def _is_as_asked(decision: Decision, refresh: bool) -> bool:
    """Return whether nothing is to be said of a start: it starts at once, and as a refresh if that was asked."""
    return decision.outcome is Outcome.FIRED and decision.run is not None and decision.run.refresh is refresh


def _windows(job: JobFacts, wanted: Window, now: int) -> list[Window]:
    """Return the windows that cover what somebody asked for. Raises: InvalidInterval naming the job."""
    definition = job.definition
    try:
        return exact_windows(job.schedule, job.range, definition.timezone, wanted, now)
    except InvalidInterval as error:
        raise InvalidInterval(f"{definition.job_ref}: {error.cause}", error.remedy) from None


def _reached(connection: Connection, job: JobFacts) -> list[Reached]:
    ref = job.definition.job_ref
    return reach_of(job, facts.downstream(connection, job.workspace_id, ref))


def _check_profile(connection: Connection, workspace_id: str, profile: str | None) -> None:
    """Return if runs may be started under a profile. Raises: InvalidRequest."""
    if profile in LOCAL:
        raise InvalidRequest(
            f"The profile `{profile}` is for one's own machine.",
            "Choose `prod`, `access` or one of your own.",
        )
    if profile is None:
        return
    known = {PROD, ACCESS, *snapshots.profiles(connection, workspace_id)}
    if profile not in known:
        raise InvalidRequest(
            f"There is no profile `{profile}` in the configuration that is deployed.",
            f"Choose one of {', '.join(sorted(known))}, or deploy `.dlt/{profile}.config.toml` first.",
        )


def _choose(
    live: Mapping[str, RowMapping], job_ids: Sequence[str], selectors: Sequence[str]
) -> tuple[dict[str, Selected], set[str], dict[str, InvalidInput]]:
    """Return, by id, the jobs to start with the trigger to record for each, those that are named, and why of some not.

    By id it is the default trigger, by selector the matched one. Patterns name no job, and match none that cannot be
    read.
    """
    views, unreadable = facts.jobs_of(live)
    ids_by_ref = {row["job_ref"]: job_id for job_id, row in live.items()}
    patterns, refs = read_selectors(selectors, ids_by_ref)
    readable = [*patterns, *(ref for ref in refs if ids_by_ref[ref] in views)]
    chosen: dict[str, Selected] = {}
    if readable:
        chosen = {ids_by_ref[picked.job.job_ref]: picked for picked in select(views.values(), readable)}
    for job_id in job_ids:
        if job_id in views and job_id not in chosen:
            view = views[job_id]
            trigger = view.default_trigger or f"{TriggerType.MANUAL}:{view.job_ref}"
            chosen[job_id] = Selected(view, (trigger,), trigger)
    named = {*job_ids, *(ids_by_ref[ref] for ref in refs)}
    return chosen, named, {job_id: error for job_id, error in unreadable.items() if job_id in named}
