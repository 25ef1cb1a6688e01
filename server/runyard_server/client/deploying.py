"""From a workspace directory to a server: find the jobs, sync code and settings, submit the manifest.

Each step is a method, so that a caller can say what it is doing; `deploy` is all of them in order (RCN-01).
Nothing here imports user code: that happens in a child process with the workspace's own Python.
"""

from __future__ import annotations

import io
import json
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from shutil import which
from typing import BinaryIO

from runyard.core import checking, profiles, requirements, sdk, snapshots, workspace
from runyard.core.clock import Clock, SystemClock
from runyard.core.discovery import Discovered, Discovery
from runyard.core.errors import InvalidManifest, NotFound
from runyard.core.installed import Installed, installed_for
from runyard.core.manifest import DEPLOYMENT_MODULE
from runyard.core.processes import Processes, SystemProcesses
from runyard.core.requirements import Requirements
from runyard.core.snapshots import Changes, SnapshotFile
from runyard_server.client.client import Client
from runyard_server.client.models import DeployReceipt, Version

VERSION_SECONDS = 20.0
"""How long a Python may take to say its version; a cold disk is slow, a hanging one must not hold us up."""

PACKAGE_IN_MEMORY_BYTES = 16 * 1024 * 1024
"""A package up to this size is built in memory, a larger one in a temporary file."""


_ABOUT_PROFILES = frozenset(
    text for there in ((), (profiles.PROD,), (profiles.ACCESS,)) for text in profiles.missing_profiles(there)
)
"""What a server says about the settings it has; those here are what counts, and may be about to replace them."""


@dataclass(frozen=True, slots=True)
class Synced:
    """What a sync of code or settings did: the version in force, None before the first, and what differed.

    `is_new` says that this sync made the version, or in a dry run that it would make one.
    """

    version: Version | None
    changes: Changes
    is_new: bool


@dataclass(frozen=True, slots=True)
class Drift:
    """In what a workspace directory differs from what is deployed: files of its code, and whether its settings do."""

    code: Changes
    settings: bool

    @property
    def is_there(self) -> bool:
        return self.settings or any((self.code.added, self.code.updated, self.code.deleted))


class Deployer:
    """Takes one workspace directory to the workspace of a client."""

    def __init__(
        self,
        client: Client,
        root: Path,
        *,
        env: Mapping[str, str],
        processes: Processes | None = None,
        clock: Clock | None = None,
        python: Path | None = None,
    ) -> None:
        """`env` is what helper programs see of the caller's environment; `python` imports the user's code."""
        self.root = root
        self._client = client
        inherited = {key: value for key, value in env.items() if not key.startswith("PYTHON")}
        # Looking at a workspace leaves nothing behind in it.
        self._env = {**inherited, "PYTHONDONTWRITEBYTECODE": "1"}
        self._processes = processes or SystemProcesses()
        self._discovery = Discovery(self._processes, clock or SystemClock())
        self.python = python or workspace_python(root, env)

    @property
    def has_deployment_module(self) -> bool:
        return (self.root / f"{DEPLOYMENT_MODULE}.py").is_file()

    def discover(self, file: str | None = None, *, ad_hoc: bool = False) -> Discovered:
        """Return the jobs that the deployment module, or another file, declares.

        Raises: InvalidWorkspace without `pyproject.toml`, InvalidDeploymentModule, InvalidManifest.
        """
        workspace.require_pyproject(self.root)
        with _offered() as offered:
            return self._discovery.discover(
                self.root, file, python=self.python, sdk=offered, env=self._env, ad_hoc=ad_hoc
            )

    def warnings(self, found: Discovered | None, receipt: DeployReceipt | None = None) -> list[str]:
        """Return what the owner should know: about the jobs, the settings here, and what the server said.

        Source: WS-09, TRB-01, TRB-02, TRB-07, TRB-08, RCN-15.
        """
        tracked = self.tracked_secrets()
        return [
            *(found.warnings if found else ()),
            *(checking.deploy_warnings(self.root, found) if found else ()),
            *(f"`{path}` is tracked by git and holds secrets: `git rm --cached {path}`." for path in tracked),
            *profiles.missing_profiles(profiles.profiles_in(workspace.settings_files(self.root))),
            *(text for text in (receipt.warnings if receipt else ()) if text not in _ABOUT_PROFILES),
        ]

    def tracked_secrets(self) -> list[str]:
        """Return the secrets files that git tracks (WS-09)."""
        return workspace.tracked_secrets(self.root, self._processes, self._env)

    def requirements(self) -> Requirements:
        """Return what the workspace depends on. Raises: InvalidWorkspace."""
        return requirements.export(
            self.root,
            python_version=self._python_version(),
            processes=self._processes,
            uv=_uv(),
            env=self._env,
        )

    def installed(self) -> Installed:
        """Return what the Python of the workspace has installed."""
        return installed_for(self.python, self._processes, self.root, self._env)

    def sync_code(self, *, dry_run: bool = False) -> Synced:
        """Bring the code to the server if it differs from the newest there; only changed files travel.

        Raises: InvalidWorkspace without `pyproject.toml` or if a file cannot be read.
        """
        workspace.require_pyproject(self.root)
        latest = self._client.latest_deployment()
        files = snapshots.describe(self.root, workspace.select_files(self.root))
        if latest and latest.content_hash == snapshots.content_hash(files):
            return _unchanged(latest)
        known = self._deployed_files(latest)
        changes = snapshots.changes(known, files)
        needed = self.requirements()
        if dry_run:
            return Synced(latest, changes, is_new=True)
        with _package(self.root, files, known) as package:
            uploaded = self._client.upload_deployment(package, json.loads(requirements.render(needed)))
        return _uploaded(latest, uploaded, changes)

    def drift(self) -> Drift:
        """Return in what the files here differ from what is deployed (RCN-17)."""
        latest, settings = self._client.latest_deployment(), self._client.latest_configuration()
        files = snapshots.describe(self.root, workspace.select_files(self.root))
        own = snapshots.describe(self.root / snapshots.SETTINGS, workspace.settings_files(self.root))
        same = latest is not None and latest.content_hash == snapshots.content_hash(files)
        code = Changes((), (), ()) if same else snapshots.changes(self._deployed_files(latest), files)
        return Drift(code, settings is None or settings.content_hash != snapshots.content_hash(own))

    def sync_settings(self, *, dry_run: bool = False) -> Synced:
        """Bring the settings of non-local profiles to the server if they differ from the newest there."""
        latest = self._client.latest_configuration()
        folder = self.root / snapshots.SETTINGS
        files = snapshots.describe(folder, workspace.settings_files(self.root))
        if latest and latest.content_hash == snapshots.content_hash(files):
            return _unchanged(latest)
        # The server never hands settings out again, so which of them differ is not known here.
        changes = snapshots.changes((), files)
        if dry_run:
            return Synced(latest, changes, is_new=True)
        with _package(folder, files, ()) as package:
            return _uploaded(latest, self._client.upload_configuration(package), changes)

    def plan(self, found: Discovered | None, *, strict: bool = False) -> DeployReceipt | None:
        """Return what a deploy would do, None without a deployment module. Changes nothing.

        To be asked before any code travels: runs would use it although its jobs are refused (RCN-10).
        Raises: InvalidManifest if the server refuses it; with `strict` also if it warns of anything (RCN-15).
        """
        planned = self._client.deploy(found.manifest, found.extensions, dry_run=True) if found else None
        if strict and (reasons := self.warnings(found, planned)):
            raise InvalidManifest(
                "There are warnings, and `--strict` makes them errors.",
                "Mend them or deploy without it.",
                reasons=reasons,
            )
        return planned

    def deploy(self, say: Callable[[str], None] = lambda _: None) -> DeployReceipt | None:
        """Do all steps and return what changed; None if there is no deployment module (RCN-13)."""
        found = None
        if self.has_deployment_module:
            say("Importing the deployment module")
            found = self.discover()
            self.plan(found)
        say("Uploading code and settings")
        code, settings = self.sync_code().version, self.sync_settings().version
        if found is None:
            return None
        return self._client.deploy(found.manifest, found.extensions, code=code, settings=settings)

    def _deployed_files(self, latest: Version | None) -> list[SnapshotFile]:
        if latest is None:
            return []
        try:
            rows = self._client.deployment_files(latest.id)
        except NotFound:  # a server that tells nothing of its files gets all of them
            return []
        return [
            SnapshotFile(row["relative_path"], row["sha3_256"], row["size_bytes"], 0, row.get("linkname"))
            for row in rows
        ]

    def _python_version(self) -> str:
        code = "import sys; print('%d.%d' % sys.version_info[:2])"
        ended = self._processes.run(
            [str(self.python), "-c", code], cwd=self.root, env=self._env, timeout_seconds=VERSION_SECONDS
        )
        return ended.stdout.strip()


def workspace_python(root: Path, env: Mapping[str, str]) -> Path:
    """Return the Python that knows what a workspace imports: its own environment, the active one, or ours."""
    active = env.get("VIRTUAL_ENV")
    candidates = [root / ".venv", *([Path(active)] if active else [])]
    found = (folder / "bin" / "python" for folder in candidates)
    return next((python for python in found if python.exists()), Path(sys.executable))


def _unchanged(latest: Version) -> Synced:
    return Synced(latest, Changes((), (), ()), is_new=False)


def _uploaded(latest: Version | None, uploaded: Version, changes: Changes) -> Synced:
    # The server compares by its own hash and may answer with the version it had (CMP-02).
    return Synced(uploaded, changes, is_new=latest is None or latest.id != uploaded.id)


def _uv() -> Path | None:
    found = which("uv", path=f"{Path(sys.executable).parent}") or which("uv")
    return Path(found) if found else None


@contextmanager
def _package(base: Path, files: list[SnapshotFile], known: Iterable[SnapshotFile]) -> Iterator[BinaryIO]:
    with tempfile.SpooledTemporaryFile(PACKAGE_IN_MEMORY_BYTES) as spool:
        snapshots.write_package(base, files, spool, known=list(known))
        spool.seek(0, io.SEEK_SET)
        yield spool  # type: ignore[misc]  # typeshed does not call it a BinaryIO; it is one


@contextmanager
def _offered() -> Iterator[Path]:
    """Offer a directory with what a job finds of ours, to be put on the path of the user's Python."""
    with tempfile.TemporaryDirectory(prefix="runyard-sdk-") as directory:
        for package, installed in sdk.packages():
            (Path(directory) / package).parent.mkdir(exist_ok=True)
            (Path(directory) / package).symlink_to(installed, target_is_directory=True)
        yield Path(directory)
