"""Find the jobs of a workspace by importing its deployment module in a child process.

The child (`discovery_child`) runs in the user's own environment, where anything may happen: it has a time
limit, its output is kept apart from its answer, and what it says is checked like any manifest from outside.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runyard.core.clock import Clock, to_datetime
from runyard.core.errors import InvalidDeploymentModule
from runyard.core.jobs import ENGINE_VERSION
from runyard.core.manifest import DEPLOYMENT_MODULE, Check, build_manifest, refused, validate_manifest
from runyard.core.processes import Completed, Processes
from runyard.core.sdk import python_path

TIMEOUT_SECONDS = 60.0
"""How long importing a deployment module may take (DEP-15)."""

OUTPUT_CHARACTERS_SHOWN = 4000
"""How much of a child's last words an error repeats: a long traceback."""


@dataclass(frozen=True, slots=True)
class Discovered:
    """What a workspace declares: the manifest in its published form, what stands beside it, and remarks."""

    manifest: dict[str, Any]
    extensions: dict[str, dict[str, Any]]
    warnings: tuple[str, ...]


class Discovery:
    """Asks a Python environment what a file declares."""

    def __init__(self, processes: Processes, clock: Clock, *, check: Check | None = None) -> None:
        """`check` is handed to `validate_manifest`: what needs more than the standard library."""
        self._processes = processes
        self._clock = clock
        self._check = check

    def discover(
        self,
        root: Path,
        file: str | None = None,
        *,
        python: Path,
        sdk: Path,
        env: Mapping[str, str],
        ad_hoc: bool = False,
    ) -> Discovered:
        """Return the jobs that a file under `root` declares; by default `__deployment__.py`.

        `sdk` is the directory that holds the `runyard` package for job processes, `env` the child's whole
        environment besides the path to it. `ad_hoc` is for running one file: what it defines, else itself.
        Raises: InvalidDeploymentModule if the file is missing, cannot be imported, takes too long or lists
            what is no job; InvalidManifest if its jobs do not go together.
        Source: DEP-01, DEP-15, ADH-04.
        """
        name = file or f"{DEPLOYMENT_MODULE}.py"
        module = _module_name(root, name)
        options = ["--ad-hoc"] if ad_hoc else []
        completed = self._processes.run(
            [str(python), "-m", "runyard.core.discovery_child", module, *options],
            cwd=root,
            env={**env, "PYTHONPATH": python_path(sdk)},
            timeout_seconds=TIMEOUT_SECONDS,
        )
        answer = _answer(name, completed)
        jobs, extensions = answer["jobs"], answer["extensions"]
        validate_manifest(jobs, ENGINE_VERSION, extensions, check=self._check)
        manifest = build_manifest(
            jobs,
            deployment_module=None if ad_hoc else module,
            created_at=to_datetime(self._clock.now()).isoformat(),
            description=answer["description"],
            tags=answer["tags"],
        )
        return Discovered(manifest, extensions, tuple(answer["warnings"]))


def _module_name(root: Path, file: str) -> str:
    """Return the dotted name under which a file of the workspace is imported."""
    # Not by the methods of `Path`, which raise at links in a circle and at names that are too long.
    path = Path(os.path.realpath(root / file))
    if not path.is_relative_to(root.resolve()) or path.suffix != ".py":
        raise InvalidDeploymentModule(
            f"`{file}` is no Python file here.", "Name a `.py` file of the workspace."
        )
    if not os.path.isfile(path):  # noqa: PTH113
        raise InvalidDeploymentModule(
            f"There is no `{file}` here.", "Create it, or name another with `--file`."
        )
    return ".".join(path.relative_to(root.resolve()).with_suffix("").parts)


def _answer(name: str, completed: Completed) -> dict[str, Any]:
    if completed.timed_out:
        raise InvalidDeploymentModule(
            f"Importing `{name}` takes longer than {TIMEOUT_SECONDS:g} s.",
            "Do the work inside job functions, not while the module is imported.",
        )
    try:
        answer: dict[str, Any] = json.loads(completed.stdout)
    except ValueError:
        raise InvalidDeploymentModule(
            f"Importing `{name}` ended the process with exit code {completed.returncode}.",
            "Make sure that importing it neither exits nor crashes.",
            reasons=[completed.stderr[-OUTPUT_CHARACTERS_SHOWN:]],
        ) from None
    if mistakes := answer.get("mistakes"):
        raise refused(mistakes)
    if error := answer.get("error"):
        raise InvalidDeploymentModule(error["cause"], error["remedy"], reasons=error["reasons"])
    return answer
