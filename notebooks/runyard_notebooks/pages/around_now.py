"""What was decided about a job and what comes next: one picture of both, and each in words (UI-04, SCH-08, TRG-22).

Instants are told by the viewer's clocks, with those of the job beside them (TZ-06). What a window covers is told in the
job's zone, where windows begin and end at round times.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from runyard.core import time_words
from runyard.core.outcomes import Outcome
from runyard_notebooks import strings
from runyard_notebooks.fragments import Html, badge, html, join, link, quiet
from runyard_notebooks.routes import Addresses
from runyard_notebooks.times import clocks_of, same_clocks, when, zone_of
from runyard_server.client import Decision, Firing, ForeseenRun

DRAWN_MIN = 2
"""Of a single mark a sentence says as much."""

PAST_SHARE = 0.5
"""At most this part of the picture is past: a job that is due every few minutes shows as much of what was as of what
comes. Decisions before that are only listed."""

PRESENT_SHARE = 0.08
"""At least this much is left on either side of now, so that what lies there can be told from it."""

Kind = Literal["runs", "waits", "nothing"]

KINDS: dict[str, Kind] = {
    Outcome.FIRED: "runs",
    Outcome.RETRIED: "runs",
    Outcome.LIMITED: "waits",
    Outcome.COALESCED: "waits",
    Outcome.MERGED: "waits",
    Outcome.WAITING: "waits",
}
"""Of an outcome, whether a run comes of it at once, later or never; never, of those that are not named."""

LEGEND: dict[Kind, str] = {"runs": "a run", "waits": "waits, or joins a run", "nothing": "nothing runs"}


@dataclass(frozen=True, slots=True)
class AroundNow:
    """The newest decisions about a job, what is foreseen, and both clocks: the job's `zone`, and the viewer's `now`."""

    decisions: Sequence[Decision]
    coming: Sequence[Firing]
    zone: ZoneInfo
    now: datetime

    @property
    def windows(self) -> list[tuple[datetime, datetime]]:
        """Return the parts of time that the foreseen runs cover, without those that are points."""
        return [covered for each in self.coming if each.run and (covered := _window(each.run))]


# The picture ------------------------------------------------------------------------------------------


def picture(seen: AroundNow) -> Html | None:
    """Return what was and what comes on one line of time, or nothing if there is too little to compare.

    Its lists say the same in words, so it is one image to whoever does not see it.
    """
    start, end = _span(seen)
    past = [each for each in reversed(seen.decisions) if each.last_at >= start]
    if len(past) + len(seen.coming) < DRAWN_MIN:
        return None

    def at(instant: datetime) -> str:
        return f"{100 * min(max((instant - start) / (end - start), 0), 1):.2f}%"

    marks = [(each.last_at, kind_of(each.outcome), "was") for each in past]
    marks += [(each.at, kind_of(each.outcome), "comes") for each in seen.coming]
    windows = [covered for covered in seen.windows if covered[1] > start]
    changes = [each.clock_change for each in seen.coming if each.clock_change is not None]
    return html(
        '<div class="around" role="img" aria-label="{label}">{windows}{changes}'
        '<i class="now" style="left:{now}"></i><b style="left:{now}">now</b>{marks}'
        '<span class="from">{from_}</span><span class="to">{to}</span></div>{legend}',
        label=strings.AROUND_NOW_LABEL.format(before=len(past), after=len(seen.coming)),
        windows=join(
            html(
                '<i class="window" style="left:{left};right:calc(100% - {right})"></i>',
                left=at(covered[0]),
                right=at(covered[1]),
            )
            for covered in windows
        ),
        changes=join(
            html(
                '<i class="change" style="left:{left}"></i><b class="busy" style="left:{left}">{moved}</b>',
                left=at(change.at),
                moved=f"{'+' if change.seconds > 0 else '−'}{time_words.span(change.seconds)}",  # noqa: RUF001
            )
            for change in changes
        ),
        now=at(seen.now),
        marks=join(
            html(
                '<i class="dot {kind} {tense}" style="left:{left}"></i>',
                kind=kind,
                tense=tense,
                left=at(when_),
            )
            for when_, kind, tense in marks
        ),
        from_=time_words.moment(start.replace(second=0), clocks_of(seen.now), seen.now),
        to=time_words.moment(end.replace(second=0), clocks_of(seen.now), seen.now),
        legend=_legend({kind for _, kind, _ in marks}, has_windows=bool(windows), has_changes=bool(changes)),
    )


def _span(seen: AroundNow) -> tuple[datetime, datetime]:
    """Return from when to when the picture goes."""
    end = max((firing.at for firing in seen.coming), default=seen.now)
    starts = [decision.last_at for decision in seen.decisions]
    windows = [covered[0] for covered in seen.windows]
    if end > seen.now:
        earliest = seen.now - (end - seen.now) * PAST_SHARE / (1 - PAST_SHARE)
        starts = [at for at in starts if at >= earliest]
        windows = [max(at, earliest) for at in windows]
    start = min([*starts, *windows, seen.now])
    margin = max((end - start) * PRESENT_SHARE, timedelta(minutes=1))
    return min(start, seen.now - margin), max(end, seen.now + margin)


def kind_of(outcome: str) -> Kind:
    """Return whether a run comes of a decision."""
    return KINDS.get(outcome, "nothing")


def _window(run: ForeseenRun) -> tuple[datetime, datetime] | None:
    start, end = run.interval_start, run.interval_end
    return None if start is None or end is None or start == end else (start, end)


def _legend(kinds: Iterable[Kind], *, has_windows: bool, has_changes: bool) -> Html:
    signs = [(f"dot {kind}", words) for kind, words in LEGEND.items() if kind in kinds]
    signs += [("window", "what it covers")] if has_windows else []
    signs += [("change", "clocks change")] if has_changes else []
    return html(
        '<p class="legend" aria-hidden="true">{signs}</p>',
        signs=join(
            html('<span><i class="{sign}"></i>{words}</span>', sign=sign, words=words)
            for sign, words in signs
        ),
    )


# What comes -------------------------------------------------------------------------------------------


def coming(seen: AroundNow) -> Html:
    """Return what is foreseen: when by both clocks, what a run covers, and what becomes of what does not just run."""
    if not seen.coming:
        return html('<p class="calm">{text}</p>', text=strings.NOTHING_COMES)
    has_theirs = not all(same_clocks(firing.at, seen.now, seen.zone) for firing in seen.coming)
    has_windows = bool(seen.windows)
    headings = [("Your time", zone_of(seen.now))]
    headings += [("Job's time", seen.zone.key)] if has_theirs else []
    headings += [("Covers", seen.zone.key)] if has_windows else []
    return html(
        '<table class="ticks"><thead><tr>{heads}<th></th></tr></thead><tbody>{rows}</tbody></table>',
        heads=join(
            html('<th scope="col">{name} <small>{zone}</small></th>', name=name, zone=zone)
            for name, zone in headings
        ),
        rows=join(
            _firing(firing, seen, has_theirs=has_theirs, has_windows=has_windows) for firing in seen.coming
        ),
    )


def _firing(firing: Firing, seen: AroundNow, *, has_theirs: bool, has_windows: bool) -> Html:
    covered = _window(firing.run) if firing.run else None
    cells = [
        html(
            '<td class="at"><i class="dot {kind} comes"></i>{at}</td>',
            kind=kind_of(firing.outcome),
            at=time_words.moment(firing.at, clocks_of(seen.now), seen.now),
        )
    ]
    if has_theirs:
        at = time_words.moment(firing.at, seen.zone, seen.now)
        cells.append(html('<td class="theirs" data-zone="{zone}">{at}</td>', zone=seen.zone.key, at=at))
    if has_windows:
        said = time_words.window(*covered, seen.zone) if covered else None
        cells.append(html('<td class="covers">{said}</td>', said=said))
    notes = join(
        html('<p class="{kind}">{note}</p>', kind=kind, note=note) for kind, note in _notes(firing, seen)
    )
    return html(
        "<tr>{cells}<td>{when}</td></tr>{notes}",
        cells=join(cells),
        when=when(firing.at, seen.now, seen.zone),
        notes=html('<tr class="notes"><td colspan="4">{notes}</td></tr>', notes=notes) if notes else None,
    )


def _notes(firing: Firing, seen: AroundNow) -> Iterable[tuple[str, str]]:
    """Yield what there is to know about a tick besides that it starts a run."""
    if firing.clock_change is not None:
        yield "busy", f"{firing.clock_change.in_words}."
    if firing.outcome != Outcome.FIRED:
        because = time_words.in_words(firing.because, clocks_of(seen.now), seen.now)
        yield "quiet", because if firing.becomes == firing.outcome else f"{firing.becomes}: {because}"
    if firing.run is not None and firing.run.refresh:
        yield "quiet", "Loads from scratch."


# What was ---------------------------------------------------------------------------------------------


def decided(seen: AroundNow, addresses: Addresses) -> Html:
    """Return why the job ran or did not, the newest first."""
    if not seen.decisions:
        return html('<p class="calm">{text}</p>', text=strings.NO_DECISIONS)
    return html(
        '<ul class="rows">{rows}</ul>',
        rows=join(_decision(decision, addresses, seen) for decision in seen.decisions),
    )


def _decision(decision: Decision, addresses: Addresses, seen: AroundNow) -> Html:
    number = f"run {decision.run_number or ''}".strip()
    return html(
        '<li>{outcome}<span class="grow">{because} {times} {run} {tick}</span>{when}</li>',
        outcome=badge(decision.outcome.replace("_", " "), "good" if decision.run_id else ""),
        because=time_words.in_words(decision.because, clocks_of(seen.now), seen.now),
        times=quiet(f"{decision.count} times") if decision.count > 1 else None,
        run=link(addresses.run(decision.run_id), number) if decision.run_id else None,
        tick=_tick(decision, seen),
        when=when(decision.last_at, seen.now, seen.zone),
    )


def _tick(decision: Decision, seen: AroundNow) -> Html | None:
    """Return when the tick was by the job's clocks, where those show another time."""
    tick = decision.tick_at
    if tick is None or same_clocks(tick, seen.now, seen.zone):
        return None
    return quiet(f"The tick was {time_words.moment(tick, seen.zone, seen.now)} in {seen.zone.key}.")
