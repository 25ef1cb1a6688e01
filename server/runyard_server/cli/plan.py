"""`runyard plan`: what a whole workspace is going to do, as a picture. What decides it is the planner itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer
from rich.table import Table
from rich.text import Text

from runyard.core import time_words
from runyard.core.job_refs import short_name
from runyard.core.jobs import JobType
from runyard.core.outcomes import DAYS_MAX, USUAL_SECONDS, Outcome
from runyard_server.cli import foreseen, job, output, strips, times
from runyard_server.cli.options import MaybeSelectors
from runyard_server.cli.session import Session, session_of
from runyard_server.client import Firing, ForeseenRun, Plan, PlannedJob

DAYS = 30
"""How far a plan looks unless told: a month has every weekday and every day of the month."""

LISTED_MAX = 40
"""Decisions listed with `-v`: a screen. `--json` has all."""

NAMED_MAX = 5
"""Jobs that a sentence names; of more it says how many."""

NAME_COLUMNS = 24
"""Of a job's name beside its row; a longer one is cut, and stands in full in `--json`."""

BESIDE_COLUMNS = 20
"""Taken by the counts and the space between the columns."""

STRIP_MIN, STRIP_MAX = 24, 96
"""Cells of a row: a day by the hour, and what an eye follows without losing the line."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What is foreseen of one job."""

    job: PlannedJob
    firings: tuple[Firing, ...]
    runs: tuple[ForeseenRun, ...]

    @property
    def waits(self) -> list[ForeseenRun]:
        return [run for run in self.runs if run.waits]

    def count(self, *outcomes: str) -> int:
        return sum(firing.outcome in outcomes for firing in self.firings)


def plan(
    context: typer.Context,
    which: MaybeSelectors = None,
    days: Annotated[int, typer.Option("--days", min=1, max=DAYS_MAX, help="How far to look.")] = DAYS,
) -> None:
    """Show what all jobs will do: their runs, what has to wait, and what changes of clocks do to them."""
    session = session_of(context)
    session.say_where()
    out = session.output
    foreseen_all = session.client.plan(days)
    seen = _seen(foreseen_all, _pick(session, which or ()))
    zone = times.viewer_zone()
    shown: list[Table | Text | str] = [_headline(foreseen_all, seen, days, zone)]
    busy = [each for each in seen if each.firings or each.runs]
    if busy:
        shown += ["", _picture(session, foreseen_all, busy, zone), "", _legend()]
    if notes := list(_notes(foreseen_all, seen, days, zone)):
        shown += ["", *(_note(text) for text in notes)]
    if session.verbosity and busy:
        shown += ["", _listing(session, busy, zone)]
    out.result(_document(foreseen_all, seen, zone), *shown)
    if not foreseen_all.jobs:
        out.note("No job is deployed here. Deploy some with `runyard deploy`.")


def _pick(session: Session, which: Sequence[str]) -> set[str] | None:
    """Return the ids of the jobs that selectors pick, None for all."""
    if not which:
        return None
    return {each.id for each in job.pick(list(session.client.jobs()), which)}


def _seen(found: Plan, picked: Collection[str] | None) -> list[Seen]:
    """Return what is foreseen of each job that was picked; None: of all."""
    firings: dict[str, list[Firing]] = {}
    runs: dict[str, dict[str, ForeseenRun]] = {}
    for run in found.open_runs:
        runs.setdefault(run.job_id, {})[run.id] = run
    for firing in found.firings:
        firings.setdefault(firing.job_id, []).append(firing)
        if firing.run is not None:
            runs.setdefault(firing.job_id, {})[firing.run.id] = firing.run
    return [
        Seen(each, tuple(firings.get(each.id, ())), tuple(runs.get(each.id, {}).values()))
        for each in found.jobs
        if picked is None or each.id in picked
    ]


def _headline(found: Plan, seen: Sequence[Seen], days: int, zone: ZoneInfo) -> Text:
    count = sum(len(each.runs) for each in seen)
    jobs = sum(bool(each.runs) for each in seen)
    start = time_words.moment(found.now.replace(second=0), zone, found.now)
    if found.is_cut:
        said = Text().append(f"Until {time_words.moment(found.until, zone, found.now)} ", "bold")
    else:
        said = Text().append(f"{output.counted(days, 'day')} ", "bold")
    said.append(f"from {start}, your time ({zone.key}): ")
    return said.append(f"{output.counted(count, 'run')} of {output.counted(jobs, 'job')}.")


def _picture(session: Session, found: Plan, busy: Sequence[Seen], zone: ZoneInfo) -> Table:
    names = [short_name(each.job.job_ref) for each in busy]
    widest = min(max(map(len, names)), NAME_COLUMNS)
    width = min(max(session.output.width - widest - BESIDE_COLUMNS, STRIP_MIN), STRIP_MAX)
    scale = strips.Scale.over(found.now, found.until, zone, width)
    made = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    made.add_column("JOB", overflow="ellipsis", no_wrap=True, max_width=NAME_COLUMNS)
    made.add_column("RUNS", justify="right", no_wrap=True)
    made.add_column("TAKES", justify="right", no_wrap=True)
    made.add_column(scale.head(), no_wrap=True)
    for name, each in zip(names, busy, strict=True):
        usual = each.job.usual_seconds
        takes = Text(f"{output.short_duration(USUAL_SECONDS)}?", "dim") if usual is None else _took(usual)
        row = strips.strip(scale, each.firings, each.runs)
        made.add_row(name, str(len(each.runs)), takes, row)
    return made


def _took(seconds: float) -> Text:
    return Text(output.short_duration(seconds))


def _legend() -> Text:
    said = Text()
    for marks, style, words in strips.LEGEND:
        said.append(marks, style).append(f" {words}   ", "dim")
    said.rstrip()
    return said


def _notes(found: Plan, seen: Sequence[Seen], days: int, zone: ZoneInfo) -> Iterable[str]:
    """Yield what a reader of the picture should know, one sentence each."""
    if found.is_cut:
        yield (
            f"More falls into {output.counted(days, 'day')} than fits into one plan. "
            "`runyard job next NAME -n 100` looks further ahead for one job."
        )
    for each in seen:
        name = short_name(each.job.job_ref)
        if each.waits:
            longest = max(run.waits_seconds for run in each.waits)
            yield (
                f"{name}: {_of(len(each.waits), len(each.runs), 'run')} for a slot, "
                f"up to {output.short_duration(longest)}; {_at_once(each.job)}."
            )
        if joined := each.count(Outcome.COALESCED, Outcome.MERGED):
            several = output.counted(joined, "tick or event", "ticks and events")
            yield f"{name}: {several} joining a run that waits already."
        if held := [firing for firing in each.firings if firing.outcome == Outcome.NOT_FRESH]:
            because = time_words.in_words(held[0].because, zone, found.now)
            # One that waits for its upstream says so first, and later what became of it.
            ticks = len(each.firings) - each.count(Outcome.WAITING)
            yield f"{name}: {len(held):,} of {ticks:,} ticks start nothing. The first: {because}"
        if each.job.is_paused:
            yield f"{name} is paused: its schedule and events start nothing until it is resumed."
        if each.job.is_range_complete:
            yield f"{name} has covered its whole range; nothing of it is left to run."
    yield from _clock_changes(found, seen, zone)
    guessed = [each for each in seen if each.runs and each.job.usual_seconds is None]
    if guessed:
        usual = output.short_duration(USUAL_SECONDS)
        yield f"No run of {_named(guessed)} has completed yet: each is taken to need {usual}."
    idle = [
        each
        for each in seen
        if each.job.job_type == JobType.BATCH
        and not (each.firings or each.runs or each.job.is_range_complete)
    ]
    if idle:
        yield f"Nothing starts {_named(idle)} by itself in this time."


def _clock_changes(found: Plan, seen: Sequence[Seen], zone: ZoneInfo) -> Iterable[str]:
    moved: dict[tuple[str, Any], list[tuple[Seen, Firing]]] = {}
    for each in seen:
        for firing in each.firings:
            if firing.clock_change is not None:
                moved.setdefault((each.job.timezone, firing.clock_change.at), []).append((each, firing))
    for (timezone, at), firings in sorted(moved.items(), key=lambda item: item[0][1]):
        change = firings[0][1].clock_change
        assert change is not None, "only firings after a change are collected"
        yield f"Clocks in {timezone} {change.moves} on {time_words.moment(at, zone, found.now)} your time."
        for each, firing in firings:
            if firing.clock_change is not None and firing.clock_change.skipped:
                missing = firing.clock_change.leaves_out
                yield f"{short_name(each.job.job_ref)}: {missing} then; it runs right after the change."


def _listing(session: Session, busy: Sequence[Seen], zone: ZoneInfo) -> Table:
    names = {each.job.id: short_name(each.job.job_ref) for each in busy}
    firings = sorted((firing for each in busy for firing in each.firings), key=lambda firing: firing.at)
    rows: list[Sequence[Text | str]] = [
        (session.output.moment(firing.at, zone), names[firing.job_id], foreseen.what(firing, zone))
        for firing in firings[:LISTED_MAX]
    ]
    if len(firings) > LISTED_MAX:
        rows.append(("", f"and {len(firings) - LISTED_MAX} more", ""))
    return output.table(f"YOUR TIME ({zone.key})", "JOB", "WHAT HAPPENS", rows=rows)


def _document(found: Plan, seen: Sequence[Seen], zone: ZoneInfo) -> dict[str, Any]:
    picked = {each.job.id for each in seen}
    return {
        "viewer_timezone": zone.key,
        "now": found.now,
        "until": found.until,
        "is_cut": found.is_cut,
        "jobs": [
            {
                **asdict(each.job),
                "runs": len(each.runs),
                "waits": len(each.waits),
                "waits_seconds_max": max((run.waits_seconds for run in each.waits), default=0.0),
                "outcomes": Counter(firing.outcome for firing in each.firings),
            }
            for each in seen
        ],
        "open_runs": [run for run in found.open_runs if run.job_id in picked],
        "firings": [firing for firing in found.firings if firing.job_id in picked],
    }


def _note(text: str) -> Text:
    return Text("• ", "yellow").append(text, "default")


def _at_once(of: PlannedJob) -> str:
    return "too many jobs run at once" if of.concurrency is None else f"{of.concurrency} may run at once"


def _of(waiting: int, all_runs: int, noun: str) -> str:
    return f"{waiting:,} of {output.counted(all_runs, noun)} {'waits' if waiting == 1 else 'wait'}"


def _named(several: Sequence[Seen]) -> str:
    names = [short_name(each.job.job_ref) for each in several]
    if len(names) > NAMED_MAX:
        names = [*names[:NAMED_MAX], f"{len(names) - NAMED_MAX} more"]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
