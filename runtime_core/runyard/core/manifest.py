"""The list of a deployment's jobs as a whole: its envelope, hashes, older form, and what makes it wrong.

A manifest comes from outside, so every check is made here again, however it was produced. What one entry
means is `jobs`; what needs a cron library is handed in by the caller. Comparing two manifests is `reconcile`.
"""

from __future__ import annotations

import base64
import hashlib
import json
import zoneinfo
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from runyard.core.errors import InvalidInput, InvalidJob, InvalidManifest
from runyard.core.job_refs import REF_LENGTH_MAX, parse_ref
from runyard.core.jobs import DASHBOARD_REF, ENGINE_VERSION, FRESH, JobDefinition, parse_job
from runyard.core.profiles import LOCAL
from runyard.core.triggers import EVENTS, JOB_EVENTS, PERIODIC, TriggerType, parse_trigger

DEPLOYMENT_MODULE = "__deployment__"
"""The module that declares what a workspace deploys (DEP-01)."""

JOBS_MAX = 10_000
"""Jobs of one manifest: ten times the largest workspace we plan for, still checked in seconds."""

JOB_BYTES_MAX = 64 * 1024
"""Size of one entry as JSON; a docstring is its longest part."""

NESTING_MAX = 64
"""Lists and objects within each other in one entry: schemas of inputs have some ten, and databases read a thousand."""

TRIGGERS_MAX = 1_000
"""Triggers of one job; a selector such as `job.fail:*` expands to one for each other job."""

CYCLES_SHOWN = 5
"""Cycles named in one error; mending these usually mends the rest."""

Check = Callable[[JobDefinition], None]
"""Raises InvalidInput if a job is wrong in a way that only its caller can tell."""


def build_manifest(
    jobs: Sequence[Mapping[str, Any]],
    *,
    deployment_module: str | None,
    created_at: str,
    description: str | None = None,
    tags: Sequence[str] = (),
) -> dict[str, Any]:
    """Return the envelope around job definitions; `created_at` is ISO 8601 with a timezone.

    Source: contract 7.3.
    """
    manifest: dict[str, Any] = {
        "engine_version": ENGINE_VERSION,
        "created_at": created_at,
        "deployment_module": deployment_module,
        "jobs": list(jobs),
    }
    if description:
        manifest["description"] = description
    if tags:
        manifest["tags"] = list(tags)
    return manifest


def validate_manifest(
    jobs: Sequence[Mapping[str, Any]],
    engine_version: int,
    extensions: Mapping[str, Mapping[str, Any]] | None = None,
    *,
    check: Check | None = None,
) -> list[JobDefinition]:
    """Return the typed jobs of a manifest, migrated to our engine, in order.

    `check` is asked about each job that is otherwise sound; the server hands in what needs `intervals`.
    Raises: InvalidManifest with one reason for each thing that is wrong; nothing of it may be applied.
    Source: TRG-09, TRG-10, TRG-23, TRG-28, DEP-13, DEP-14, FRS-07, IVL-01, PRF-17, CMP-12.
    """
    if len(jobs) > JOBS_MAX:
        raise InvalidManifest(f"The manifest has {len(jobs)} jobs.", f"Deploy at most {JOBS_MAX}.")
    extensions = extensions or {}
    parsed: list[JobDefinition] = []
    reasons: list[str] = []
    for wire in migrate_jobs(jobs, engine_version):
        try:
            job = _parse(wire, extensions)
            faults = list(_faults(job))
            if not faults and check is not None:
                check(job)
        except InvalidInput as error:
            ref = str(wire.get("job_ref"))[:REF_LENGTH_MAX]
            text = str(error)
            faults = [text if text.startswith(ref) else f"{ref}: {text}"]
        else:
            parsed.append(job)
        reasons += faults
    known = {wire["job_ref"] for wire in jobs if isinstance(wire.get("job_ref"), str)}
    reasons += _faults_between(parsed, known)
    reasons += [f"Extensions name `{ref}`, which is no job here." for ref in extensions if ref not in known]
    if reasons:
        raise refused(reasons)
    return parsed


def refused(reasons: Sequence[str]) -> InvalidManifest:
    """Return the error that tells everything that is wrong with the jobs of a manifest."""
    return InvalidManifest(
        f"The manifest cannot be deployed: {reasons[0]}",
        "Correct it and deploy again; nothing was changed.",
        reasons=reasons,
    )


def migrate_jobs(jobs: Iterable[Mapping[str, Any]], engine_version: int) -> list[dict[str, Any]]:
    """Return job entries in the form of our engine; entries that already have it are not changed.

    Raises: InvalidManifest naming both versions if theirs is newer. Source: CMP-12, contract 14.
    """
    if isinstance(engine_version, bool) or not isinstance(engine_version, int) or engine_version < 1:
        raise InvalidManifest(f"`{engine_version}` is no engine version.", f"Send {ENGINE_VERSION}.")
    if engine_version > ENGINE_VERSION:
        raise InvalidManifest(
            f"The manifest is of engine {engine_version}, this server understands up to {ENGINE_VERSION}.",
            "Update the server, or deploy with an older client.",
        )
    entries = []
    for job in jobs:
        if not isinstance(job, Mapping):
            raise InvalidManifest("An entry of the manifest is no object.", "Send a list of job definitions.")
        entries.append(_from_engine_1(dict(job)) if engine_version == 1 else dict(job))
    return entries


def expand_triggers(job: JobDefinition) -> tuple[str, ...]:
    """Return everything that starts a job: what it declares, its tags, by hand, and its pipeline.

    Source: TRG-12, TAG-03, contract 8.1.
    """
    triggers = [*job.triggers, *(f"{TriggerType.TAG}:{tag}" for tag in job.tags)]
    if job.manual:
        triggers.append(f"{TriggerType.MANUAL}:{job.job_ref}")
    if job.pipeline_name:
        triggers.append(f"{TriggerType.PIPELINE_NAME}:{job.pipeline_name}")
    return tuple(dict.fromkeys(triggers))


def default_trigger(triggers: Iterable[str]) -> str | None:
    """Return the trigger shown as a job's next one: the first periodic, else the first that is not an event.

    Source: TRG-11.
    """
    never = {TriggerType.MANUAL, TriggerType.DEPLOYMENT, *JOB_EVENTS}
    eligible = [trigger for trigger in triggers if trigger.partition(":")[0] not in never]
    periodic = (trigger for trigger in eligible if trigger.partition(":")[0] in PERIODIC)
    return next(periodic, eligible[0] if eligible else None)


def schedule_of(job: JobDefinition) -> str | None:
    """Return the one trigger of a job that repeats in time, None if it has none (TRG-10)."""
    return next((text for text in job.triggers if parse_trigger(text).type in PERIODIC), None)


def with_schedule(job: JobDefinition, trigger: str) -> JobDefinition:
    """Return a job with another repeating trigger, or its first one: set beside the code, it counts everywhere.

    Source: TRG-11, TRG-21.
    """
    declared = schedule_of(job)
    if declared is None:
        return replace(job, triggers=(*job.triggers, trigger), default_trigger=trigger)
    triggers = tuple(trigger if text == declared else text for text in job.triggers)
    return replace(job, triggers=triggers, default_trigger=trigger)


def waits_for_events(job: JobDefinition) -> bool:
    """Return whether something other than time or a person may start a job."""
    return any(parse_trigger(text).type in EVENTS for text in job.triggers)


def definition_hash(wire: Mapping[str, Any]) -> str:
    """Return what tells two versions of a job apart: base64 of SHA3-256 over its key-sorted JSON."""
    return base64.b64encode(hashlib.sha3_256(_canonical(wire)).digest()).decode("ascii")


def manifest_hash(manifest: Mapping[str, Any]) -> str:
    """Return the same over a manifest, without what changes from one making of it to the next."""
    fleeting = ("version", "version_hash", "previous_hashes", "created_at")
    return definition_hash({key: value for key, value in manifest.items() if key not in fleeting})


def _canonical(value: Mapping[str, Any]) -> bytes:
    # Not a number is no JSON: SQLite would keep it and then read nothing of what stands beside it.
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode()


def _storable(value: Mapping[str, Any]) -> bytes:
    """Return JSON all of whose texts both databases can keep, each for itself too. Raises: TypeError, ValueError."""
    text = _canonical(value)
    # What is left once every written backslash is gone is an escaped zero, of a key or of a value.
    if b"\\u0000" in text.replace(rb"\\", b""):
        raise ValueError("it holds a zero character")
    return text


def _from_engine_1(job: dict[str, Any]) -> dict[str, Any]:
    """Rename what engine 2 renamed: `refresh`, `allow_external_schedulers`, `require.machine`."""
    if "refresh" in job:
        job["refresh_propagation"] = job.pop("refresh")
    if "allow_external_schedulers" in job:
        job["incremental_mode"] = "interval" if job.pop("allow_external_schedulers") else "pipeline"
    require = job.get("require")
    if isinstance(require, Mapping) and "machine" in require:
        kept = {key: value for key, value in require.items() if key != "machine"}
        job["require"] = {**kept, "instance": {"size": require["machine"]}}
    job["engine_version"] = ENGINE_VERSION
    return job


def _parse(wire: Mapping[str, Any], extensions: Mapping[str, Mapping[str, Any]]) -> JobDefinition:
    ref = wire.get("job_ref")
    beside = extensions.get(ref, {}) if isinstance(ref, str) else {}
    if _is_deeper([wire, beside], NESTING_MAX):
        raise InvalidJob("This entry is nested too deep.", f"Keep it to {NESTING_MAX} levels.")
    try:
        size = len(_storable(wire)) + len(_storable(beside))
    except (TypeError, ValueError) as error:
        parse_job(wire, beside)  # it names the field, if it is one that is read
        raise InvalidJob(
            "This entry is no plain JSON.",
            "Send texts without zero characters, finite numbers, lists and objects.",
        ) from error
    if size > JOB_BYTES_MAX:
        raise InvalidJob(f"This entry takes {size} bytes.", f"Shorten it to {JOB_BYTES_MAX}.")
    if wire.get("engine_version", ENGINE_VERSION) != ENGINE_VERSION:
        raise InvalidJob(
            f"This entry is of engine {wire['engine_version']}, its manifest of {ENGINE_VERSION}.",
            "Make both with one version of the client.",
        )
    job = parse_job(wire, beside)
    parse_ref(job.job_ref)
    return job


def _is_deeper(values: Iterable[Any], levels: int) -> bool:
    """Return whether lists and objects stand within each other in more levels; found without recursion."""
    level = [value for value in values if isinstance(value, Mapping | list)]
    for _ in range(levels):
        inner = [one for value in level for one in (value.values() if isinstance(value, Mapping) else value)]
        level = [value for value in inner if isinstance(value, Mapping | list)]
    return bool(level)


def _faults(job: JobDefinition) -> Iterable[str]:
    """Return what is wrong with one job, each as a sentence that names it."""
    ref = job.job_ref
    if len(job.triggers) > TRIGGERS_MAX:
        yield f"{ref}: {len(job.triggers)} triggers are too many; at most {TRIGGERS_MAX}."
        return
    kinds = []
    for text in job.triggers:
        try:
            kinds.append(parse_trigger(text).type)
        except InvalidInput as error:
            yield f"{ref}: {error}"
    periodic = [kind for kind in kinds if kind in PERIODIC]
    if len(periodic) > 1:
        yield f"{ref}: a job can have one `schedule` or `every`, not {len(periodic)}. Keep one."
    if job.is_batch and TriggerType.HTTP in kinds:
        yield f"{ref}: a batch job cannot have an `http:` trigger. Make it `@run.interactive`."
    if job.interval is not None and not periodic:
        yield f"{ref}: `interval` needs a `schedule` or `every` trigger. Add one, or leave `interval` out."
    if job.interval is None and "split" in job.extensions:
        yield f"{ref}: `split` needs an `interval` to split. Give it a start, or leave `split` out."
    if "freshness_wait" in job.extensions and not job.freshness:
        yield f"{ref}: `freshness_wait` needs `freshness` to wait for. Name upstreams, or leave it out."
    if job.profile in LOCAL:
        yield f"{ref}: profile `{job.profile}` exists on your own machine only. Name another in `require`."
    if not is_timezone(job.timezone):
        yield f"{ref}: there is no timezone `{job.timezone}`. Use an IANA name such as `Europe/Berlin`."
    if job.default_trigger is not None and job.default_trigger not in expand_triggers(job):
        yield f"{ref}: its default trigger `{job.default_trigger}` is none of its triggers."
    if ref == DASHBOARD_REF and job.is_batch:
        yield f"{ref}: the dashboard must be an interactive job."


def is_timezone(name: str) -> bool:
    """Return whether a text, whatever it is, names an IANA timezone."""
    try:
        zoneinfo.ZoneInfo(name)
    # A name that is a directory, too long or odd fails in the file system, each in its own way.
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError, RecursionError):
        return False
    return True


def _faults_between(jobs: Sequence[JobDefinition], known: Collection[str]) -> Iterable[str]:
    """Return what is wrong with how jobs refer to each other; `known` includes the refs of broken ones."""
    by_ref: dict[str, JobDefinition] = {}
    for job in jobs:
        if job.job_ref in by_ref:
            yield f"{job.job_ref}: two jobs have this ref. Give one of them another `name` or `section`."
        by_ref[job.job_ref] = job
    followed: dict[str, list[str]] = {}
    for job in jobs:
        upstream = followed.setdefault(job.job_ref, [])
        for trigger in job.triggers:
            kind, _, expr = trigger.partition(":")
            if kind in JOB_EVENTS and expr not in known:
                yield f"{job.job_ref}: `{trigger}` follows a job that is not deployed here. Deploy it too."
            elif kind in JOB_EVENTS and expr == job.job_ref:
                yield f"{job.job_ref}: it follows itself and would never stop. Remove `{trigger}`."
            elif kind in JOB_EVENTS:
                upstream.append(expr)
        for constraint in job.freshness:
            kind, _, ref = constraint.partition(":")
            if kind != FRESH:
                yield f"{job.job_ref}: `{constraint}` is no freshness constraint. Use `upstream.is_fresh`."
            elif ref not in known:
                yield f"{job.job_ref}: waits for `{ref}`, which is not deployed here. Deploy it too."
            elif ref in by_ref and not by_ref[ref].is_batch:
                yield f"{job.job_ref}: waits for `{ref}`, which is interactive and never completes."
    for cycle in _cycles(followed)[:CYCLES_SHOWN]:
        yield f"These jobs follow each other in a circle: {' -> '.join(cycle)}. Remove one of the triggers."


def _cycles(upstream: Mapping[str, Sequence[str]]) -> list[list[str]]:
    """Return cycles in the order in which their jobs would run, each closed by its first job again.

    At least one for each part of the graph that has any. No recursion: a chain may be as long as a manifest.
    """
    cycles: list[list[str]] = []
    done: set[str] = set()
    for start in upstream:
        path: list[str] = []
        on_path: set[str] = set()
        pending = [(start, False)]
        while pending:
            ref, leaving = pending.pop()
            if leaving:
                path.pop()
                on_path.discard(ref)
                done.add(ref)
            elif ref in on_path:
                cycles.append([ref, *reversed(path[path.index(ref) :])])
            elif ref not in done:
                path.append(ref)
                on_path.add(ref)
                pending.append((ref, True))
                pending += [(other, False) for other in upstream.get(ref, ())]
    return cycles
