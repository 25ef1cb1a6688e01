"""What a workspace depends on: `requirements.json`, which travels with the code.

The document is the published client's (contract 6.5), so that the server reads one form from both clients.
Ours has one key more, `overrides`, for what `[tool.uv] override-dependencies` says. Installing is in
`environments`.
"""

from __future__ import annotations

import importlib.metadata
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from runyard.core import toml_files
from runyard.core.errors import InvalidInput, InvalidUpload, InvalidWorkspace
from runyard.core.jobs import DASHBOARD_REF
from runyard.core.processes import Processes

ENGINE = 2
"""The version we write; engine 1 lacks `dlt_version` and is migrated when read."""

MAIN = "main"
"""The group that `[project] dependencies` make."""

DOCUMENT_MAX_BYTES = 1024 * 1024
"""A lock of a thousand packages in ten groups is about half of this."""

UV_TIMEOUT_SECONDS = 120.0
"""Exporting a lock takes 0.1 s; checking that it is current may ask the package index."""

ENGINE_1_DLT = {"name": "dlt", "extras": [], "version": "1.28.0", "mode": "pypi"}
"""The dlt that documents of engine 1 were written for."""

_DLT_LAUNCHERS = "dlt._workspace.deployment.launchers."
_PUBLISHED_LAUNCHERS = {
    f"{_DLT_LAUNCHERS}{name}": specs
    for name, specs in {
        "job": ("botocore", "s3fs"),
        "module": ("botocore", "s3fs"),
        "agent": ("botocore", "s3fs"),
        "marimo": ("marimo", "uvicorn"),
        "mcp": ("fastmcp", "uvicorn"),
        "streamlit": ("streamlit",),
        "dashboard": (),
    }.items()
}
PUBLISHED_GROUPS = {
    DASHBOARD_REF: ("ibis-framework", "marimo", "pyarrow", "s3fs"),
    "agent-loop-claude-agent-sdk": ("claude-agent-sdk",),
    "agent-loop-pydantic-ai": ("pydantic-ai-slim[anthropic,openai,google,mcp,spec]",),
}
"""What the published client adds; a job of its launchers finds the same packages from either client."""

_IMPLIED = {"s3fs": ("botocore",), "marimo": ("uvicorn",), "fastmcp": ("uvicorn",)}
"""Packages that bring others along, which are then not asked for again."""

LAUNCHER_REQUIREMENTS = {
    "runyard.core.launchers.marimo": ("anywidget", "httpx", "marimo"),
    "runyard.core.launchers.mcp": ("fastmcp",),
    "runyard.core.launchers.streamlit": ("streamlit",),
    "runyard.core.launchers.asgi": ("uvicorn",),
    f"{_DLT_LAUNCHERS}marimo": ("anywidget", "httpx"),
}
"""What our own launchers need besides the standard library, for a notebook also what shows its workspace in it:
our widgets and the control panel. No document names them, so they come on top of what it says."""

CLOSED = "dlthub"
"""The package with a licence that is not open: never installed unless the project itself asks (CMP-08)."""

OURS = "runyard"
"""Served by the server itself, in its own version, whatever a lock says."""


@dataclass(frozen=True, slots=True)
class Requirements:
    """The dependencies of a workspace, as PEP 508 texts by group and by launcher.

    `dlt_version` says which dlt the author had installed, None when there was none.
    """

    python_version: str
    groups: Mapping[str, Sequence[str]]
    default_groups: Sequence[str] = (MAIN,)
    launcher_requirements: Mapping[str, Sequence[str]] = field(default_factory=dict)
    dlt_version: Mapping[str, Any] | None = None
    overrides: Sequence[str] = ()


def requirements_for(requirements: Requirements, groups: Iterable[str], launcher: str) -> list[str]:
    """Return what to install for a job: the default groups, its own groups and its launcher's needs, sorted.

    Raises: InvalidInput if a group is not declared. Source: DGR-02 to DGR-04, CMP-08.
    """
    specs: set[str] = set()
    for name in (*requirements.default_groups, *groups):
        if name not in requirements.groups:
            raise InvalidInput(
                f"The dependency group `{name}` is not declared.",
                "Add it to `[dependency-groups]` in pyproject.toml.",
            )
        specs.update(requirements.groups[name])
    needed = requirements.launcher_requirements.get(launcher, ())
    specs.update(spec for spec in needed if _name(spec) != CLOSED)
    specs.update(LAUNCHER_REQUIREMENTS.get(launcher, ()))
    return sorted(specs)


@lru_cache(maxsize=16)  # every start of a run asks for its deployment's
def parse(document: bytes) -> Requirements:
    """Return the requirements in an uploaded document of engine 1 or 2.

    Raises: InvalidUpload naming what does not fit.
    """
    if len(document) > DOCUMENT_MAX_BYTES:
        raise InvalidUpload("`requirements.json` has more than 1 MiB.", "Declare fewer groups.")
    try:
        fields = json.loads(document)
        engine = fields.get("engine_version", 1)
        if engine not in (1, ENGINE):
            raise InvalidUpload(
                f"`requirements.json` is of engine {engine!r}; this server reads up to {ENGINE}.",
                "Upgrade the server.",
            )
        major, minor = (int(part) for part in fields["python_version"].split("."))
        requirements = Requirements(
            python_version=f"{major}.{minor}",
            groups={str(name): _texts(specs) for name, specs in fields["groups"].items()},
            default_groups=_texts(fields["default_groups"]),
            launcher_requirements={
                str(name): _texts(specs) for name, specs in fields["launcher_requirements"].items()
            },
            dlt_version=fields.get("dlt_version") if engine == ENGINE else ENGINE_1_DLT,
            overrides=_texts(fields.get("overrides", [])),
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise InvalidUpload(
            "`requirements.json` cannot be read.", "Upload what the client wrote.", reasons=[repr(error)]
        ) from error
    for specs in (*requirements.groups.values(), *requirements.launcher_requirements.values()):
        _check(specs, InvalidUpload)
    _check(requirements.overrides, InvalidUpload)
    return requirements


def render(requirements: Requirements) -> bytes:
    """Return the document to upload; `parse` reads it back."""
    return json.dumps({"engine_version": ENGINE, **asdict(requirements)}).encode()


def export(
    root: Path, *, python_version: str, processes: Processes, uv: Path | None, env: Mapping[str, str]
) -> Requirements:
    """Return what `pyproject.toml` declares, or `uv.lock` has made of it; nothing only installed here.

    `python_version` is `major.minor`. Without a lock `uv` is not needed.
    Raises: InvalidWorkspace if a file cannot be read, the lock is stale, or a requirement is a path on this
    machine. Source: WS-06, DGR-01, contract 6.5.
    """
    try:
        project = toml_files.read(root / "pyproject.toml")
    except OSError as error:
        raise InvalidWorkspace(f"pyproject.toml cannot be read: {error}.", "Correct it.") from error
    overrides = tuple(toml_files.texts(toml_files.table(project, "tool", "uv"), "override-dependencies"))
    groups = _declared(project)
    if (root / "uv.lock").exists():

        def run_uv(arguments: Sequence[str]) -> str:
            return _run_uv(arguments, root, processes, uv, env)

        groups = {name: _locked(name, declared, run_uv) for name, declared in groups.items()}
    for specs in (*groups.values(), overrides):
        _check(specs, InvalidWorkspace)
    present = _names(groups[MAIN])
    groups = {name: _without(specs, present) for name, specs in PUBLISHED_GROUPS.items()} | groups
    launchers = {name: _without(specs, present) for name, specs in _PUBLISHED_LAUNCHERS.items()}
    dlt = _installed_dlt()
    if "dlt" not in present:
        # dlt's launchers are in dlt, so a job that needs one needs it even if nobody declares it.
        spec = f"dlt=={dlt['version']}" if dlt else "dlt"
        launchers = {name: tuple(sorted((*specs, spec))) for name, specs in launchers.items()}
    return Requirements(
        python_version=python_version,
        groups=dict(sorted(groups.items())),
        launcher_requirements=launchers,
        dlt_version=dlt,
        overrides=overrides,
    )


def _declared(project: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """Return the requirements of each group as written, included groups resolved."""
    table = toml_files.table(project, "dependency-groups")

    def members(name: str, within: tuple[str, ...]) -> Iterable[str]:
        if name in within or name not in table:
            raise InvalidWorkspace(
                f"The dependency group `{name}` includes itself or is missing.", "Correct it."
            )
        for entry in toml_files.texts(table, name):
            if isinstance(entry, Mapping):
                yield from members(toml_files.text(entry, "include-group") or "", (*within, name))
            else:
                yield entry

    groups = {name: _normalised(members(name, ())) for name in table}
    return {
        MAIN: _normalised(toml_files.texts(toml_files.table(project, "project"), "dependencies")),
        **groups,
    }


def _locked(group: str, declared: Sequence[str], run_uv: Callable[[Sequence[str]], str]) -> tuple[str, ...]:
    """Return the requirements of a group as the lock pins them, except our own package."""
    only = () if group == MAIN else ("--only-group", group)
    listing = run_uv(
        [
            *("export", "--locked", "--no-hashes", "--no-annotate", "--no-header", "--no-emit-project"),
            *("--no-default-groups", "--no-emit-package", OURS, "--format", "requirements.txt", *only),
        ]
    )
    pinned = {line.strip() for line in listing.splitlines() if line.strip()}
    return tuple(sorted(pinned | {spec for spec in declared if _name(spec) == OURS}))


def _run_uv(
    arguments: Sequence[str], root: Path, processes: Processes, uv: Path | None, env: Mapping[str, str]
) -> str:
    if uv is None:
        raise InvalidWorkspace("Reading `uv.lock` needs `uv`.", "Install it: https://docs.astral.sh/uv/.")
    ended = processes.run([str(uv), *arguments], cwd=root, env=env, timeout_seconds=UV_TIMEOUT_SECONDS)
    if ended.returncode != 0:
        raise InvalidWorkspace(
            "`uv.lock` cannot be exported.", "Run `uv lock`.", reasons=ended.stderr.strip().splitlines()
        )
    return ended.stdout


def _normalised(specs: Iterable[str]) -> tuple[str, ...]:
    specs = list(specs)
    _check(specs, InvalidWorkspace)
    return tuple(sorted({str(Requirement(spec)) for spec in specs}))


def _check(specs: Iterable[str], error: type[InvalidInput]) -> None:
    """Refuse what is no requirement, such as an option for the installer, or only exists on one machine."""
    for spec in specs:
        try:
            url = Requirement(spec).url or ""
        except (InvalidRequirement, TypeError):
            raise error(
                f"`{spec}` is no requirement that another machine can install.", "Name a released package."
            ) from None
        if url.startswith("file:"):
            raise error(f"`{spec}` is a path on one machine.", "Name a released package.")


def _texts(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
        raise TypeError(f"{value!r} is no list of texts")
    return tuple(value)


def _name(spec: str) -> str:
    return canonicalize_name(Requirement(spec).name)


def _names(specs: Iterable[str]) -> set[str]:
    names = {_name(spec) for spec in specs}
    return names | {implied for name in names for implied in _IMPLIED.get(name, ())}


def _without(specs: Iterable[str], names: set[str]) -> tuple[str, ...]:
    return tuple(spec for spec in specs if _name(spec) not in names)


def _installed_dlt() -> dict[str, Any] | None:
    try:
        version = importlib.metadata.version("dlt")
    except importlib.metadata.PackageNotFoundError:
        return None
    return {**ENGINE_1_DLT, "version": version}
