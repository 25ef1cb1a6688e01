"""The child of `discovery`: import a module, tell which jobs it declares. Runs in the user's environment.

`python -m runyard.core.discovery_child MODULE [--ad-hoc]`, in the root of the workspace. Answers with one
JSON object on standard output: `{jobs, extensions, warnings, description, tags}`, `{mistakes}` or `{error}`. What the
user's code prints goes to standard error. Standard library only; frameworks are recognised if the user's code
has imported them.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from importlib import import_module
from inspect import cleandoc, iscoroutinefunction, signature
from pathlib import Path
from types import FunctionType, ModuleType
from typing import TYPE_CHECKING, Any, NoReturn

from runyard.core import decorators
from runyard.core.decorators import Job, expose_spec, require_spec
from runyard.core.errors import InvalidDeploymentModule, RunyardError
from runyard.core.job_refs import module_ref
from runyard.core.jobs import DASHBOARD_REF, ENGINE_VERSION, JobType, parse_job
from runyard.core.manifest import DEPLOYMENT_MODULE, default_trigger, migrate_jobs
from runyard.core.selectors import expand_event_triggers
from runyard.core.tracebacks import without_ours
from runyard.core.triggers import JOB_EVENTS, TIMED, http, read_triggers

if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec

LAUNCHERS = "runyard.core.launchers"

_VIRTUAL_ENVIRONMENTS = frozenset({"site-packages", "dist-packages", ".venv", "venv", ".tox", ".nox"})


class Declared:
    """Jobs as they are found: definitions, what stands beside them, and remarks."""

    def __init__(self) -> None:
        self.jobs: list[dict[str, Any]] = []
        self.extensions: dict[str, dict[str, Any]] = {}
        self.warnings: list[str] = []

    def add(self, definition: dict[str, Any], extensions: dict[str, Any] | None = None) -> None:
        self.jobs.append(definition)
        if extensions:
            self.extensions[definition["job_ref"]] = extensions


def declared_in(module: ModuleType, root: Path) -> Declared:
    """Return the jobs of a deployment module.

    Raises: InvalidDeploymentModule for a listed name that is missing or is no job.
    Source: DEP-02 to DEP-09, DEP-18, DEP-19.
    """
    found = Declared()
    if (app := framework_job(module)) is not None:
        found.add(app)
    elif hasattr(module, "__all__"):
        for name in dict.fromkeys(module.__all__):
            if not hasattr(module, name):
                raise InvalidDeploymentModule(
                    f"`__all__` of `{module.__name__}` lists `{name}`, which it does not have.",
                    "Import it, or take it out.",
                )
            if not _add(found, getattr(module, name), root, must_be_local=False):
                raise _no_job(module, name, getattr(module, name))
    else:
        found.warnings.append(
            f"`{module.__name__}` has no `__all__`: every job and module of this workspace in it is taken. "
            "List what you mean to deploy."
        )
        unique = {id(thing): thing for name, thing in vars(module).items() if not name.startswith("_")}
        for thing in unique.values():
            _add(found, thing, root, must_be_local=True)
    is_workspace = module.__name__ == DEPLOYMENT_MODULE
    if is_workspace and not any(job["job_ref"] == DASHBOARD_REF for job in found.jobs):
        found.add(_dashboard())
    return found


def declared_by_script(module: ModuleType) -> Declared:
    """Return what a single file offers: its notebook or server, else its jobs, else its ASGI app, else itself.

    Source: ADH-04, ADH-06, ADH-07, ADH-14.
    """
    found = Declared()
    own = {id(thing): thing for thing in vars(module).values() if _module_of(thing) == module.__name__}
    if (app := framework_job(module)) is not None:
        found.add(app)
    else:
        for thing in own.values():
            _add_function(found, thing)
        if not found.jobs:
            found.add(asgi_job(module) or script_job(module))
    lost = [name for job in found.jobs for name in _make_ad_hoc(job)]
    for job in found.jobs:
        # Without an interval there is nothing to split.
        found.extensions.get(job["job_ref"], {}).pop("split", None)
    if lost:
        found.warnings.append(
            f"Running one file leaves out: {', '.join(dict.fromkeys(lost))}. Use `runyard deploy` for them."
        )
    return found


def framework_job(module: ModuleType) -> dict[str, Any] | None:
    """Return the interactive job of a module that is a marimo app, a FastMCP server or a Streamlit app.

    Source: DEP-04, DEP-05, DEP-17.
    """
    if app := _instance(module, "marimo", "App", ("app",)):
        title = getattr(getattr(app, "_config", None), "app_title", None)
        return _module_job(module, "marimo", {"interface": "gui", "category": "notebook"}, title)
    if server := _instance(module, "fastmcp", "FastMCP", ("mcp", "server", "app")):
        return _module_job(
            module, "mcp", {"interface": "mcp", "category": "mcp"}, getattr(server, "name", None)
        )
    if any(_is_of(thing, "streamlit") for thing in vars(module).values()):
        return _module_job(module, "streamlit", {"interface": "gui", "category": "dashboard"}, None)
    return None


def asgi_job(module: ModuleType) -> dict[str, Any] | None:
    """Return the interactive job of a module whose `app` is an ASGI application.

    Source: ADH-14, APP-04.
    """
    if _is_asgi(vars(module).get("app")):
        return _module_job(module, "asgi", {"interface": "gui"}, None)
    return None


def script_job(module: ModuleType) -> dict[str, Any]:
    """Return the batch job that runs a module as `__main__`. Source: DEP-06."""
    return _module_job(module, "module", None, None)


def finish(found: Declared) -> None:
    """Give every definition what only the whole list tells: concrete follow-ups, default triggers.

    Source: TRG-11, TRG-26.
    """
    typed = [parse_job(job, found.extensions.get(job["job_ref"])) for job in found.jobs]
    triggers, warnings = expand_event_triggers(typed)
    found.warnings += warnings
    for job, expanded in zip(found.jobs, triggers, strict=True):
        job["triggers"] = list(expanded)
        job.setdefault("expose", {}).setdefault("manual", True)
        job.pop("default_trigger", None)
        if default := default_trigger(expanded):
            job["default_trigger"] = default


def _add(found: Declared, thing: Any, root: Path, *, must_be_local: bool) -> bool:
    """Add the job that a thing is; return whether it is one."""
    if not isinstance(thing, ModuleType):
        return _add_function(found, thing)
    is_local = _is_local(thing, root)
    if must_be_local and not is_local:
        return False
    job = framework_job(thing) or asgi_job(thing) or (script_job(thing) if is_local else None)
    if job is not None:
        found.add(job)
    return job is not None


def _add_function(found: Declared, thing: Any) -> bool:
    """Add a decorated function, ours or dlt's. Source: DEP-02, DEC-02."""
    if isinstance(thing, Job):
        found.add(thing.definition(), thing.extensions())
        return True
    published = sys.modules.get("dlt._workspace.deployment.decorators")
    if published is not None and isinstance(thing, published.JobFactory):
        try:
            # Through JSON, as an interval may hold datetimes and the objects are the user's own.
            wire = json.loads(json.dumps(thing.to_job_definition(), default=_isoformat))
        except Exception as error:
            raise InvalidDeploymentModule(
                f"dlt cannot describe the job `{thing.name}`: {error}", "Correct what its decorator is given."
            ) from error
        found.add(migrate_jobs([wire], wire.get("engine_version", 1))[0])
        return True
    return False


def _no_job(module: ModuleType, name: str, thing: Any) -> InvalidDeploymentModule:
    cause = f"`__all__` of `{module.__name__}` lists `{name}`, which is no job."
    if isinstance(thing, ModuleType):
        return InvalidDeploymentModule(cause, "Of modules outside the workspace only apps can be deployed.")
    if isinstance(thing, FunctionType):
        return InvalidDeploymentModule(
            cause, "Decorate it with `@run.pipeline`, `@run.job` or `@run.interactive`."
        )
    return InvalidDeploymentModule(cause, "List decorated functions and modules.")


def _make_ad_hoc(job: dict[str, Any]) -> list[str]:
    """Take out of a definition what needs a deployment; return what that was. Source: ADH-06."""
    lost = {"schedules": TIMED, "follow-ups": JOB_EVENTS}
    kinds = {trigger.partition(":")[0] for trigger in job["triggers"]}
    job["triggers"] = [
        trigger for trigger in job["triggers"] if trigger.partition(":")[0] not in TIMED | JOB_EVENTS
    ]
    fields = [name for name in ("interval", "freshness") if job.pop(name, None)]
    return [name for name, types in lost.items() if not types.isdisjoint(kinds)] + fields


def _module_job(
    module: ModuleType, launcher: str, expose: dict[str, Any] | None, title: str | None
) -> dict[str, Any]:
    """Return the definition of a module, with what its `__trigger__`, `__expose__` and `__require__` say.

    Source: DEP-12, DEP-16, DEP-17.
    """
    declared = getattr(module, "__expose__", None) or {}
    definition: dict[str, Any] = {
        "engine_version": ENGINE_VERSION,
        "job_ref": module_ref(module.__name__),
        "entry_point": {
            "module": module.__name__,
            "function": None,
            "job_type": JobType.BATCH.value if expose is None else JobType.INTERACTIVE.value,
            "launcher": f"{LAUNCHERS}.{launcher}",
        },
        "triggers": [
            str(one)
            for one in read_triggers((http() if expose else None, getattr(module, "__trigger__", None)))
        ],
        "execute": {"concurrency": 1} if expose else {},
        # The framework stays what it is, whatever the module says of its looks.
        "expose": {**(expose or {}), **expose_spec(declared)},
    }
    if require := getattr(module, "__require__", None):
        definition["require"] = require_spec(require)
    if description := ": ".join(filter(None, (title, (module.__doc__ or "").strip()))):
        definition["description"] = description
    return definition


def _dashboard() -> dict[str, Any]:
    """Return the data page that every deployed workspace has. Source: DEP-18, contract 7.3."""
    return {
        "engine_version": ENGINE_VERSION,
        "job_ref": DASHBOARD_REF,
        "entry_point": {
            "module": "dlt._workspace.helpers.dashboard.dlt_dashboard",
            "function": None,
            "job_type": JobType.INTERACTIVE.value,
            "launcher": f"{LAUNCHERS}.marimo",
        },
        "triggers": [str(http())],
        "execute": {"concurrency": 1},
        "expose": {"interface": "gui", "category": "dashboard", "manual": True},
        # The published client puts what the page needs into a group of this name.
        "require": {"dependency_groups": [DASHBOARD_REF]},
        "description": "Data of this workspace",
    }


def _instance(module: ModuleType, framework: str, name: str, preferred: tuple[str, ...]) -> Any:
    """Return the framework's object that a module holds, looking at the usual names first; None without."""
    kind = getattr(sys.modules.get(framework), name, None)
    if kind is None:
        return None
    names = [*preferred, *(name for name in vars(module) if not name.startswith("_"))]
    return next((thing for name in names if isinstance(thing := vars(module).get(name), kind)), None)


def _is_of(thing: Any, framework: str) -> bool:
    name = thing.__name__ if isinstance(thing, ModuleType) else _module_of(thing)
    return name == framework or str(name).startswith(f"{framework}.")


def _is_asgi(thing: Any) -> bool:
    """Return whether a thing is called as ASGI applications are; commands and WSGI applications are not."""
    if not callable(thing):
        return False
    call = thing if isinstance(thing, FunctionType) else type(thing).__call__
    # `scope`, `receive` and `send`
    return iscoroutinefunction(call) and len(signature(thing).parameters) == 3


def _module_of(thing: Any) -> Any:
    # Some objects answer any attribute with something of their own, or fail.
    with contextlib.suppress(Exception):
        return getattr(thing, "__module__", None)
    return None


def _is_local(module: ModuleType, root: Path) -> bool:
    """Return whether a module is a file of the workspace, not one installed into it."""
    if getattr(module, "__file__", None) is None:
        return False
    path = Path(str(module.__file__)).resolve()
    return path.is_relative_to(root) and _VIRTUAL_ENVIRONMENTS.isdisjoint(path.relative_to(root).parts)


def _isoformat(value: Any) -> str:
    return str(value.isoformat())


class _DltFinder:
    """Finds dlt where the other finders do, and keeps its pipelines from running once it has been imported.

    It stays for every question, as who asks need not be who imports. Importing dlt here would cost workspaces
    without it most of the time that a deploy takes. `startup` has a finder of the same make, and has to stand alone.
    Source: DEP-15.
    """

    _is_asking = False
    """The others are being asked, one of whom may ask all of us in turn."""

    @classmethod
    def find_spec(
        cls, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name != "dlt" or cls._is_asking:
            return None
        cls._is_asking = True
        try:
            found = (finder.find_spec(name, path, target) for finder in sys.meta_path)
            spec = next(filter(None, found), None)
        finally:
            cls._is_asking = False
        loader: Any = spec and spec.loader
        if loader is not None:  # a folder of that name is a package without one
            execute = loader.exec_module

            def execute_and_forbid(dlt: ModuleType) -> None:
                execute(dlt)
                with contextlib.suppress(AttributeError):  # something else that is called so
                    dlt.Pipeline.run = dlt.Pipeline.extract = _refuse_pipeline

            loader.exec_module = execute_and_forbid
        return spec


def _refuse_pipeline(*_args: Any, **_options: Any) -> NoReturn:
    raise InvalidDeploymentModule(
        "A pipeline is run while the module is imported.", "Run it in a function, or under `__main__`."
    )


def _answer(name: str, *, ad_hoc: bool) -> dict[str, Any]:
    root = Path.cwd().resolve()
    mistakes: list[RunyardError] = []
    decorators.noticed = mistakes
    try:
        sys.meta_path.insert(0, _DltFinder)
        module = import_module(name)
    except RunyardError as error:
        if not mistakes:
            return _error(error.cause, error.remedy, [without_ours(error)])
        mistakes.append(error)
    except (Exception, SystemExit) as error:
        cause = f"`{name}` cannot be imported: {type(error).__name__}: {error}".rstrip(": ")
        if not mistakes:
            return _error(cause, _remedy_of(error), [without_ours(error)])
        mistakes.append(InvalidDeploymentModule(f"{cause}.", "It may follow from the others."))
    if mistakes:
        return {"mistakes": [str(mistake) for mistake in mistakes]}
    try:
        found = declared_by_script(module) if ad_hoc else declared_in(module, root)
        finish(found)
    except RunyardError as error:
        return _error(error.cause, error.remedy, list(error.reasons))
    return {
        "jobs": found.jobs,
        "extensions": found.extensions,
        "warnings": found.warnings,
        "description": next(iter(cleandoc(module.__doc__ or "").strip().splitlines()), None),
        "tags": list(getattr(module, "__tags__", ())),
    }


def _remedy_of(error: BaseException) -> str:
    """Return what to do about an error of a module that is imported."""
    if isinstance(error, ModuleNotFoundError) and error.name:
        missing = error.name.partition(".")[0]
        return (
            f"Install what provides `{missing}` where this command runs: `uv sync` does if `pyproject.toml` declares "
            "it. Or correct the import where the traceback points."
        )
    return "Correct it where the traceback points."


def _error(cause: str, remedy: str, reasons: list[str]) -> dict[str, Any]:
    return {"error": {"cause": cause, "remedy": remedy, "reasons": reasons}}


def main() -> None:
    """Answer on standard output, which for the user's code and its subprocesses is standard error."""
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as answers:
        os.dup2(2, 1)
        json.dump(_answer(sys.argv[1], ad_hoc="--ad-hoc" in sys.argv[2:]), answers)
    # Not through the interpreter's shutdown: threads that user code left behind must not keep us.
    sys.stderr.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
