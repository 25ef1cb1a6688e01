"""A whole runyard without its HTTP side, with a workspace deployed in it, for stories about runs.

Real parts throughout: store, keeper, shims, processes. Jobs run in this interpreter (`workspace_python`), so that a
story needs no environment build unless it is about that.
"""

from __future__ import annotations

import dataclasses
import os
import sys
import textwrap
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, RowMapping, Table
from tests.support.attempts import Gate
from tests.support.bad_versions import set_version, store_badly
from tests.support.data_dirs import prepare
from tests.support.patience import PATIENCE_SECONDS

from runyard.core import logs
from runyard.core.deploying import DeployRequest, DeployResult
from runyard.core.file_store import FileStore
from runyard.core.profiles import profiles_in
from runyard.core.runs import TERMINAL
from runyard.core.runtime import Runtime
from runyard.core.snapshots import comparison_hash, content_hash, describe
from runyard.core.store import accounts, decisions, jobs, runs, shown_runs, snapshots, workspaces

OWNER = "00000000-0000-4000-8000-000000000001"
WORKSPACE = "00000000-0000-4000-8000-000000000002"

REQUIREMENTS = {
    "engine_version": 2,
    "python_version": "3.11",
    "default_groups": ["main"],
    "launcher_requirements": {},
}


class World:
    """A runtime and the one workspace in it. Start the loops with `runtime.start()`."""

    def __init__(
        self,
        data_dir: Path,
        *,
        database_url: str | None = None,
        workspace_python: Path | None = Path(sys.executable),
        **runtime: Any,
    ) -> None:
        self.runtime = Runtime(
            prepare(data_dir),
            api_url="http://127.0.0.1:1",
            base_env=dict(os.environ),
            database_url=database_url,
            workspace_python=workspace_python,
            **runtime,
        )
        self._changed = threading.Condition()
        self.runtime.database.on_change(self._tell)
        if self.runtime.database.read(lambda c: workspaces.get(c, WORKSPACE)) is None:
            self.runtime.database.write(self._found)

    @property
    def folder(self) -> Path:
        """What jobs know as RUNYARD_DATA_DIR; there once somebody makes it."""
        return self.runtime.data_dir / "data" / WORKSPACE

    def gate(self) -> Gate:
        """Return what holds every job that reads `gate` in its folder."""
        self.folder.mkdir(parents=True, exist_ok=True)
        return Gate(self.folder / "gate")

    def _found(self, connection: Connection) -> None:
        now = self.runtime.clock.now()
        accounts.create_user(connection, id=OWNER, email="owner@localhost", name=None, now=now)
        workspaces.create(connection, id=WORKSPACE, name="story", description=None, user_id=OWNER, now=now)

    def upload(
        self,
        sources: Mapping[str, str],
        settings: Mapping[str, str] | None = None,
        *,
        needs: Sequence[str] = (),
    ) -> None:
        """Make these files the current code and settings; the code needs these packages."""
        document = {**REQUIREMENTS, "groups": {"main": list(needs)}}
        requirements = {"requirements": document, "requirements_size_bytes": 1}
        self._snapshot(snapshots.deployments, self.runtime.files, sources, requirements)
        settings = settings or {"config.toml": ""}
        profiles = {"profiles": profiles_in(settings)}
        self._snapshot(snapshots.configurations, self.runtime.settings_files, settings, profiles)

    def _snapshot(
        self, table: Table, store: FileStore, texts: Mapping[str, str], extra: Mapping[str, Any]
    ) -> None:
        with store.staging() as directory:
            for path, text in texts.items():
                (directory / path).parent.mkdir(parents=True, exist_ok=True)
                (directory / path).write_text(textwrap.dedent(text))
            files = describe(directory, texts)
            store.add({file.sha3_256: directory / file.relative_path for file in files})
        values = {
            "id": self.runtime.ids.new_id(),
            "workspace_id": WORKSPACE,
            "content_hash": content_hash(files),
            "comparison_hash": comparison_hash(files),
            "file_count": len(files),
            "size_bytes": sum(file.size_bytes for file in files),
            "created_by": OWNER,
            "created_at": self.runtime.clock.now(),
            **extra,
        }
        rows = [dataclasses.asdict(file) for file in files]
        self.runtime.database.write(lambda c: snapshots.create(c, table, values=values, snapshot_files=rows))

    def deploy(
        self,
        *definitions: Mapping[str, Any],
        extensions: Mapping[str, Any] | None = None,
        module: str | None = "__deployment__",
        dry_run: bool = False,
    ) -> DeployResult:
        request = DeployRequest(2, "hash", definitions, extensions or {}, module, None, dry_run)
        return self.runtime.deploying.deploy(WORKSPACE, request, OWNER)

    def store_badly(
        self, ref: str, wire: Mapping[str, Any] | list[Any], extensions: Mapping[str, Any] | None = None
    ) -> None:
        """Make a new version of a job as no deploy of this version would accept it."""
        store_badly(self.runtime, self.job(ref), wire, extensions)

    def set_version(self, ref: str, version_id: str) -> None:
        """Let a version of a job be the current one."""
        set_version(self.runtime, self.job(ref), version_id)

    def start(self, *selectors: str, **given: Any) -> list[RowMapping | None]:
        """Start jobs by hand and return their runs."""
        answers = self.runtime.run_control.start(
            WORKSPACE, job_ids=None, selectors=selectors, user_id=OWNER, **given
        )
        return [answer.run for answer in answers]

    def start_one(self, selector: str, **given: Any) -> RowMapping:
        [run] = self.start(selector, **given)
        assert run is not None
        return run

    def run(self, run_id: str) -> RowMapping:
        row = self.runtime.database.read(lambda c: runs.by_id(c, run_id))
        assert row is not None
        return row

    def runs(self, ref: str | None = None) -> list[RowMapping]:
        """Return the runs of a job (or all), oldest first."""
        job_id = None if ref is None else self.job(ref)["id"]
        page, _ = self.runtime.database.read(
            lambda c: shown_runs.page(c, WORKSPACE, job_id=job_id, limit=1000, offset=0)
        )
        return list(reversed(page))

    def job(self, ref: str) -> RowMapping:
        page, _ = self.runtime.database.read(lambda c: jobs.page(c, WORKSPACE, ref=ref, limit=1, offset=0))
        return page[0]

    def decisions(self, ref: str) -> Sequence[RowMapping]:
        """Return the decisions about a job, newest first."""
        job_id = self.job(ref)["id"]
        return self.runtime.database.read(lambda c: decisions.newest(c, job_id, 1000))

    def causes(self, run_id: str) -> Sequence[str]:
        """Return the runs that caused a run."""
        return self.runtime.database.read(lambda c: shown_runs.causes_of(c, run_id))

    def lines(self, run_id: str) -> list[str]:
        return [line.text for line in logs.iter_lines(self.runtime.run_directory(run_id))]

    def until(self, holds: Callable[[], bool]) -> None:
        """Wait until something holds, looking again after each change of the store."""
        with self._changed:
            assert self._changed.wait_for(holds, PATIENCE_SECONDS), "it did not happen"

    def until_ended(self, run_id: str) -> RowMapping:
        self.until(lambda: self.run(run_id)["status"] in TERMINAL)
        return self.run(run_id)

    def until_quiet(self) -> None:
        """Wait until no run is open."""
        self.until(lambda: all(run["status"] in TERMINAL for run in self.runs()))

    def until_loops_ended(self) -> None:
        """Stop the loops and wait until they have finished what they were doing."""
        for loop in (self.runtime.scheduler, self.runtime.executor):
            loop.stop()
        for thread in self.runtime._threads:
            thread.join(PATIENCE_SECONDS)

    def close(self) -> None:
        self.runtime.close()

    def _tell(self) -> None:
        with self._changed:
            self._changed.notify_all()


def batch_job(name: str, *triggers: str, section: str = "etl", **wire: Any) -> dict[str, Any]:
    """Return the definition of a function job of the module `etl`."""
    return {
        "engine_version": 2,
        "job_ref": f"jobs.{section}.{name}",
        "entry_point": {
            "module": section,
            "function": name,
            "job_type": "batch",
            "launcher": "runyard.core.launchers.job",
        },
        "triggers": list(triggers),
        "execute": {"concurrency": 1},
        "expose": {"manual": True},
        **wire,
    }
