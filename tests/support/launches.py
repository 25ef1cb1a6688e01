"""Launchers as the engine starts them, on a module written for the purpose."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.support.patience import PATIENCE_SECONDS
from tests.support.workspaces import SDK

from runyard.core.preparing import arguments
from runyard.core.processes import Completed, SystemProcesses


def launch(
    root: Path,
    code: str,
    *,
    launcher: str = "runyard.core.launchers.job",
    trigger: str = "manual:",
    env: dict[str, str] | None = None,
    **entry: Any,
) -> Completed:
    (root / "flights.py").write_text(code)
    point = {
        "module": "flights",
        "function": "load",
        "job_type": "batch",
        "launcher": "x",
        "job_ref": "jobs.flights.load",
        **entry,
    }
    return start(root, arguments(launcher, "r1", trigger, point), **(env or {}))


def start(root: Path, arguments: Sequence[str], **env: str) -> Completed:
    # Without `site`: what an environment adds to every start is not ours.
    return SystemProcesses().run(
        [sys.executable, "-S", *arguments],
        cwd=root,
        env={"PYTHONPATH": str(SDK), "PYTHONDONTWRITEBYTECODE": "1", **env},
        timeout_seconds=PATIENCE_SECONDS,
    )
