"""Starting and stopping runs because somebody asked. What a start becomes is decided in `planning`.

A start that the job's rules refuse is an answer with its reason, never a run (CMP-10).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, RowMapping

from runyard.core.clock import Clock
from runyard.core.enacting import enact
from runyard.core.errors import Declined, InvalidRequest
from runyard.core.facts import JobFacts
from runyard.core.ids import Ids
from runyard.core.jobs import upstream_refs
from runyard.core.planning import Outcome, plan_start
from runyard.core.profiles import ACCESS, LOCAL, PROD
from runyard.core.runs import TERMINAL, Reason, RunStatus
from runyard.core.selectors import Selected, select
from runyard.core.settling import settle
from runyard.core.store import facts, jobs, runs, snapshots
from runyard.core.store.engine import Database
from runyard.core.triggers import TriggerType

STARTED = "triggered"
"""What the receipt says of a job that was started (contract 8.3); refusals have words of their own."""

DECLINED = "skipped_not_by_hand"
"""Ours: of several jobs, one that its own rules keep from being started by hand."""

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
        user_id: str | None,
    ) -> list[StartAnswer]:
        """Start every job that an id or selector names, each once, on the code that is deployed.

        Raises: NotFound or AmbiguousName for selectors, InvalidRequest if nothing is named or the profile is not
        one to start under, Declined if the rules of the only job refuse it. With `dry_run` nothing is written and
        answers carry no run (TAG-06).
        """
        if not job_ids and not selectors:
            raise InvalidRequest("No job is named.", "Give `job_ids`, `selectors` or both.")

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
            chosen = _choose(live, job_ids or (), selectors or ())
            loaded = facts.load(connection, chosen)
            answers = [StartAnswer(job_id, None) for job_id in job_ids or () if job_id not in live]
            for job_id, picked in chosen.items():
                try:
                    answer = self._start_one(
                        connection,
                        live[job_id],
                        loaded[job_id],
                        picked,
                        profile=profile,
                        refresh=refresh,
                        dry_run=dry_run,
                        force=force,
                        config=config,
                        user_id=user_id,
                    )
                except Declined as error:
                    if len(chosen) == 1:
                        raise
                    # One of many that a selector matched: the others start all the same.
                    answer = StartAnswer(job_id, live[job_id], *picked[1:], DECLINED, reasons=(error.cause,))
                answers.append(answer)
            return answers

        return self._database.read(work) if dry_run else self._database.write(work)

    def _start_one(
        self,
        connection: Connection,
        row: RowMapping,
        job: JobFacts,
        picked: Selected,
        *,
        profile: str | None,
        refresh: bool,
        dry_run: bool,
        force: bool,
        config: Mapping[str, Any] | None,
        user_id: str | None,
    ) -> StartAnswer:
        now = self._clock.now()
        definition = job.definition
        if not definition.manual and picked.trigger.startswith(f"{TriggerType.MANUAL}:"):
            raise Declined(
                f"{definition.job_ref} is not to be started by hand.",
                "Its `expose` says `manual: False`; start it by one of its other triggers.",
            )
        if not definition.is_batch:
            serving = runs.open_of(connection, row["id"])
            if serving is not None:
                return StartAnswer(
                    row["id"],
                    row,
                    matched_triggers=picked.matched_triggers,
                    trigger=picked.trigger,
                    status=ALREADY_RUNNING,
                    run=serving,
                    reasons=("It is already running.",),
                )
        upstreams = facts.by_ref(connection, row["workspace_id"], upstream_refs(definition.freshness))
        decision = plan_start(
            job,
            picked.trigger,
            cause=f"{picked.trigger}@{self._ids.new_id()}",
            upstreams=upstreams,
            now=now,
            refresh=refresh,
            force=force,
        )
        run = None
        if not dry_run:
            [run_id] = enact(
                connection,
                [decision],
                {row["id"]: definition},
                ids=self._ids,
                now=now,
                profile=profile,
                config=config,
                user_id=user_id,
            )
            run = None if run_id is None else runs.get(connection, row["workspace_id"], run_id)
        return StartAnswer(
            row["id"],
            row,
            matched_triggers=picked.matched_triggers,
            trigger=picked.trigger,
            status=STARTED if decision.run is not None else REFUSED[decision.outcome],
            run=run,
            reasons=() if decision.outcome is Outcome.FIRED else (decision.because,),
        )

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
        row = runs.get(connection, workspace_id, run_id)
        if row is None:
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
                    run_id,
                    RunStatus.CANCELLED,
                    Reason.USER_CANCEL,
                    ids=self._ids,
                    now=now,
                    actor=actor,
                )
        return CancelAnswer(run_id, "cancelled", row, job_ref)


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
) -> dict[str, Selected]:
    """Return the jobs to start with the trigger to record for each: by id its default one, by selector the matched."""
    views = {job_id: facts.job_of(row) for job_id, row in live.items()}
    ids_by_ref = {view.job_ref: job_id for job_id, view in views.items()}
    chosen: dict[str, Selected] = {}
    if selectors:
        chosen = {ids_by_ref[picked.job.job_ref]: picked for picked in select(views.values(), selectors)}
    for job_id in job_ids:
        if job_id in views and job_id not in chosen:
            view = views[job_id]
            trigger = view.default_trigger or f"{TriggerType.MANUAL}:{view.job_ref}"
            chosen[job_id] = Selected(view, (trigger,), trigger)
    return chosen
