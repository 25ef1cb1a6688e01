"""What the pipelines of a run loaded: where to, and a bar for each table, all on one scale (DEC-19)."""

from __future__ import annotations

from runyard.core.time_words import zone_called
from runyard_notebooks import strings
from runyard_notebooks.fragments import Html, badge, card, html, icon, join, link, quiet, with_code
from runyard_notebooks.pages.run import PIPELINES_SHOWN, RunSeen
from runyard_notebooks.routes import Addresses
from runyard_notebooks.times import duration, when
from runyard_server.client import PipelineRun, Run

TABLES_SHOWN = 8
"""Tables of each, the largest: what is seen at a glance."""


def loaded(seen: RunSeen, addresses: Addresses) -> Html | None:
    """Return what the pipelines of the run did, each with a picture of the rows of its tables."""
    if not seen.pipelines:
        return None
    shown = seen.pipelines[:PIPELINES_SHOWN]
    # One scale for all of them, as they are compared.
    largest = max((table.rows for each in shown for table in each.tables), default=0)
    more = html(
        '<p class="quiet">{text}</p>', text=with_code(strings.MORE_PIPELINES.format(count=len(shown)))
    )
    return card(
        "Pipelines",
        join(
            [
                *(_pipeline(each, seen, addresses, largest) for each in shown),
                more if len(seen.pipelines) > len(shown) else None,
            ]
        ),
        aside=quiet("rows by table"),
    )


def _pipeline(told: PipelineRun, seen: RunSeen, addresses: Addresses, largest: int) -> Html:
    """Return which pipeline it was, how it went, where it loaded to, and how much."""
    where = ".".join(filter(None, (told.destination_name, told.dataset_name)))
    word, kind = (f"failed at {told.error_step}", "failed") if told.error_step else ("succeeded", "completed")
    took = None if told.duration_seconds is None else duration(told.duration_seconds)
    rows = _counted(told.total_rows, "row") if told.tables or not told.error_step else None
    words = [rows, f"to {where}" if where else None, f"in {took}" if took else None]
    return html(
        '<div class="pipeline"><p>{name}<span class="status {kind}">{icon}{word}</span>{attempt}<span class="quiet">'
        "{words}</span>{when}</p>{error}{tables}</div>",
        name=_name(told.pipeline_name, seen.run, addresses),
        kind=kind,
        icon=icon(kind),
        word=word,
        attempt=badge(f"attempt {told.attempt}") if seen.run.attempt > 1 else None,
        words=" ".join(part for part in words if part),
        when=when(told.finished_at, seen.now, zone_called(seen.run.timezone)),
        error=html('<pre class="error">{error}</pre>', error=told.error_message) if told.error_step else None,
        tables=_tables(told, largest),
    )


def _name(pipeline: str, run: Run, addresses: Addresses) -> Html:
    """Return what the pipeline is called, leading to the jobs of it where this one is."""
    return html(
        "<strong>{name}</strong>",
        name=link(addresses.jobs_of(pipeline), pipeline) if pipeline == run.pipeline_name else pipeline,
    )


def _tables(told: PipelineRun, largest: int) -> Html | None:
    """Return a bar for each of the largest tables, as long as its rows beside `largest`, and a line for the rest."""
    if not told.tables:
        return None
    shown = told.tables[:TABLES_SHOWN]
    rest, rest_rows = told.table_count - len(shown), told.total_rows - sum(table.rows for table in shown)
    return html(
        '<ul class="tables">{tables}{rest}</ul>',
        tables=join(
            html(
                '<li><span class="name" title="{name}">{name}</span><i style="--part: {part}"></i><b>{rows}</b></li>',
                name=table.table_name,
                part=f"{table.rows / max(largest, 1):.4f}",
                rows=f"{table.rows:,}",
            )
            for table in shown
        ),
        rest=html(
            '<li class="quiet"><span class="name">{tables}</span><i></i><b>{rows}</b></li>',
            tables=_counted(rest, "more table"),
            rows=f"{rest_rows:,}",
        )
        if rest
        else None,
    )


def _counted(count: int, noun: str) -> str:
    """Return a number with what it counts."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
