"""Which Python runs a job: one built for its deployment, or the one of the developer's own project.

`ready` answers at once and is asked for every start; `build` may take minutes and is asked only when it must be.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

from runyard.core.environments import EnvironmentBuilder, EnvironmentSpec, spec_for
from runyard.core.errors import EnvironmentFailed, InvalidInput
from runyard.core.jobs import JobDefinition
from runyard.core.requirements import parse


class Interpreters(Protocol):
    """Finds or makes the interpreter of a job. `requirements` is the document of its deployment."""

    def ready(self, requirements: Mapping[str, Any], job: JobDefinition, /) -> Path | None:
        """Return the interpreter if it is there; None if it has to be built first."""

    def build(
        self, requirements: Mapping[str, Any], job: JobDefinition, say: Callable[[str], None], /
    ) -> Path:
        """Return the interpreter, after building it; `say` gets the builder's words, line by line.

        Raises: EnvironmentFailed.
        """


class WorkspaceInterpreter:
    """One interpreter for everything: the project's own, so that the first run needs no build."""

    def __init__(self, python: Path) -> None:
        self._python = python

    def ready(self, _requirements: Mapping[str, Any], _job: JobDefinition, /) -> Path | None:
        return self._python if os.access(self._python, os.X_OK) else None

    def build(
        self, _requirements: Mapping[str, Any], _job: JobDefinition, _say: Callable[[str], None], /
    ) -> Path:
        raise EnvironmentFailed(
            f"There is no Python at {self._python}.",
            "Create the project's environment with `uv sync`, or start the server with `--environment managed`.",
        )


class ManagedInterpreters:
    """An environment per set of requirements, built by uv and shared by all runs that need the same."""

    def __init__(self, builder: EnvironmentBuilder) -> None:
        self._builder = builder

    def ready(self, requirements: Mapping[str, Any], job: JobDefinition) -> Path | None:
        try:
            environment = self._builder.find(_spec(requirements, job))
        except InvalidInput:
            return None  # `build` says what is wrong with the requirements
        return None if environment is None else environment.python

    def build(self, requirements: Mapping[str, Any], job: JobDefinition, say: Callable[[str], None]) -> Path:
        say("Building the environment of this deployment; later runs reuse it.")
        try:
            return self._builder.ensure(_spec(requirements, job), say).python
        except InvalidInput as error:
            raise EnvironmentFailed(error.cause, error.remedy) from error


def _spec(requirements: Mapping[str, Any], job: JobDefinition) -> EnvironmentSpec:
    return spec_for(parse(json.dumps(requirements).encode()), job.dependency_groups, job.entry_point.launcher)
