"""One run: how it came about, how it went, what it caused (UI-08). Its log is a widget."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice, pairwise

from runyard.core.job_refs import short_name
from runyard.core.time_words import zone_called
from runyard_notebooks import strings
from runyard_notebooks.actions import Desk
from runyard_notebooks.fragments import (
    Html,
    badge,
    card,
    facts,
    heading,
    html,
    icon,
    join,
    link,
    status,
    warned,
    with_code,
)
from runyard_notebooks.routes import Addresses, Page
from runyard_notebooks.times import duration, when, window
from runyard_server.client import Client, Effect, PipelineRun, Run
from runyard_server.client.diagnosis import Diagnosis, diagnose

PIPELINES_SHOWN = 20
"""Runs of pipelines that are shown; the command line tells of the others."""

RELATIVES_MAX = 20
"""Causes and effects that are named; a job that a whole tag follows may have hundreds."""


@dataclass(frozen=True, slots=True)
class RunSeen:
    """A run at one moment, with the runs that caused it and the versions it was made of."""

    run: Run
    causes: Sequence[Run]
    code_version: int
    settings_version: int
    diagnosis: Diagnosis
    pipelines: Sequence[PipelineRun]
    now: datetime


def load(client: Client, run_id: str, now: datetime) -> RunSeen:
    """Return a run as it is. Raises: NotFound."""
    run = client.run(run_id)
    assert run.deployment_id is not None
    assert run.configuration_id is not None
    return RunSeen(
        run,
        [client.run(cause) for cause in run.causes[:RELATIVES_MAX]],
        client.deployment(run.deployment_id).version,
        client.configuration(run.configuration_id).version,
        diagnose(client, run),
        list(islice(client.pipeline_runs(run.id), PIPELINES_SHOWN + 1)),
        now,
    )


def name(run: Run) -> str:
    """Return what people call a run."""
    return f"{short_name(run.job_ref or '')} #{run.number}"


def buttons(run: Run, desk: Desk) -> Mapping[str, Html]:
    """Return what can be done to a run at any time, made once: one that is made anew while it is pressed would miss
    the press, or give it to another in its place."""
    return {
        strings.CANCEL_RUN: desk.button(strings.CANCEL_RUN, lambda: desk.cancel([run.id]), kind="danger"),
        strings.RUN_AGAIN: desk.button(strings.RUN_AGAIN, lambda: desk.start_again(run.id), kind="success"),
    }


def head(seen: RunSeen, addresses: Addresses, offered: Mapping[str, Html]) -> Html:
    """Return which run it is, how it stands, and what can be done."""
    run = seen.run
    ref = run.job_ref or ""
    return heading(
        html(
            "{job} {number}",
            job=short_name(ref),
            number=html('<span class="quiet">#{n}</span>', n=run.number),
        ),
        above=join(
            [link(addresses.page(Page.RUNS), "Runs"), " / ", link(addresses.job(ref), short_name(ref))]
        ),
        below=join([status(run.status), html('<span class="why">{words}</span>', words=_why(seen))]),
        actions=offered[strings.RUN_AGAIN]
        if run.is_over
        else warned(strings.CANCEL, (strings.CANCEL_WARNING, offered[strings.CANCEL_RUN])),
    )


def _why(seen: RunSeen) -> str:
    """Return the reason, exit code and timing of a run that failed; of others what the server says of them."""
    run = seen.run
    if run.status != "failed":
        return run.message or ""
    parts = [
        (run.reason or "").replace("_", " "),
        f"exit code {run.exit_code}" if run.exit_code is not None else None,
        f"after {took}" if (took := _took(run, seen.now)) else None,
    ]
    return ", ".join(part for part in parts if part)


def causes(seen: RunSeen) -> Html | None:
    """Return the last error of a run and what most likely caused it, if there is anything to say (TRB-04, TRB-07)."""
    error, found = seen.diagnosis.error, seen.diagnosis.causes
    if not (error or found):
        return None
    return card(
        strings.WHY if seen.run.status == "failed" else strings.LOOK_AT_THIS,
        join(
            [
                html('<pre class="error">{error}</pre>', error=error) if error else None,
                *(
                    html(
                        '<div class="cause"><p>{cause}</p><p class="quiet">{remedy}</p></div>',
                        cause=with_code(cause.cause),
                        remedy=with_code(cause.remedy),
                    )
                    for cause in found
                ),
            ]
        ),
    )


def details(seen: RunSeen, addresses: Addresses) -> Html:
    """Return everything that is known about the run besides its log."""
    run, now, zone = seen.run, seen.now, zone_called(seen.run.timezone)
    waited = (run.started_at or now) - run.created_at
    return card(
        "About this run",
        join(
            [
                facts(
                    [
                        ("Started", when(run.started_at, now, zone) or "not yet"),
                        ("Took", _took(run, now)),
                        ("Waited", duration(waited.total_seconds())),
                        ("Because", run.because),
                        ("Window", window(run.interval_start, run.interval_end, zone)),
                        (
                            "From scratch",
                            ("first run" if run.number == 1 else "yes") if run.refresh else None,
                        ),
                        ("Profile", run.profile),
                        ("Code", f"version {seen.code_version}"),
                        ("Settings", f"version {seen.settings_version}"),
                        ("Exit code", run.exit_code),
                        ("Attempt", _attempt(run, now)),
                        ("Caused by", _relatives(seen.causes, addresses)),
                        ("Caused", _relatives(run.effects[:RELATIVES_MAX], addresses)),
                    ]
                ),
                html('<ol class="life">{moves}</ol>', moves=join(_life(run, now))),
            ]
        ),
    )


def _attempt(run: Run, now: datetime) -> str | Html | None:
    """Return which attempt it is, of a run that may have several, and when the next one is due."""
    if run.attempts_max == 1 or not run.attempts:
        return None
    which = f"{run.attempt} of {run.attempts_max}"
    if run.retry_at is None:
        return which
    return html(
        "{which} failed ({reason}), the next one {when}",
        which=which,
        reason=run.attempts[-1].reason,
        when=when(run.retry_at, now),
    )


def _took(run: Run, now: datetime) -> str | None:
    if run.started_at is None:
        return None
    return duration(((run.finished_at or now) - run.started_at).total_seconds())


def _relatives(runs: Sequence[Run | Effect], addresses: Addresses) -> Html | None:
    if not runs:
        return None
    return join(
        html(
            '<a class="relative" href="{href}">{icon}{job} #{number}</a>',
            href=addresses.run(run.id),
            icon=icon(run.status),
            job=short_name(run.job_ref or ""),
            number=run.number,
        )
        for run in runs
    )


def _life(run: Run, now: datetime) -> list[Html]:
    """Return the steps of a run's life, each with how long it lasted."""
    ends = [after.at for _, after in pairwise(run.history)] + [None if run.is_over else now]
    return [
        html(
            "<li>{status}{lasted}</li>",
            status=status(move.to_status),
            lasted=badge(duration((end - move.at).total_seconds())) if end else None,
        )
        for move, end in zip(run.history, ends, strict=True)
    ]
