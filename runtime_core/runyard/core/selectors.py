"""Patterns over jobs: "tag:ingest", "schedule:*", "timed", "batch", "jobs.etl.*". Pure; works on what is handed in.

A selector matches triggers, or a ref, or a type of job; whatever it matches of a job, the job is picked once.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from fnmatch import fnmatchcase
from typing import NamedTuple

from runyard.core import job_refs
from runyard.core.errors import InvalidSelector, NotFound
from runyard.core.jobs import JobDefinition
from runyard.core.manifest import expand_triggers
from runyard.core.triggers import JOB_TYPE_WORDS, TIMED, TIMED_WORD, TRIGGER_TYPES, TriggerType, is_selector

SELECTOR_LENGTH_MAX = 512
"""Characters of one selector: a ref with its trigger type, twice over; patterns come from outside."""


class Selected(NamedTuple):
    """A job that selectors picked, the triggers they matched in its own order, and the one to record."""

    job: JobDefinition
    matched_triggers: tuple[str, ...]
    trigger: str


def select(jobs: Iterable[JobDefinition], selectors: Sequence[str]) -> list[Selected]:
    """Return the jobs that any of the selectors names, in the order given, each once.

    A selector without pattern is a name, `section.name`, ref or script path, and must be one job.
    Raises: NotFound listing the tags and types there are, AmbiguousName, InvalidSelector.
    Source: TAG-07 to TAG-10, TAG-14, TAG-15, contract 8.2.
    """
    found = list(jobs)
    patterns, refs = read_selectors(selectors, [job.job_ref for job in found])
    selected = []
    for job in found:
        triggers = expand_triggers(job)
        matched = triggers if job.job_ref in refs else matching_triggers(job, triggers, patterns)
        if matched or job.job_ref in refs:
            selected.append(Selected(job, matched, pick_trigger(job, matched)))
    if not selected:
        raise NotFound(f"No job matches {', '.join(f'`{text}`' for text in selectors)}.", _there_is(found))
    return selected


def read_selectors(selectors: Iterable[str], known: Collection[str]) -> tuple[list[str], set[str]]:
    """Return the patterns among selectors, and the refs of `known` that the others name.

    Raises: NotFound, AmbiguousName, InvalidSelector.
    """
    patterns, refs = [], set()
    for selector in selectors:
        text = selector.strip()
        if not text or len(text) > SELECTOR_LENGTH_MAX:
            raise InvalidSelector(
                "A selector is empty or too long.", "Write for example `tag:NAME` or `batch`."
            )
        if is_selector(text):
            patterns.append(text)
        else:
            refs.add(job_refs.resolve(text, known))
    return patterns, refs


def matching_triggers(
    job: JobDefinition, triggers: Sequence[str], patterns: Sequence[str]
) -> tuple[str, ...]:
    """Return those triggers of a job that any pattern matches; all of them if one matches its type or ref."""
    globs = []
    for pattern in patterns:
        word = pattern.rstrip(":")
        if word in JOB_TYPE_WORDS:
            if ("batch" if word == "job" else word) == job.entry_point.job_type:
                return tuple(triggers)
            continue
        kinds = sorted(TIMED) if word == TIMED_WORD else [pattern]
        globs += [_as_glob(kind) for kind in kinds]
    if any(fnmatchcase(job.job_ref, glob) for glob in globs):
        return tuple(triggers)
    return tuple(trigger for trigger in triggers if any(fnmatchcase(trigger, glob) for glob in globs))


def pick_trigger(job: JobDefinition, matched: Sequence[str]) -> str:
    """Return the trigger a start records: the default one if it matched, else the first, else by hand."""
    if job.default_trigger and job.default_trigger in matched:
        return job.default_trigger
    return matched[0] if matched else f"{TriggerType.MANUAL}:{job.job_ref}"


def expand_event_triggers(jobs: Sequence[JobDefinition]) -> tuple[list[tuple[str, ...]], list[str]]:
    """Return each job's declared triggers with the selectors in job events replaced by refs.

    A selector never means the job that declares it, nor an interactive one, which never completes. Also
    returns a warning for each selector that matched nothing.
    Source: TRG-26.
    """
    expanded, warnings = [], []
    events = (TriggerType.JOB_SUCCESS, TriggerType.JOB_FAIL)
    for job in jobs:
        triggers: dict[str, None] = {}
        for trigger in job.triggers:
            name, _, expr = trigger.partition(":")
            if name not in events or not is_selector(expr):
                triggers[trigger] = None
                continue
            upstream = [
                other.job_ref
                for other in jobs
                if other.job_ref != job.job_ref
                and other.is_batch
                and matching_triggers(other, expand_triggers(other), [expr])
            ]
            if not upstream:
                warnings.append(f"{job.job_ref}: `{trigger}` matches no job.")
            triggers.update((f"{name}:{ref}", None) for ref in upstream)
        expanded.append(tuple(triggers))
    return expanded, warnings


def _as_glob(selector: str) -> str:
    """Return the pattern for a selector: a bare type or an open end means all of them."""
    if selector in TRIGGER_TYPES:
        return f"{selector}:*"
    return f"{selector}*" if selector.endswith(":") else selector


def _there_is(jobs: Sequence[JobDefinition]) -> str:
    tags = sorted({tag for job in jobs for tag in job.tags})
    types = sorted({trigger.partition(":")[0] for job in jobs for trigger in expand_triggers(job)})
    kinds = sorted({job.entry_point.job_type.value for job in jobs})
    return (
        f"There are the tags {', '.join(tags) or '(none)'}, the trigger types {', '.join(types) or '(none)'} "
        f"and the job types {', '.join(kinds) or '(none)'}."
    )
