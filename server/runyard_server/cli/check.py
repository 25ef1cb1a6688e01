"""`runyard check`: what a deploy would say of this workspace, and what would go wrong after it. Asks no server.

What is looked at is in `runyard.core.checking`; here it is shown.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, tzinfo
from itertools import groupby
from typing import Annotated, Any

import typer
from rich.console import Console, ConsoleOptions, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from runyard.core import checking, time_words
from runyard.core.checking import Report
from runyard.core.checks.destinations import FILES, Place, Row
from runyard.core.checks.finding import Finding, Severity
from runyard.core.clock import SystemClock, to_datetime
from runyard.core.errors import InvalidInput
from runyard.core.job_refs import short_name
from runyard.core.jobs import JobDefinition
from runyard.core.triggers import TIMED, in_words
from runyard_server.cli import output, times
from runyard_server.cli.exits import Exit
from runyard_server.cli.session import Session, session_of

STYLES = {Severity.ERROR: "bold red", Severity.WARNING: "yellow"}

NOWHERE = "The workspace"
"""Where findings stand that belong to no file."""

PLACE_WIDTH = 6
"""Columns for line and column of a finding, so that most stand below each other."""

MARGIN = "│ "
"""Stands before a line of code."""

_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f]")
"""Tabs, and what would move the cursor: each takes one column, as the marks below the line count."""

REASON_LINES_MAX = 12
"""Of a traceback: its end names the error."""


def check(
    context: typer.Context,
    file: Annotated[str | None, typer.Option("--file", help="Deployment module to use instead.")] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Make warnings errors.")] = False,
) -> None:
    """Look for what would go wrong after a deploy, without a server.

    Ends with 7 if a deploy would be refused, or with `--strict` if there is anything to say at all.
    """
    session = session_of(context)
    planner = _planner(session)
    report = checking.check(session.deployer, file, times=planner.times)
    ticks = {job.job_ref: planner.next_ticks(job) for job in report.jobs}
    session.output.result(_document(report, ticks), *_shown(session.output, report, ticks))
    if report.errors or (strict and report.warnings):
        raise typer.Exit(Exit.REFUSED)


@dataclass(frozen=True, slots=True)
class _Planner:
    """What only a cron library can tell of a job: what is wrong with its times, and when it is due next."""

    times: Callable[[JobDefinition], list[str]]
    next_ticks: Callable[[JobDefinition], list[datetime]]


def _planner(session: Session) -> _Planner:
    """Return the planner's view of times, or one that knows nothing where the cron library is not installed."""
    try:
        from runyard.core.job_times import check_times
        from runyard.core.preview import next_ticks
    except ModuleNotFoundError as error:
        session.output.note(f"Schedules are not looked at: {error.name} comes with `runyard[server]`.")
        return _Planner(lambda _: [], lambda _: [])
    now = SystemClock().now()

    def ticks_of(job: JobDefinition) -> list[datetime]:
        try:
            check_times(job)
        except InvalidInput:  # a finding, and a time that never comes would be looked for in vain
            return []
        return [to_datetime(tick.at) for tick in next_ticks(job, now=now)]

    return _Planner(check_times, ticks_of)


def _document(report: Report, ticks: Mapping[str, Sequence[datetime]]) -> dict[str, Any]:
    return {
        "findings": [asdict(finding) for finding in report.findings],
        "errors": report.errors,
        "warnings": report.warnings,
        "files": report.files,
        "destinations": [asdict(row) for row in report.destinations],
        "next_ticks": {ref: list(times) for ref, times in ticks.items() if times},
    }


def _shown(
    out: output.Output, report: Report, ticks: Mapping[str, Sequence[datetime]]
) -> Iterator[RenderableType]:
    """Yield what people see: findings by file, where data goes, when jobs run, and the sum of it."""
    for file, found in groupby(report.findings, key=lambda finding: finding.file):
        yield Text(file or NOWHERE, "bold")
        for finding in found:
            yield Padding(_finding(finding), (0, 0, 1, 2))
    if report.destinations:
        yield output.table(
            "DESTINATION", "DEV", "PROD", rows=((row.name, *_places(row)) for row in report.destinations)
        )
        yield ""
    if any(ticks.values()):
        zone = times.viewer_zone()
        rows = (_next_row(out, job, ticks[job.job_ref], zone) for job in report.jobs if ticks[job.job_ref])
        yield output.table("JOB", "WHEN", f"NEXT ({zone.key})", rows=rows)
        yield ""
    yield _sum(report)


def _finding(finding: Finding) -> Table:
    """Return what one finding says: where and how bad at the left, the rest beside it."""
    style = STYLES[finding.severity]
    place = ":".join(str(part) for part in (finding.line, finding.column) if part is not None)
    head = Text.assemble((finding.severity, style), (f" {finding.code}  ", "dim"), finding.cause)
    made = Table.grid(padding=(0, 2))
    made.add_column(style="dim", justify="right", min_width=PLACE_WIDTH, no_wrap=True)
    made.add_column(overflow="fold")
    made.add_row(place, head)
    if finding.excerpt:
        made.add_row("", _Excerpt.of(finding, style))
    if finding.why:
        made.add_row("", Text(finding.why))
    reasons = [line for reason in finding.reasons for line in reason.rstrip().splitlines()]
    for reason in reasons[-REASON_LINES_MAX:]:
        made.add_row("", Text(reason, "dim"))
    if finding.remedy:
        made.add_row("", Text.assemble(("→ ", "green"), finding.remedy))
    return made


@dataclass(frozen=True, slots=True)
class _Excerpt:
    """The line of a finding without its indentation, and below it what of it is meant; cut to what fits."""

    line: str
    start: int | None
    marked: int
    style: str

    @classmethod
    def of(cls, finding: Finding, style: str) -> _Excerpt:
        line = (finding.excerpt or "").lstrip()
        if finding.column is None:
            return cls(line, None, 0, style)
        start = finding.column - 1 - (len(finding.excerpt or "") - len(line))
        return cls(line, max(0, start), max(1, (finding.end_column or 0) - finding.column), style)

    def __rich_console__(self, _console: Console, options: ConsoleOptions) -> Iterator[Text]:
        width = options.max_width - len(MARGIN)
        line, start = _CONTROLS.sub(" ", self.line), self.start or 0
        if start + self.marked > width:  # what is meant is in sight before what is around it
            cut = min(start, start + self.marked - width) + 1
            line, start = f"…{line[cut:]}", start - cut + 1
        yield Text.assemble((MARGIN, "dim"), line[:width])
        if self.start is not None and start < len(line):
            carets = "^" * min(self.marked, len(line) - start)
            yield Text.assemble((MARGIN, "dim"), (f"{' ' * start}{carets}"[:width], self.style))


def _places(row: Row) -> tuple[Text, Text]:
    return _place(row.name, row.dev), _place(row.name, row.prod)


def _place(name: str, place: Place | None) -> Text:
    if place is None:
        return Text("a file of its own" if name in FILES else "no settings", "dim")
    return Text.assemble(place.kind, (f"  {place.where}" if place.where else "", "dim"))


def _next_row(
    out: output.Output, job: JobDefinition, ticks: Sequence[datetime], zone: tzinfo
) -> tuple[str, str, str]:
    """Return when a job is due: in words with the zone of the job, then in the zone of who looks (TZ-06)."""
    now = times.now()
    timed = [
        in_words(trigger, job.timezone) for trigger in job.triggers if trigger.partition(":")[0] in TIMED
    ]
    shown = [one.isoformat() if out.timestamps else time_words.moment(one, zone, now) for one in ticks]
    return short_name(job.job_ref), ", ".join(timed), ", ".join(shown)


def _sum(report: Report) -> Text:
    said = [
        (output.counted(number, severity), STYLES[severity])
        for severity, number in ((Severity.ERROR, report.errors), (Severity.WARNING, report.warnings))
        if number
    ]
    where = f" in {output.counted(report.files, 'file')} of {output.counted(len(report.jobs), 'job')}."
    if len(said) == 2:
        return Text.assemble(said[0], " and ", said[1], where)
    return Text.assemble(*(said or [("Nothing found", "green")]), where)
