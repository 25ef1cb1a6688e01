"""From a claimed run to the command that starts it: its directory, its environment variables, its argv.

The process environment is built from nothing: a short list of variables passes, everything else is said here.
What starts it is the engine's business.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, RowMapping

from runyard.core import toml_files
from runyard.core.clock import to_datetime
from runyard.core.engines import Command
from runyard.core.errors import InvalidWorkspace, StartFailed
from runyard.core.file_store import FileStore
from runyard.core.jobs import JobDefinition
from runyard.core.logs import make_room
from runyard.core.node.shim import VERDICT
from runyard.core.parameters import environment_key, environment_text
from runyard.core.run_context import BODY_VARIABLE
from runyard.core.sdk import python_path
from runyard.core.settings import files_for, merge
from runyard.core.snapshots import SETTINGS, SnapshotFile, lay_out, remove_settings, restore_settings
from runyard.core.store import facts, jobs, runs, snapshots
from runyard.core.store.engine import Database
from runyard.core.system_job import SYSTEM_WORKSPACE
from runyard.core.triggers import TriggerType
from runyard.core.verdicts import VERDICT_FD

PASSED_ON = ("LANG", "LC_ALL", "PATH", "SSL_CERT_DIR", "SSL_CERT_FILE", "TZ")
"""Variables of the server that a job sees too: how to find programs, trust certificates, write text and time."""

OUR_LAUNCHERS = "runyard.core.launchers"
"""The package of our launchers, each a module with a `main` to call."""

_OF_OTHERS = f"{OUR_LAUNCHERS}.published"
"""The one of ours that starts launchers of other packages."""

_DLT_LAUNCHERS = "dlt._workspace.deployment.launchers"
REPLACED = {
    f"{_DLT_LAUNCHERS}.dashboard": f"{OUR_LAUNCHERS}.marimo",
    f"{_DLT_LAUNCHERS}.marimo": f"{OUR_LAUNCHERS}.marimo",
    f"{_DLT_LAUNCHERS}.mcp": f"{OUR_LAUNCHERS}.mcp",
    f"{_DLT_LAUNCHERS}.module": f"{OUR_LAUNCHERS}.module",
    f"{_DLT_LAUNCHERS}.streamlit": f"{OUR_LAUNCHERS}.streamlit",
}
"""Launchers of modules, and ours that do the same: apps on loopback and not on every interface of the machine
(APP-06), scripts in a process that hears how they end (DEC-21)."""

WORKSPACE, HOME = "workspace", "home"
"""What an attempt has besides its log: the deployed files it runs in, and a home of its own.

They lie in the attempt's directory; in that of its run if the attempts share them (`shares_directory`).
"""

_LOCAL_DATA = Path(".dlt", "data")
"""Where dlt keeps what it loads into local files, a folder for each profile: beside the code on one's own machine, and
in the data of the workspace here, for the directory of a run does not last."""

SNAPSHOTS_KEPT = 32
"""Snapshots whose lists of files are kept in memory: the current ones of a dozen workspaces, a few megabytes."""


BODY = "webhook-body"
"""The file in a run's home with what was posted to its webhook."""

BEACON_PATH = "/beacon/"
"""Where on the server a run tells of its pipelines, followed by its token."""

IssueKey = Callable[[RowMapping], str]
"""Returns a key of a run, given as `launch_facts` tells it."""


@dataclass(frozen=True, slots=True)
class Launch:
    """Everything known of a claimed run before its directory exists."""

    run: RowMapping
    definition: JobDefinition
    requirements: Mapping[str, Any]
    files: Sequence[SnapshotFile]
    settings: Sequence[SnapshotFile]
    body: str | None = None
    """What was posted to the webhook that started it."""


class Preparer:
    """Lays out runs below `data_dir`.

    `base_env` is the server's own environment, of which little passes; `api_url` is where a job reaches the server.
    `issue_key` makes the key by which an app reads its workspace from there, `issue_beacon_key` the one by which a run
    tells of its pipelines, where they are to have one.
    """

    def __init__(
        self,
        database: Database,
        files: FileStore,
        settings_files: FileStore,
        data_dir: Path,
        sdk: Path,
        *,
        base_env: Mapping[str, str],
        api_url: str,
        issue_key: IssueKey | None,
        issue_beacon_key: IssueKey | None,
    ) -> None:
        self._database, self._files, self._settings_files = database, files, settings_files
        self._data_dir, self._sdk = data_dir, sdk
        self._base_env = {name: base_env[name] for name in PASSED_ON if name in base_env}
        self._api_url, self._issue_key, self._issue_beacon_key = api_url, issue_key, issue_beacon_key
        self._known_files: dict[str, Sequence[SnapshotFile]] = {}

    def load(self, run_id: str) -> Launch:
        """Return what a start needs, read at one moment."""

        def work(connection: Connection) -> Launch:
            row = runs.launch_facts(connection, run_id)
            return Launch(
                run=row,
                definition=facts.definition_of(row["job_version_id"], row["definition"], row["extensions"]),
                requirements=row["requirements"],
                files=self._files_of(connection, row["deployment_id"]),
                settings=self._files_of(connection, row["configuration_id"]),
                body=runs.body_of(connection, run_id) if is_webhook(row["trigger"]) else None,
            )

        return self._database.read(work)

    def _files_of(self, connection: Connection, snapshot_id: str) -> Sequence[SnapshotFile]:
        """Return the files of a snapshot. A snapshot never changes, so those of the last few are kept."""
        files = self._known_files.get(snapshot_id)
        if files is None:
            files = [
                SnapshotFile(**{name: value for name, value in row.items() if name != "snapshot_id"})
                for row in snapshots.list_files(connection, snapshot_id)
            ]
            if len(self._known_files) >= SNAPSHOTS_KEPT:
                self._known_files.pop(next(iter(self._known_files)), None)
            self._known_files[snapshot_id] = files
        return files

    def deployed(self, workspace_id: str) -> list[tuple[Mapping[str, Any], JobDefinition]]:
        """Return the batch jobs of a workspace, each with the requirements it would run with now."""

        def work(connection: Connection) -> list[tuple[Mapping[str, Any], JobDefinition]]:
            deployment = snapshots.latest(connection, snapshots.deployments, workspace_id)
            if deployment is None:
                return []
            rows = jobs.all_of(connection, workspace_id)
            # Without those that cannot be read: their runs will say so.
            views, _ = facts.jobs_of({row["id"]: row for row in rows if row["archived_at"] is None})
            return [(deployment["requirements"], job) for job in views.values() if job.is_batch]

        return self._database.read(work)

    def clean_up(self, attempt_directory: Path) -> None:
        """Remove what was laid out for an attempt, for settings lie in it in clear; its log and report stay.

        Of what the attempts of a run share, only the settings are removed; the rest is, with `forget`.
        """
        for name in (WORKSPACE, HOME):
            shutil.rmtree(attempt_directory / name, ignore_errors=True)
        remove_settings(attempt_directory.parent / WORKSPACE)

    def forget(self, run_directory: Path) -> None:
        """Remove what the attempts of a run shared."""
        for name in (WORKSPACE, HOME):
            shutil.rmtree(run_directory / name, ignore_errors=True)

    def prepare(
        self, launch: Launch, attempt_directory: Path, python: Path, port: int | None = None
    ) -> Command:
        """Lay out the run's directory and return the command that starts it there; an app listens on `port`.

        Raises: StorageFull, StartFailed, NotFound if the file store has lost a file.
        """
        definition = launch.definition
        # A server that was killed while preparing left them; the attempt itself starts once at most.
        self.clean_up(attempt_directory)
        make_room(attempt_directory)
        around = attempt_directory.parent if shares_directory(definition) else attempt_directory
        root, home = around / WORKSPACE, around / HOME
        if not (root.exists() and home.exists()):
            # The home is made last: it is there only if all the rest is, unless a job removed what it worked in.
            shutil.rmtree(root, ignore_errors=True)
            lay_out(launch.files, self._files, root)
            home.mkdir(mode=0o700, exist_ok=True)
        restore_settings(launch.settings, self._settings_files, root, launch.run["profile"])
        shared = self._data_dir / "data" / launch.run["workspace_id"]
        shared.mkdir(parents=True, exist_ok=True, mode=0o700)
        local = shared / _LOCAL_DATA / launch.run["profile"]
        if is_local_data_ours := not _names_local_data(root, launch):
            local.mkdir(parents=True, exist_ok=True, mode=0o700)
        return Command(
            argv=(
                str(python),
                *arguments(
                    definition.entry_point.launcher,
                    launch.run["id"],
                    launch.run["trigger"],
                    entry_point(launch.run, definition, port),
                ),
            ),
            env={
                **self._base_env,
                **variables(launch.run, definition.job_ref, self._api_url),
                "HOME": str(home),
                "PYTHONPATH": python_path(self._sdk),
                VERDICT_FD: str(VERDICT),
                "RUNYARD_DATA_DIR": str(shared),
                **({"DLT_LOCAL_DIR": str(local)} if is_local_data_ours else {}),
                **_posted(launch.body, home),
                **self._beacon(launch.run),
                **({} if port is None else {"PORT": str(port), **self._way_back(launch.run)}),
            },
            cwd=root,
            timeout_seconds=definition.timeout_seconds if definition.is_batch else None,
            grace_seconds=definition.grace_seconds,
        )

    def _beacon(self, run: RowMapping) -> dict[str, str]:
        """Return where dlt tells what its pipelines did (contract 9.6). The panel has none."""
        if self._issue_beacon_key is None or run["workspace_id"] == SYSTEM_WORKSPACE:
            return {}
        return {"RUNTIME__DLTHUB_DSN": self._api_url + BEACON_PATH + self._issue_beacon_key(run)}

    def _way_back(self, run: RowMapping) -> dict[str, str]:
        """Return how an app reads what the server knows of its workspace: variables that our client looks for.

        The panel is given no key: whoever looks at it brings one.
        """
        way = {"RUNYARD_SERVER": self._api_url}
        if self._issue_key is not None and run["workspace_id"] != SYSTEM_WORKSPACE:
            way |= {"RUNYARD_API_KEY": self._issue_key(run), "RUNYARD_WORKSPACE": run["workspace_id"]}
        return way


def _posted(body: str | None, home: Path) -> dict[str, str]:
    """Lay out what was posted to the run's webhook, and return the variable that says where it is (TRG-24)."""
    if body is None:
        return {}
    path = home / BODY
    path.write_text(body, encoding="utf-8")
    return {BODY_VARIABLE: str(path)}


def _names_local_data(root: Path, launch: Launch) -> bool:
    """Return whether the settings laid out for a run name a place of their own for what dlt keeps in local files.

    A relative one would be in the directory of the run. Settings that cannot be read are the job's to complain about.
    """
    names = files_for(launch.run["profile"], {file.relative_path for file in launch.settings})
    try:
        settings = merge(toml_files.read(root / SETTINGS / name) for name in names)
        named = toml_files.table(settings, "workspace", "settings").get("local_dir")
    except InvalidWorkspace:
        return False
    return isinstance(named, str) and Path(named).is_absolute()


def is_webhook(trigger: str) -> bool:
    return trigger.startswith(f"{TriggerType.WEBHOOK}:")


def shares_directory(job: JobDefinition) -> bool:
    """Return whether a job's attempts work in one directory, because a pipeline keeps its state there (DEC-20)."""
    return job.retry.retries > 0 and job.pipeline_name is not None


def arguments(launcher: str, run_id: str, trigger: str, entry: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what Python is told to start a launcher with; one of others is started by ours of that purpose.

    Ours are called, with values that Python reads by itself: `runpy` and `json`, which the published way needs
    (contract 9.1), would take the job's process longer to import than Python takes to start.
    Raises: StartFailed for a job that names ours of that purpose, which would start itself and nothing else.
    """
    launcher = REPLACED.get(launcher, launcher)
    if launcher == _OF_OTHERS:
        raise StartFailed(
            f"`{launcher}` starts launchers of other packages and runs no job itself.",
            f"Name the launcher that the job is for, such as {OUR_LAUNCHERS}.job.",
        )
    package, _, name = launcher.rpartition(".")
    if package != OUR_LAUNCHERS or not name.isidentifier():
        launcher = _OF_OTHERS
    return ("-c", f"from {launcher} import main\nmain({run_id!a}, {trigger!a}, {entry!a})")


def entry_point(run: RowMapping, definition: JobDefinition, port: int | None = None) -> dict[str, Any]:
    """Return what the launcher is told to start, as published launchers read it (contract 9.1).

    It stands in the process list, so what a person gave for this run alone is not in it: see `variables`.
    """
    wire = definition.wire
    told: dict[str, Any] = {
        **wire["entry_point"],
        "job_ref": definition.job_ref,
        "profile": run["profile"],
        "refresh": run["refresh"],
        "interval_timezone": definition.timezone,
        "intercept_signals": (wire.get("execute") or {}).get("intercept_signals", True),
    }
    if port is not None:
        told["run_args"] = {"port": port, "base_path": ""}
    if run["interval_start"] is not None:
        told["interval_start"] = to_datetime(run["interval_start"]).isoformat()
        told["interval_end"] = to_datetime(run["interval_end"]).isoformat()
    for key in ("incremental_mode", "auto_refresh_pipeline_mode"):
        if key in wire:
            told[key] = wire[key]
    return told


def variables(run: RowMapping, job_ref: str, api_url: str) -> dict[str, str]:
    """Return the variables by which a job knows its run, its profile and the server (contract 9.3).

    Parameters given for this run are among them, as configuration that wins over every file (JCF-08).
    """
    given = {environment_key(job_ref, name): environment_text(value) for name, value in run["config"].items()}
    return {
        **given,
        "PYTHONUNBUFFERED": "1",
        "RUNTIME__API_BASE_URL": api_url,
        # Usage reports of other people's software; nothing we ship talks to the internet.
        "RUNTIME__DLTHUB_TELEMETRY": "false",
        "RUNTIME__RUN_ID": run["id"],
        "RUNTIME__WORKSPACE_ID": run["workspace_id"],
        "WORKSPACE__PROFILE": run["profile"],
    }
