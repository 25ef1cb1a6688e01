"""Reasons to run, as text `type:expr`: make them, read them, say them in words.

Cron syntax is checked with the standard library alone (`cron`), because job files are imported where nothing else is
installed; whether an expression ever fires, and when, is `intervals`. What else starts a job than what it
declares is `manifest.expand_triggers`.
"""

from __future__ import annotations

from runyard.core.cron import check_cron
from runyard.core.errors import InvalidInput, InvalidTrigger
from runyard.core.job_refs import PREFIX, is_ref

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date, datetime
    from typing import TypeAlias


class TriggerType:
    """What stands before the colon: plain texts, as `enum` takes longer to import than job files to read."""

    SCHEDULE = "schedule"
    EVERY = "every"
    ONCE = "once"
    JOB_SUCCESS = "job.success"
    JOB_FAIL = "job.fail"
    TAG = "tag"
    MANUAL = "manual"
    PIPELINE_NAME = "pipeline_name"
    HTTP = "http"
    WEBHOOK = "webhook"
    DEPLOYMENT = "deployment"


_T = TriggerType

TRIGGER_TYPES: dict[str, str] = {text: text for name, text in vars(TriggerType).items() if name.isupper()}
"""Every type, by its text."""

TIMED = frozenset({_T.SCHEDULE, _T.EVERY, _T.ONCE})
"""Triggers that name instants."""

PERIODIC = frozenset({_T.SCHEDULE, _T.EVERY})
"""Triggers that name windows; a job has at most one of them (TRG-10)."""

JOB_EVENTS = frozenset({_T.JOB_SUCCESS, _T.JOB_FAIL})
"""Triggers that follow another job."""

EVENTS = JOB_EVENTS | {_T.WEBHOOK, _T.DEPLOYMENT}
"""Triggers that fire when something happens, and that a pause holds back as it does ticks (TRG-20)."""

AUTOMATIC = frozenset({_T.MANUAL, _T.PIPELINE_NAME})
"""Triggers nobody writes: `expose` and the pipeline decorator add them (TRG-29)."""

JOB_TYPE_WORDS = frozenset({"batch", "interactive", "job"})
"""Selectors that mean a type of job; `job` is an older word for `batch`."""

TIMED_WORD = "timed"
"""The selector that means every job with a `schedule`, an `every` or a `once` (TAG-15)."""

GLOB_CHARACTERS = frozenset("*?[")
"""What makes a text a pattern; none of them can stand in a ref."""


TRIGGER_LENGTH_MAX = 1_024
"""Characters of a trigger: four times the longest ref. A pattern in it takes time that grows with its square."""


class Trigger(str):
    """One reason to run in its text form; made by `parse_trigger` and the functions below it.

    A text, so that it compares equal to what is stored and to what `run_context["trigger"]` says.
    """

    __slots__ = ()

    @property
    def type(self) -> str:
        return TRIGGER_TYPES[self.partition(":")[0]]

    @property
    def expr(self) -> str:
        return self.partition(":")[2]


Written: TypeAlias = "str | Iterable[Written] | None"
"""What `trigger=` takes: a text, a trigger, or any nesting of lists and tuples of them."""


def parse_trigger(text: str) -> Trigger:
    """Return the trigger that a stored text names, unchanged.

    Raises: InvalidTrigger naming the text and the reason.
    Source: TRG-07, contract 8.1.
    """
    if len(text) > TRIGGER_LENGTH_MAX:
        raise InvalidTrigger(
            f"A trigger has {len(text)} characters.", f"Write it in {TRIGGER_LENGTH_MAX} at most."
        )
    name, colon, expr = text.partition(":")
    if not colon:
        raise InvalidTrigger(f"`{text}` is no trigger.", "Write it as `type:expression`.")
    if name not in TRIGGER_TYPES:
        raise InvalidTrigger(f"`{text}`: there is no trigger type `{name}`.", _known_types(name))
    _check(name, expr)
    return Trigger(text)


def read_triggers(written: Written) -> list[Trigger]:
    """Return what stands in `trigger=` as triggers, in order, each once.

    Text is read kindly (a bare cron expression is a schedule), but may not name what is added automatically.
    Raises: InvalidTrigger. Source: TRG-01, TRG-05, TRG-29.
    """
    return list(dict.fromkeys(_read(written)))


def read_schedule(written: str) -> Trigger:
    """Return the one trigger that a text means, if it repeats in time. Raises: InvalidTrigger. Source: TRG-21."""
    found = read_triggers(written)
    if len(found) != 1 or found[0].type not in PERIODIC:
        raise InvalidTrigger(
            f"`{written}` is no schedule.", "Write five cron fields, or `every:` and a period such as `6h`."
        )
    return found[0]


def _read(written: Written) -> Iterable[Trigger]:
    if written is None:
        return
    if isinstance(written, Trigger):
        yield written
    elif isinstance(written, str):
        yield _read_text(written.strip())
    elif hasattr(written, "__iter__"):
        for item in written:
            yield from _read(item)
    else:
        raise InvalidTrigger(f"{written!r} is no trigger.", "Give it a text or one of `runyard.trigger`.")


def _read_text(text: str) -> Trigger:
    if text.startswith("@") or (len(text.split()) > 1 and ":" not in text):
        return schedule(text)
    name, _, expr = text.partition(":")
    if name in AUTOMATIC:
        raise InvalidTrigger(
            f"`{text}` cannot be written by hand.", "It is added automatically: leave it out."
        )
    match name:
        case _T.HTTP | _T.WEBHOOK | _T.DEPLOYMENT:
            return parse_trigger(f"{name}:{expr}")
        case _T.SCHEDULE:
            return schedule(expr)
        case _T.EVERY:
            return every(expr)
        case _T.JOB_SUCCESS:
            return job_success(expr)
        case _T.JOB_FAIL:
            return job_fail(expr)
    return parse_trigger(text)


def schedule(cron: str) -> Trigger:
    """Return a trigger that fires at each tick of five cron fields, or of `@hourly` and its like."""
    return parse_trigger(f"{_T.SCHEDULE}:{' '.join(cron.split())}")


def every(period: str | float) -> Trigger:
    """Return a trigger that fires each period: `"5m"`, `"6h"`, or a number of seconds."""
    text = period.strip() if isinstance(period, str) else f"{period:.6f}".rstrip("0").rstrip(".") + "s"
    trigger = parse_trigger(f"{_T.EVERY}:{text}")
    # The published manifest knows no weeks (DEC-23).
    return Trigger(f"{_T.EVERY}:{parse_duration(text) / 86400:g}d") if text.endswith("w") else trigger


def once(at: str | float | date | datetime) -> Trigger:
    """Return a trigger that fires at one instant: ISO text, `datetime`, `date` or unix time; naive is UTC."""
    from datetime import UTC, date, datetime, time

    if isinstance(at, str):
        moment = parse_instant(at)
    elif isinstance(at, datetime):
        moment = at
    elif isinstance(at, date):
        moment = datetime.combine(at, time())
    else:
        moment = datetime.fromtimestamp(at, UTC)
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return Trigger(f"{_T.ONCE}:{moment.astimezone(UTC).isoformat()}")


def job_success(job: str) -> Trigger:
    """Return a trigger that fires when the job completes, named by ref, or any job that a selector names."""
    return parse_trigger(f"{_T.JOB_SUCCESS}:{_followed(job)}")


def job_fail(job: str) -> Trigger:
    """Return a trigger that fires when the job fails, named by ref, or any job that a selector names."""
    return parse_trigger(f"{_T.JOB_FAIL}:{_followed(job)}")


def tag(name: str) -> Trigger:
    """Return a trigger that fires when all jobs of that tag are started."""
    return parse_trigger(f"{_T.TAG}:{name.strip()}")


def pipeline_name(name: str) -> Trigger:
    """Return a trigger that fires when that pipeline is started by name."""
    return parse_trigger(f"{_T.PIPELINE_NAME}:{name.strip()}")


def http(port: int | None = None, path: str = "") -> Trigger:
    """Return the trigger of jobs that serve HTTP; interactive jobs have it without asking."""
    return parse_trigger(f"{_T.HTTP}:{'' if port is None else port}{path}")


def webhook(path: str = "") -> Trigger:
    """Return a trigger that fires when the job's own URL is called."""
    return parse_trigger(f"{_T.WEBHOOK}:{path}")


def deployment() -> Trigger:
    """Return a trigger that fires after a deploy that changed code."""
    return Trigger(f"{_T.DEPLOYMENT}:")


def is_selector(text: str) -> bool:
    """Return whether a text names jobs by property, not by ref: a colon, a glob or a type word says so."""
    is_word = text == TIMED_WORD or text in JOB_TYPE_WORDS or text in TRIGGER_TYPES
    return is_word or ":" in text or not GLOB_CHARACTERS.isdisjoint(text)


def in_words(trigger: str, timezone: str = "") -> str:
    """Return the trigger as people say it: "after load_commits succeeded", "daily at 06:00 UTC".

    `timezone` is the name of the one its times of day are in. Source: TRG-13.
    """
    # Job files that are imported say nothing in words.
    from runyard.core import schedule_words

    name, _, expr = trigger.partition(":")
    job = expr.rsplit(".", 1)[-1] if is_ref(expr) else expr
    match name:
        case _T.SCHEDULE:
            return schedule_words.schedule_in_words(expr, timezone)
        case _T.EVERY:
            return schedule_words.period_in_words(expr)
        case _T.ONCE:
            return f"once {schedule_words.instant_in_words(expr)}"
        case _T.JOB_SUCCESS:
            return f"after {job} succeeded"
        case _T.JOB_FAIL:
            return f"after {job} failed"
        case _T.TAG:
            return f"tag {expr}"
        case _T.MANUAL:
            return "by hand"
        case _T.PIPELINE_NAME:
            return f"pipeline {expr}"
        case _T.HTTP:
            return "on the first visit"
        case _T.WEBHOOK:
            return f"by webhook {expr}".rstrip()
        case _T.DEPLOYMENT:
            return "after a deploy"
    return trigger


def starts_in_words(triggers: Iterable[str], timezone: str = "") -> str:
    """Return what starts a job as people say it, without what only makes it findable."""
    added = (_T.MANUAL, _T.PIPELINE_NAME)
    said = [in_words(trigger, timezone) for trigger in triggers if trigger.partition(":")[0] not in added]
    return ", ".join(said) or "by hand"


UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
"""Seconds of each unit of a duration."""

DURATION_MAX_SECONDS = 100 * 366 * 86400.0
"""Longer than any period or timeout that means something; keeps later arithmetic within a datetime."""


def parse_duration(text: str) -> float:
    """Return the seconds of `"5m"`, `"1.5h"`, `"2w"` or a bare number of seconds.

    Raises: InvalidInput unless it is above 0 and at most a hundred years.
    """
    number = text.strip()
    unit = number[-1:] if number[-1:] in UNITS else ""
    digits = number.removesuffix(unit).rstrip()
    seconds = 0.0
    # Digits on both sides of the point, as the published schema has it.
    if digits.isascii() and digits.count(".") < 2 and all(part.isdecimal() for part in digits.split(".")):
        seconds = float(digits) * UNITS[unit or "s"]
    if not 0 < seconds <= DURATION_MAX_SECONDS:
        raise InvalidInput(
            f"`{text}` is no duration.", "Write a number and one of s, m, h, d, w: `5m`, `36h`."
        )
    return seconds


YEARS = range(1900, 2200)
"""Years an instant may lie in; anything else is a slip of the pen, and calendars end at 1 and 9999."""


def parse_instant(text: str) -> datetime:
    """Return the instant of a `once`; without an offset it is UTC.

    Raises: InvalidTrigger if it is no ISO 8601 or outside of `YEARS`.
    """
    from datetime import UTC, datetime

    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        moment = None
    if moment is None or moment.year not in YEARS:
        raise InvalidTrigger(
            f"`{_T.ONCE}:{text}` names no instant of these centuries.",
            "Write ISO 8601, for example `2026-01-31T06:00:00Z`.",
        )
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _check(kind: str, expr: str) -> None:
    text = f"{kind}:{expr}"
    match kind:
        case _T.SCHEDULE:
            check_cron(expr)
        case _T.EVERY:
            try:
                parse_duration(expr)
            except InvalidInput as error:
                raise InvalidTrigger(f"`{text}`: {error.cause}", error.remedy) from None
        case _T.ONCE:
            parse_instant(expr)
        case _T.JOB_SUCCESS | _T.JOB_FAIL:
            if not is_ref(expr) and not is_selector(expr):
                raise InvalidTrigger(
                    f"`{text}` names no job.",
                    "Use `section.name`, the full ref, or a selector such as `tag:NAME`.",
                )
        case _T.TAG | _T.PIPELINE_NAME:
            if not expr:
                raise InvalidTrigger(f"`{text}` has no name.", "Write the name after the colon.")
        case _T.HTTP:
            port, _, _ = expr.partition("/")
            is_port = port.isascii() and port.isdecimal() and len(port) <= 5 and 0 < int(port) < 65536
            if expr.startswith("//") or (port and not is_port):
                raise InvalidTrigger(
                    f"`{text}` is no address.", "Write `http:`, `http:8000` or `http:/path`."
                )


def _followed(job: str) -> str:
    """Return a ref or selector as it stands in a trigger: refs and globs over refs in their full form."""
    job = job.strip()
    is_glob = not GLOB_CHARACTERS.isdisjoint(job)
    if ":" in job or job.startswith(PREFIX) or job == "*":
        return job
    return f"{PREFIX}{job}" if is_glob or (job.count(".") == 1 and not is_selector(job)) else job


def _known_types(name: str) -> str:
    # Only when something is wrong: this import costs more than reading a good job file.
    import difflib

    near = difflib.get_close_matches(name, TRIGGER_TYPES, 1)
    return f"Did you mean `{near[0]}`?" if near else f"Known are: {', '.join(TRIGGER_TYPES)}."
