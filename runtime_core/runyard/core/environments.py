"""Build or reuse the Python environment of a job, with uv.

Requirements are compiled to exact versions with hashes once; the environment is keyed by the outcome, built
in its final place by one builder at a time, and complete exactly when its `.ready` file is there. What a job
needs is in `requirements`. No Python is ever downloaded (DGR-07).
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import sysconfig
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

from runyard.core.clock import Clock
from runyard.core.errors import EnvironmentFailed
from runyard.core.file_store import storage_errors
from runyard.core.processes import Completed, Processes
from runyard.core.requirements import Requirements, requirements_for

BUILD_TIMEOUT_SECONDS = 30 * 60.0
"""Of one uv command: a slow network with gigabytes of wheels, or a package that has to be compiled."""

QUERY_TIMEOUT_SECONDS = 30.0
"""Of a question to uv that needs no network."""

REASON_LINES_MAX = 50
"""Lines of the installer an error keeps, from the end: uv explains last."""

READY = ".ready"


@dataclass(frozen=True, slots=True)
class EnvironmentSpec:
    """What an environment has to contain."""

    requirements: tuple[str, ...]
    python_version: str
    overrides: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Environment:
    """A complete environment. It is shared and must not be changed."""

    key: str
    python: Path


def spec_for(requirements: Requirements, groups: Iterable[str], launcher: str) -> EnvironmentSpec:
    """Return what a job needs. Raises: InvalidInput if a group is not declared."""
    return EnvironmentSpec(
        tuple(requirements_for(requirements, groups, launcher)),
        requirements.python_version,
        tuple(requirements.overrides),
    )


def environment_key(resolution: str, python_version: str, platform: str, uv_version: str) -> str:
    """Return the name of the environment these make.

    Groups are not in it: what they change is the resolution, and the same resolution is the same environment.
    Source: DGR-05.
    """
    return _digest([resolution, python_version, platform, uv_version])


class EnvironmentBuilder:
    """Environments in `root`, by key.

    `env` is what uv may see, such as PATH, HOME and the settings of a package index. `find_links` is a folder
    of wheels offered besides the index: the server's own.
    """

    def __init__(
        self,
        root: Path,
        processes: Processes,
        clock: Clock,
        uv: Path,
        env: Mapping[str, str],
        *,
        find_links: Path | None = None,
    ) -> None:
        self._root, self._processes, self._clock, self._uv = root, processes, clock, uv
        self._find_links = find_links
        # Cache and environments on one file system, so that uv can use hard links.
        self._env = {
            **env,
            "UV_CACHE_DIR": str(root / "cache"),
            "UV_PYTHON_DOWNLOADS": "never",
            "NO_COLOR": "1",
        }
        self._resolutions = root / "resolutions"
        self._resolutions.mkdir(parents=True, exist_ok=True)
        # uv looks upward for a project's settings, and must not find those of one this directory lies in.
        (root / "pyproject.toml").write_text("[tool.uv]\n")

    def find(self, spec: EnvironmentSpec) -> Environment | None:
        """Return the environment if it is complete and the interpreter it was made with still exists.

        Asked before every start, so it reads one file and waits for nothing.
        """
        resolution = self._resolution(spec)
        if not resolution.exists():
            return None
        environment = self._environment(resolution, spec)
        is_ready = (self._root / environment.key / READY).exists() and environment.python.exists()
        return environment if is_ready else None

    def ensure(self, spec: EnvironmentSpec, on_line: Callable[[str], None] | None = None) -> Environment:
        """Return the environment, after building it if it is not there; waits while another one is built.

        `on_line` gets the installer's output. Nothing is resolved again while nothing has changed.
        Raises: EnvironmentFailed with the installer's words as reasons, StorageFull, StartFailed without uv.
        """
        if (built := self.find(spec)) is not None:
            return built
        with storage_errors(), self._one_at_a_time():
            if (built := self.find(spec)) is not None:
                return built
            python = self.find_python(spec.python_version)
            resolution = self._resolution(spec)
            if not resolution.exists():
                self._resolve(spec, python, resolution, on_line)
            environment = self._environment(resolution, spec)
            self._build(environment, resolution, python, on_line)
            return environment

    def find_python(self, version: str) -> Path:
        """Return this machine's interpreter of a `major.minor` version.

        Raises: EnvironmentFailed, also the answer to a deploy that asks for another version (DGR-07).
        """
        found = self._uv_run(["python", "find", "--system", "--no-project", version], QUERY_TIMEOUT_SECONDS)
        if found.returncode != 0:
            raise EnvironmentFailed(
                f"Python {version} is not installed on this server.",
                "Install it there, or deploy with a version that is.",
            )
        return Path(found.stdout.strip())

    @cached_property
    def uv_version(self) -> str:
        return self._uv_run(["--version"], QUERY_TIMEOUT_SECONDS).stdout.strip()

    def _resolution(self, spec: EnvironmentSpec) -> Path:
        """Return where the compiled requirements are, named by everything that goes into them."""
        wheels = sorted(self._find_links.glob("*.whl")) if self._find_links else []
        offered = [[wheel.name, wheel.stat().st_size, wheel.stat().st_mtime_ns] for wheel in wheels]
        key = _digest([asdict(spec), offered, sysconfig.get_platform(), self.uv_version])
        return self._resolutions / f"{key}.txt"

    def _environment(self, resolution: Path, spec: EnvironmentSpec) -> Environment:
        key = environment_key(
            resolution.read_text(), spec.python_version, sysconfig.get_platform(), self.uv_version
        )
        return Environment(key, self._root / key / "bin" / "python")

    @contextmanager
    def _one_at_a_time(self) -> Iterator[None]:
        # Builders beside each other work too, but each downloads for itself: eight fill the cache eightfold.
        with (self._root / "lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def _resolve(
        self, spec: EnvironmentSpec, python: Path, target: Path, on_line: Callable[[str], None] | None
    ) -> None:
        with tempfile.TemporaryDirectory(dir=self._root) as directory:
            wanted, overrides, found = (
                Path(directory) / name for name in ("in.txt", "overrides.txt", "out.txt")
            )
            wanted.write_text("\n".join(spec.requirements))
            overrides.write_text("\n".join(spec.overrides))
            self._install_step(
                [
                    *("pip", "compile", "--generate-hashes", "--no-header", "--no-annotate", "--quiet"),
                    *("--python", str(python), "--overrides", str(overrides), *self._offer()),
                    *("--output-file", str(found), str(wanted)),
                ],
                on_line,
            )
            found.replace(target)

    def _build(
        self, environment: Environment, resolution: Path, python: Path, on_line: Callable[[str], None] | None
    ) -> None:
        """Build in the final place, because scripts of an environment hold its path."""
        directory = self._root / environment.key
        _remove(directory)
        self._install_step(["venv", "--python", str(python), str(directory)], on_line)
        # A git source is pinned by its commit and has no hash.
        checked = "--verify-hashes" if " @ git+" in resolution.read_text() else "--require-hashes"
        self._install_step(
            [
                *("pip", "sync", checked, "--compile-bytecode", "--allow-empty-requirements"),
                *("--python", str(environment.python), *self._offer(), str(resolution)),
            ],
            on_line,
        )
        _make_read_only(directory)
        # After a power cut `.ready` must not stand before what it vouches for.
        os.sync()
        with (directory / READY).open("w") as file:
            json.dump({"key": environment.key, "uv": self.uv_version, "created_at": self._clock.now()}, file)
            file.flush()
            os.fsync(file.fileno())

    def _offer(self) -> list[str]:
        return ["--find-links", str(self._find_links)] if self._find_links else []

    def _install_step(self, arguments: Sequence[str], on_line: Callable[[str], None] | None) -> None:
        ended = self._uv_run(arguments, BUILD_TIMEOUT_SECONDS, on_line)
        if ended.timed_out:
            raise EnvironmentFailed(
                f"Installing took longer than {BUILD_TIMEOUT_SECONDS / 60:.0f} minutes.",
                "Try again, or depend on packages with wheels.",
            )
        if ended.returncode != 0:
            raise EnvironmentFailed(
                "The dependencies cannot be installed.",
                "Correct pyproject.toml and deploy again.",
                reasons=ended.stderr.strip().splitlines()[-REASON_LINES_MAX:],
            )

    def _uv_run(
        self,
        arguments: Sequence[str],
        timeout_seconds: float,
        on_line: Callable[[str], None] | None = None,
    ) -> Completed:
        return self._processes.run(
            [str(self._uv), *arguments],
            cwd=self._root,
            env=self._env,
            timeout_seconds=timeout_seconds,
            on_line=on_line,
        )


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()[:32]


def _make_read_only(directory: Path) -> None:
    """Take the write bits below `directory`: its files are shared by hard link with other environments."""
    for folder, _, names in os.walk(directory):
        for path in [Path(folder) / name for name in names]:
            if not path.is_symlink():
                path.chmod(path.stat().st_mode & ~0o222)
        if folder != str(directory):
            Path(folder).chmod(0o555)


def _remove(directory: Path) -> None:
    """Remove an environment that was never finished, read-only or not."""
    if directory.exists():
        for folder, _, _ in os.walk(directory):
            Path(folder).chmod(0o755)
        shutil.rmtree(directory)
