"""What a job is: one entry of a manifest, as types.

The wire form (published engine 2, a dict) is the truth and is kept unchanged beside the parsed view, because
clients expect it echoed intact. What engine 2 has no word for travels as `extensions` (DEC-23). Text forms of
triggers are in `triggers`, refs in `job_refs`, the envelope and its checks in `manifest`.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from inspect import cleandoc
from types import MappingProxyType
from typing import Any, TypeVar

from runyard.core.errors import InvalidJob
from runyard.core.triggers import DURATION_MAX_SECONDS, JOB_EVENTS, parse_trigger

ENGINE_VERSION = 2
"""The manifest engine we write and understand; engine 1 is migrated when read."""

DEFAULT_TIMEOUT_SECONDS = 120 * 60.0
"""How long a batch run may take unless its job says otherwise (EXE-01)."""

DEFAULT_GRACE_SECONDS = 30.0
"""How long a process has between being asked to stop and being killed (EXE-03)."""

DEFAULT_CONCURRENCY = 1
"""Simultaneous runs of a job unless it says otherwise (EXE-05)."""

CONCURRENCY_MAX = 10_000
"""Simultaneous runs a job may ask for; who wants more means no limit."""

INPUTS_MAX = 255
"""Inputs of a job: as many parameters as a function could once have; nobody fills in a longer form."""

RETRIES_MAX = 100
"""Further attempts a job may ask for: at the longest delay three months, and far more than ever helped."""

RETRY_DELAY_SECONDS = 30.0
"""The wait before the second attempt unless the job says otherwise: what is down for a moment is back by then."""

RETRY_DELAY_MAX_SECONDS = 86_400.0
"""The longest wait before an attempt, however it grows: after a day somebody should look."""

RETRY_BACKOFF = 2.0
"""What each further wait is multiplied with unless the job says otherwise."""

RETRY_BACKOFF_MAX = 100.0
"""The largest multiplier: from one second it reaches the longest wait in three steps."""

DASHBOARD_REF = "jobs.workspace.dashboard"
"""The job that every `__deployment__` module brings along (DEP-18)."""

FRESH = "job.is_fresh"
"""The only freshness constraint: `job.is_fresh:<ref>`."""

EXTENSIONS = frozenset({"freshness_wait", "idle_timeout", "retries", "retry_backoff", "retry_delay", "split"})
"""What may stand beside engine 2 for a job; anything else is refused by name."""


class JobType(StrEnum):
    """Runs to an end, or serves until it is stopped."""

    BATCH = "batch"
    INTERACTIVE = "interactive"


class RefreshPolicy(StrEnum):
    """What a job does with a refresh signal: pass it on, originate it, or stop it."""

    AUTO = "auto"
    ALWAYS = "always"
    BLOCK = "block"


@dataclass(frozen=True, slots=True)
class EntryPoint:
    """What a launcher starts: a function of a module, or the module itself."""

    module: str
    function: str | None
    job_type: JobType
    launcher: str


@dataclass(frozen=True, slots=True)
class IntervalSpec:
    """The overall range a job covers, as written: ISO texts, the end open when None, and the longest window."""

    start: str
    end: str | None = None
    split: str | None = None


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often a failed run of a job is tried again, and what is waited before (DEC-20).

    The first wait is `delay_seconds`, each further one `backoff` times the one before.
    """

    retries: int = 0
    delay_seconds: float = RETRY_DELAY_SECONDS
    backoff: float = RETRY_BACKOFF

    def delay_after(self, attempt: int) -> float:
        """Return the seconds to wait after this attempt, counted from 1, has failed."""
        return min(self.delay_seconds * self.backoff ** (attempt - 1), RETRY_DELAY_MAX_SECONDS)


@dataclass(frozen=True, slots=True)
class JobDefinition:
    """One job of a deployment.

    `concurrency` None means no limit; `triggers` are the declared ones, `manifest.expand_triggers` adds the rest.
    `config_keys` are the names of its parameters, `inputs` is their JSON schema, None without any. `wire` and
    `extensions` are what it was read from.
    """

    job_ref: str
    entry_point: EntryPoint
    triggers: tuple[str, ...] = ()
    default_trigger: str | None = None
    description: str | None = None
    display_name: str | None = None
    tags: tuple[str, ...] = ()
    manual: bool = True
    category: str | None = None
    pipeline_name: str | None = None
    timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS
    grace_seconds: float = DEFAULT_GRACE_SECONDS
    concurrency: int | None = DEFAULT_CONCURRENCY
    retry: RetryPolicy = RetryPolicy()
    timezone: str = "UTC"
    profile: str | None = None
    dependency_groups: tuple[str, ...] = ()
    interval: IntervalSpec | None = None
    freshness: tuple[str, ...] = ()
    freshness_wait_seconds: float = 0.0
    refresh: RefreshPolicy = RefreshPolicy.AUTO
    inputs: Mapping[str, Any] | None = field(default=None, repr=False)
    config_keys: tuple[str, ...] = ()
    wire: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}), compare=False, repr=False)
    extensions: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}), repr=False)

    @property
    def is_batch(self) -> bool:
        return self.entry_point.job_type is JobType.BATCH

    @property
    def name(self) -> str:
        """Return what people call the job: its display name, else the last part of its ref."""
        return self.display_name or self.job_ref.rsplit(".", 1)[-1]

    @property
    def follows(self) -> tuple[str, ...]:
        """Return the refs of the jobs whose end starts this one."""
        parsed = (parse_trigger(trigger) for trigger in self.triggers)
        return tuple(dict.fromkeys(trigger.expr for trigger in parsed if trigger.type in JOB_EVENTS))


def upstream_refs(gates: Iterable[str]) -> tuple[str, ...]:
    """Return the job refs named by freshness texts (`job.is_fresh:<ref>`)."""
    return tuple(gate.removeprefix(f"{FRESH}:") for gate in gates)


def parse_job(wire: Mapping[str, Any], extensions: Mapping[str, Any] | None = None) -> JobDefinition:
    """Return the typed view of one manifest entry.

    Raises: InvalidJob naming the job and the field, if the entry is no engine-2 job definition.
    Source: contract 7.3, DEC-23.
    """
    ref = wire.get("job_ref")
    if not isinstance(ref, str) or not ref:
        raise InvalidJob("A job of the manifest has no job_ref.", "Give every job a `job_ref`.")
    extensions = dict(extensions or {})
    for name in extensions:
        if name not in EXTENSIONS:
            near = difflib.get_close_matches(name, EXTENSIONS, 1)
            hint = f"Did you mean `{near[0]}`?" if near else f"Known are: {', '.join(sorted(EXTENSIONS))}."
            raise InvalidJob(f"{ref}: this server does not know the extension `{name}`.", hint)
    read = _Reader(ref, wire)
    entry = _Reader(ref, read.table("entry_point"))
    execute, expose, require = (_Reader(ref, read.table(key, {})) for key in ("execute", "expose", "require"))
    timeout = _Reader(ref, execute.table("timeout", {}))
    interval = read.table("interval", None)
    concurrency: int | None = DEFAULT_CONCURRENCY
    if "concurrency" in execute.fields:
        concurrency = execute.whole_number("concurrency", CONCURRENCY_MAX)
    return JobDefinition(
        job_ref=ref,
        entry_point=EntryPoint(
            module=entry.text("module"),
            function=entry.text("function", None),
            job_type=entry.one_of("job_type", JobType, None),
            launcher=entry.text("launcher"),
        ),
        triggers=read.texts("triggers"),
        default_trigger=read.text("default_trigger", None),
        description=cleandoc(read.text("description", "")) or None,
        display_name=expose.text("display_name", None),
        tags=expose.texts("tags"),
        manual=bool(expose.fields.get("manual", True)),
        category=expose.text("category", None),
        pipeline_name=_Reader(ref, read.table("deliver", {})).text("pipeline_name", None),
        timeout_seconds=timeout.seconds("timeout", DEFAULT_TIMEOUT_SECONDS),
        grace_seconds=timeout.seconds("grace_period", DEFAULT_GRACE_SECONDS),
        concurrency=concurrency,
        retry=_retry(ref, entry.fields.get("job_type"), extensions),
        timezone=require.text("timezone", "UTC"),
        profile=require.text("profile", None),
        dependency_groups=require.texts("dependency_groups"),
        interval=_interval(ref, interval, extensions) if interval is not None else None,
        freshness=read.texts("freshness"),
        freshness_wait_seconds=_Reader(ref, extensions).seconds("freshness_wait", 0.0),
        refresh=read.one_of("refresh_propagation", RefreshPolicy, RefreshPolicy.AUTO),
        inputs=_inputs(ref, read.table("inputs", None)),
        config_keys=read.texts("config_keys"),
        wire=wire,
        extensions=MappingProxyType(extensions),
    )


def outline_of(ref: str, job_type: str, wire: Mapping[str, Any]) -> JobDefinition:
    """Return what is left to tell of a job that `parse_job` cannot read: who it is, and nothing of what it would do."""
    if not isinstance(wire, Mapping):
        wire = {}  # damaged, for no version of runyard stores anything else
    entry, description = wire.get("entry_point"), wire.get("description")
    module = entry.get("module") if isinstance(entry, Mapping) else None
    return JobDefinition(
        ref,
        EntryPoint(str(module), None, JobType(job_type), launcher=""),
        description=description if isinstance(description, str) else None,
        manual=False,
        wire=wire,
    )


def _interval(ref: str, table: Mapping[str, Any], extensions: Mapping[str, Any]) -> IntervalSpec:
    read = _Reader(ref, table)
    return IntervalSpec(
        read.text("start"), read.text("end", None), _Reader(ref, extensions).text("split", None)
    )


def _retry(ref: str, job_type: object, extensions: Mapping[str, Any]) -> RetryPolicy:
    """Return how a job is retried. An app is no work that could be done again: who opens it starts it anew."""
    read = _Reader(ref, extensions)
    retries = read.whole_number("retries", RETRIES_MAX) or 0
    if retries and job_type == JobType.INTERACTIVE:
        raise InvalidJob(
            f"{ref}: an interactive job has `retries`.", "Leave them out: only batch jobs have them."
        )
    return RetryPolicy(
        retries,
        read.seconds("retry_delay", RETRY_DELAY_SECONDS, RETRY_DELAY_MAX_SECONDS),
        read.factor("retry_backoff", RETRY_BACKOFF, RETRY_BACKOFF_MAX),
    )


def _inputs(ref: str, schema: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """Return the schema of a job's inputs, once it has the shape that a form is made from. Source: JCF-09."""
    if schema is None:
        return None
    read = _Reader(ref, schema)
    properties, required = read.table("properties", {}), read.texts("required")
    if len(properties) > INPUTS_MAX:
        raise InvalidJob(f"{ref}: it has {len(properties)} inputs.", f"Give it at most {INPUTS_MAX}.")
    if not all(isinstance(one, Mapping) for one in properties.values()):
        raise InvalidJob(f"{ref}: `inputs` holds what is no schema.", "Give each property an object.")
    if not properties.keys() >= set(required):
        raise InvalidJob(f"{ref}: `inputs` requires what it does not describe.", "List names of properties.")
    return schema


_REQUIRED: Any = object()
E = TypeVar("E", bound=StrEnum)


class _Reader:
    """Reads fields of one JSON object, naming job and field when one does not fit."""

    def __init__(self, ref: str, fields: Mapping[str, Any]) -> None:
        self.ref, self.fields = ref, fields

    def _get(self, key: str, default: Any, kind: tuple[type, ...], what: str) -> Any:
        value = self.fields.get(key)
        if value is None:
            if default is _REQUIRED:
                raise InvalidJob(f"{self.ref}: `{key}` is missing.", f"Give it {what}.")
            return default
        if not isinstance(value, kind) or (isinstance(value, bool) and bool not in kind):
            raise InvalidJob(f"{self.ref}: `{key}` is {value!r:.40}.", f"Give it {what}.")
        return value

    def text(self, key: str, default: Any = _REQUIRED) -> Any:
        return self._get(key, default, (str,), "a text")

    def seconds(self, key: str, default: float, most: float = DURATION_MAX_SECONDS) -> float:
        return float(self._number(key, default, (int, float), most, "a number"))

    def factor(self, key: str, default: float, most: float) -> float:
        what = f"a number from 1 to {most:,.0f}"
        value = self._get(key, default, (int, float), what)
        if not 1 <= value <= most:
            raise InvalidJob(f"{self.ref}: `{key}` is {value!r:.40}.", f"Give it {what}.")
        return float(value)

    def whole_number(self, key: str, most: int) -> int | None:
        number: int | None = self._number(key, None, (int,), most, "a whole number")
        return number

    def _number(self, key: str, default: float | None, kind: tuple[type, ...], most: float, what: str) -> Any:
        what = f"{what} above 0, at most {most:,.0f}"
        value = self._get(key, default, kind, what)
        if value is not default and not 0 < value <= most:
            raise InvalidJob(f"{self.ref}: `{key}` is {value!r:.40}.", f"Give it {what}.")
        return value

    def table(self, key: str, default: Any = _REQUIRED) -> Any:
        return self._get(key, default, (Mapping,), "an object")

    def texts(self, key: str) -> tuple[str, ...]:
        value = self._get(key, [], (list, tuple, str), "a list of texts")
        return (value,) if isinstance(value, str) else tuple(str(item) for item in value)

    def one_of(self, key: str, choices: type[E], default: E | None) -> E:
        value = self._get(key, default if default is not None else _REQUIRED, (str,), "a text")
        try:
            return choices(value)
        except ValueError:
            raise InvalidJob(
                f"{self.ref}: `{key}` is {value!r:.40}.", f"Use one of {', '.join(choices)}."
            ) from None
