"""Functions become jobs: what `@run.job`, `@run.pipeline` and `@run.interactive` accept and make of it.

Importing a job file runs this, on every start of a run too, so it imports little and checks what can be
checked without a server. The manifest entry is made only when somebody asks for it.
"""

from __future__ import annotations

import sys

from runyard.core.errors import InvalidInput, InvalidInterval, InvalidJob, RunyardError
from runyard.core.job_refs import make_ref
from runyard.core.lean_typing import Generic, P, R
from runyard.core.options import (
    BatchOptions,
    Execute,
    Expose,
    InteractiveOptions,
    Interval,
    Require,
    Timeout,
)
from runyard.core.triggers import http, job_fail, job_success, parse_duration, read_triggers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any, Protocol, Unpack, overload

    from runyard.core.triggers import Trigger

    class HasPipelineName(Protocol):
        """A dlt pipeline, as far as we need to know it."""

        pipeline_name: str


_WORDS = {
    "incremental_mode": ("interval", "pipeline"),
    "auto_refresh_pipeline_mode": ("drop_sources", "drop_resources", "drop_data"),
}
"""What the arguments for dlt's pipelines may say."""

noticed: list[RunyardError] | None = None
"""Mistakes in what jobs are given, where discovery wants to tell all of them; else the first ends the import."""

NOTICED_MAX = 50
"""Mistakes told at once: more than anybody mends before trying again."""

JOB_LAUNCHER = "runyard.core.launchers.job"
"""The module that starts functions."""


class Job(Generic[P, R]):
    """A function that is also a job. Calling it calls the function."""

    def __init__(self, function: Callable[P, R], wire: Mapping[str, Any], options: Mapping[str, Any]) -> None:
        self._function = function
        self._options = options
        _wrap(self, function)
        section = options.get("section") or _module_name(function)
        self.ref = make_ref(section, options.get("name") or function.__name__)
        try:
            self._wire = {**wire, **_batch_fields(options)}
            self._triggers = read_triggers((wire.get("triggers"), options.get("trigger")))
        except RunyardError as error:
            mistake = type(error)(f"{self.ref}: {error.cause}", error.remedy)
            if noticed is None:
                raise mistake from None
            if len(noticed) < NOTICED_MAX:
                noticed.append(mistake)
            self._wire, self._triggers = dict(wire), []

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        return self._function(*args, **kwargs)

    def __repr__(self) -> str:
        return f"<job {self.ref}>"

    @property
    def success(self) -> Trigger:
        """Fires when this job has completed."""
        return job_success(self.ref)

    @property
    def fail(self) -> Trigger:
        """Fires when this job has failed."""
        return job_fail(self.ref)

    @property
    def completed(self) -> tuple[Trigger, Trigger]:
        """Fires when this job has ended, either way."""
        return (self.success, self.fail)

    @property
    def is_fresh(self) -> str:
        """Lets another job wait until this one has completed its latest interval."""
        return f"job.is_fresh:{self.ref}"

    def definition(self) -> dict[str, Any]:
        """Return the manifest entry in the published form, engine 2. Source: contract 7.3."""
        from runyard.core.input_schemas import input_schema
        from runyard.core.jobs import ENGINE_VERSION
        from runyard.core.manifest import default_trigger

        wire = self._wire
        definition: dict[str, Any] = {
            "engine_version": ENGINE_VERSION,
            "job_ref": self.ref,
            "entry_point": {
                "module": self._function.__module__,
                "function": self._function.__name__,
                "job_type": wire["job_type"],
                "launcher": JOB_LAUNCHER,
            },
            "triggers": [str(trigger) for trigger in self._triggers],
            **{key: value for key, value in wire.items() if key not in ("job_type", "triggers")},
        }
        if description := (self._function.__doc__ or "").strip():
            definition["description"] = description
        if inputs := input_schema(self._function):
            definition |= {"config_keys": list(inputs["properties"]), "inputs": inputs}
        if default := default_trigger(definition["triggers"]):
            definition["default_trigger"] = default
        return definition

    def extensions(self) -> dict[str, Any]:
        """Return what the published form has no word for. Source: DEC-23."""
        found: dict[str, Any] = {}
        if split := self._options.get("interval", {}).get("split"):
            found["split"] = split
        for name in ("idle_timeout", "freshness_wait"):
            if (span := self._options.get(name)) is not None:
                found[name] = _seconds(span)
        execute = self._options.get("execute") or {}
        if execute.get("retries"):
            found |= {name: execute[name] for name in ("retries", "retry_backoff") if name in execute}
            if (delay := execute.get("retry_delay")) is not None:
                found["retry_delay"] = _seconds(delay)
        return found


if TYPE_CHECKING:

    @overload
    def job(function: Callable[P, R], /) -> Job[P, R]: ...
    @overload
    def job(**options: Unpack[BatchOptions]) -> Callable[[Callable[P, R]], Job[P, R]]: ...


def job(function: Callable[..., Any] | None = None, /, **options: Any) -> Any:
    """Make a function a batch job: it runs to an end.

    Raises: InvalidJob for an argument that is not known, naming the nearest one.
    Source: DEC-04, DEC-06, DEC-08.
    """
    _refuse_unknown("run.job", options, BatchOptions)
    wire = {"job_type": "batch", "execute": _execute(options), "expose": _expose(options)}
    return _decorate(function, wire, options)


def pipeline(
    pipeline: str | HasPipelineName, /, **options: Unpack[BatchOptions]
) -> Callable[[Callable[P, R]], Job[P, R]]:
    """Make a function a batch job that runs the pipeline of that name.

    Source: DEC-03, TAG-13.
    """
    name = pipeline if isinstance(pipeline, str) else getattr(pipeline, "pipeline_name", None)
    if not isinstance(name, str) or not name:
        raise InvalidJob(
            "`run.pipeline` is given no pipeline.",
            'Write `@run.pipeline("name")` or give it a pipeline object.',
        )
    _refuse_unknown("run.pipeline", options, BatchOptions)
    wire = {
        "job_type": "batch",
        "execute": _execute(options),
        "expose": {"category": "pipeline", **_expose(options)},
        "deliver": {"pipeline_name": name},
    }
    decorator: Callable[[Callable[P, R]], Job[P, R]] = _decorate(None, wire, options)
    return decorator


if TYPE_CHECKING:

    @overload
    def interactive(function: Callable[P, R], /) -> Job[P, R]: ...
    @overload
    def interactive(**options: Unpack[InteractiveOptions]) -> Callable[[Callable[P, R]], Job[P, R]]: ...


def interactive(function: Callable[..., Any] | None = None, /, **options: Any) -> Any:
    """Make a function an interactive job: it serves HTTP, or returns what does, until it is stopped.

    Source: DEC-05, DEC-18, TRG-28.
    """
    _refuse_unknown("run.interactive", options, InteractiveOptions)
    interface = options.get("interface", "gui")
    if interface not in ("gui", "rest_api", "mcp"):
        raise InvalidJob(f"`{interface}` is no interface.", "Use `gui`, `rest_api` or `mcp`.")
    execute = _execute(options)
    if (idle := options.get("idle_timeout")) is not None:
        # The published form has one word for both limits, and an app has no other.
        execute["timeout"] = {"timeout": _seconds(idle)}
    wire = {
        "job_type": "interactive",
        "execute": execute,
        "expose": {"interface": interface, **_expose(options)},
        "triggers": [http()],
    }
    return _decorate(function, wire, options)


def expose_spec(expose: Mapping[str, Any]) -> dict[str, Any]:
    """Return `expose` as the manifest stores it: tags as a list, `manual` always said.

    Source: DEC-07, TAG-01.
    """
    _refuse_unknown("expose", expose, Expose, also=("interface",))
    tags = expose.get("tags")
    spec = {**expose, "manual": bool(expose.get("manual", True))}
    if tags is not None:
        spec["tags"] = [tags] if isinstance(tags, str) else list(tags)
    return spec


def require_spec(require: Mapping[str, Any]) -> dict[str, Any]:
    """Return `require` as the manifest stores it."""
    _refuse_unknown("require", require, Require)
    return dict(require)


def _decorate(
    function: Callable[..., Any] | None, wire: Mapping[str, Any], options: Mapping[str, Any]
) -> Any:
    def bind(function: Callable[..., Any]) -> Job[..., Any]:
        if not callable(function):
            raise InvalidJob(f"{function!r} is no function.", "Name arguments: `@run.job(name=...)`.")
        return Job(function, wire, options)

    return bind if function is None else bind(function)


def _batch_fields(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of the definition that are taken over from the options as they are, checked."""
    fields: dict[str, Any] = {}
    if "require" in options:
        fields["require"] = require_spec(options["require"])
    if "interval" in options:
        fields["interval"] = _interval(options["interval"])
    if freshness := options.get("freshness"):
        fields["freshness"] = [freshness] if isinstance(freshness, str) else list(freshness)
    # The newer of two spellings of one thing (RFR-01).
    refresh = options.get("refresh_propagation", options.get("refresh", "auto"))
    if refresh not in ("auto", "always", "block") or options.get("refresh", refresh) != refresh:
        raise InvalidJob(f"`refresh` is {refresh!r}.", "Use `auto`, `always` or `block`, and say it once.")
    if refresh != "auto":
        fields["refresh_propagation"] = refresh
    for name, words in _WORDS.items():
        if (word := options.get(name)) is not None:
            if word not in words:
                raise InvalidJob(f"`{name}` is {word!r}.", f"Use one of {', '.join(words)}.")
            fields[name] = word
    return fields


def _execute(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return `execute` as the manifest stores it; every published way to write the timeout is taken.

    Source: EXE-02, EXE-05.
    """
    given = dict(options.get("execute") or {})
    _refuse_unknown("execute", given, Execute)
    spec: dict[str, Any] = {"concurrency": given.get("concurrency", 1)}
    concurrency = spec["concurrency"]
    if concurrency is not None and (not isinstance(concurrency, int) or concurrency < 1):
        raise InvalidJob(
            f"`concurrency` is {concurrency!r}.", "Give it a whole number, or None for no limit."
        )
    timeout = given.get("timeout")
    limits = dict(timeout) if isinstance(timeout, dict) else {"timeout": timeout}
    _refuse_unknown("timeout", limits, Timeout)
    limits.setdefault("grace_period", given.get("grace_period"))
    if limits := {key: _seconds(value) for key, value in limits.items() if value is not None}:
        spec["timeout"] = limits
    elif "timeout" in given:
        spec["timeout"] = None
    if "intercept_signals" in given:
        spec["intercept_signals"] = bool(given["intercept_signals"])
    return spec


def _expose(options: Mapping[str, Any]) -> dict[str, Any]:
    return expose_spec(options.get("expose") or {})


def _interval(interval: Mapping[str, Any]) -> dict[str, str]:
    _refuse_unknown("interval", interval, Interval)
    if not interval.get("start"):
        raise InvalidInterval("`interval` has no start.", 'Write `interval={"start": "2026-01-01"}`.')
    ends = {key: interval[key] for key in ("start", "end") if interval.get(key)}
    return {key: end if isinstance(end, str) else end.isoformat() for key, end in ends.items()}


def _seconds(value: float | str) -> float:
    try:
        return parse_duration(value) if isinstance(value, str) else parse_duration(f"{value:f}")
    except InvalidInput as error:
        raise InvalidJob(error.cause, error.remedy) from None


def _wrap(job: Job[..., Any], function: Callable[..., Any]) -> None:
    """Let a job pass for its function, as `functools.update_wrapper` would, whose module is slow to import."""
    annotations = "__annotate__" if sys.version_info >= (3, 14) else "__annotations__"
    for name in ("__module__", "__name__", "__qualname__", "__doc__", annotations):
        if hasattr(function, name):
            setattr(job, name, getattr(function, name))
    vars(job).update(vars(function), __wrapped__=function)


def _module_name(function: Callable[..., Any]) -> str:
    """Return the last part of the name of a function's module; of a script, its file name."""
    name = function.__module__
    if name == "__main__" and (file := getattr(sys.modules[name], "__file__", None)):
        return str(file).rpartition("/")[2].removesuffix(".py")
    return name.rpartition(".")[2]


def _refuse_unknown(what: str, given: Mapping[str, Any], options: type, also: Iterable[str] = ()) -> None:
    known = {key for kind in options.__mro__ for key in vars(kind).get("__annotations__", ())} | set(also)
    for name in given:
        if name not in known:
            # Only when something is wrong: this import costs more than reading a good job file.
            import difflib

            near = difflib.get_close_matches(name, known, 1)
            raise InvalidJob(
                f"`{what}` knows no `{name}`.",
                f"Did you mean `{near[0]}`?" if near else f"Known are: {', '.join(sorted(known))}.",
            )
