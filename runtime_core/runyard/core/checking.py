"""Looks at a workspace before a deploy: everything a deploy would say of it, and what the checks find.

No server is asked and no code of the user runs here: finding the jobs is left to whoever calls. The checks are pure,
in `checks`; the files they look at are read in `deployed_code`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Iterable, Iterator
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from threading import Thread
from typing import Any, Protocol

from runyard.core import profiles, workspace
from runyard.core.checks import (
    at_import,
    destinations,
    dev_mode,
    imports,
    leaked_secrets,
    main_guard,
    naive_times,
    required_inputs,
)
from runyard.core.checks.finding import Code, Finding, Severity, Source, in_order
from runyard.core.checks.trees import functions
from runyard.core.deployed_code import DeployedCode, collecting_paused, module_of, read_code, read_more
from runyard.core.discovery import Discovered
from runyard.core.errors import (
    InvalidDeploymentModule,
    InvalidInput,
    InvalidManifest,
    InvalidWorkspace,
    RunyardError,
)
from runyard.core.installed import Installed
from runyard.core.jobs import JobDefinition, parse_job
from runyard.core.manifest import DEPLOYMENT_MODULE
from runyard.core.requirements import PUBLISHED_GROUPS, Requirements, requirements_for
from runyard.core.sdk import PACKAGES
from runyard.core.settings import DEV, files_for, merge
from runyard.core.snapshots import SETTINGS

EXCERPT_CHARACTERS_MAX = 160
"""Of a line that is shown: a longer one is generated, or data."""

_SETTINGS_ENDINGS = ("config.toml", "secrets.toml")

_FRAME = re.compile(r'^\s*File "(.+)", line (\d+)', re.MULTILINE)
"""A step of a traceback: where the user's code failed is the last one that is theirs."""


class Asked(Protocol):
    """Who knows what only other programs can tell. Each may raise a RunyardError, which is a finding then."""

    @property
    def root(self) -> Path: ...

    def discover(self, file: str | None = None) -> Discovered: ...

    def requirements(self) -> Requirements: ...

    def installed(self) -> Installed: ...

    def tracked_secrets(self) -> list[str]: ...


@dataclass(frozen=True, slots=True)
class Report:
    """What came of a check: findings in order, how many files were read, the jobs, the destinations."""

    findings: tuple[Finding, ...]
    files: int
    jobs: tuple[JobDefinition, ...]
    destinations: tuple[destinations.Row, ...]

    @property
    def errors(self) -> int:
        return sum(finding.severity is Severity.ERROR for finding in self.findings)

    @property
    def warnings(self) -> int:
        return len(self.findings) - self.errors


@collecting_paused()
def check(asked: Asked, file: str | None = None, *, times: Callable[[JobDefinition], list[str]]) -> Report:
    """Return everything that is to be said about a workspace before it is deployed.

    `file` is the deployment module if it is another than `__deployment__.py`; `times` returns the remarks about the
    times of a job, or raises InvalidInput: it needs a cron library, which not every client has.
    Source: CLI-32, DGR-08, TRB-01, TRB-02, TRB-07 to TRB-09.
    """
    checking = _Checking(asked, file)
    checking.start_reading()
    steps = (
        checking.discover,
        checking.look_at_code,
        lambda: checking.look_at_times(times),
        checking.look_at_settings,
        checking.look_at_inputs,
        checking.look_at_imports,
        checking.look_at_destinations,
    )
    for step in steps:
        checking.take(step)
    return checking.report()


def script_findings(code: DeployedCode, jobs: Iterable[JobDefinition]) -> Iterator[Finding]:
    """Yield the scripts that would do nothing, and pipelines in development mode (TRB-07, TRB-08)."""
    scripts = {job.entry_point.module for job in jobs if main_guard.is_script(job.entry_point.launcher)}
    for source in code.sources.values():
        if source.module in scripts and (found := main_guard.check(source)):
            yield found
        yield from dev_mode.check(source, as_script=source.module in scripts)


def jobs_of(found: Discovered) -> tuple[JobDefinition, ...]:
    """Return the typed jobs that were found."""
    return tuple(parse_job(job, found.extensions.get(job["job_ref"])) for job in found.manifest["jobs"])


@collecting_paused()
def deploy_warnings(root: Path, found: Discovered) -> list[str]:
    """Return what a deploy says about the code that it takes along, a sentence each (TRB-07, TRB-08)."""
    jobs = jobs_of(found)
    code = read_code(root, [job.entry_point.module for job in jobs])
    said = in_order(script_findings(code, jobs))
    return [f"{one.place}: {one.cause} {one.why} {one.remedy}" for one in said if not one.is_silenced]


class _Checking:
    """One check under way: what is known so far, and what was found."""

    def __init__(self, asked: Asked, file: str | None) -> None:
        self._asked, self._root, self._file = asked, asked.root, file
        self._entry = os.path.relpath(asked.root / (file or f"{DEPLOYMENT_MODULE}.py"), asked.root)
        self._remarks: tuple[str, ...] = ()
        self._found: list[Finding] = []
        self._failures: list[RunyardError] = []
        self._secrets: list[str] = []
        self._jobs: tuple[JobDefinition, ...] = ()
        self._reading: Future[DeployedCode] = Future()
        self._code = DeployedCode()
        self._rows: list[destinations.Row] = []

    def take(self, step: Callable[[], None]) -> None:
        """Do a step; an error that ends it becomes a finding, and the other steps go on."""
        try:
            step()
        except RunyardError as error:
            self._failures.append(error)

    def start_reading(self) -> None:
        """Read what the deployment module reaches, most of the code, while another process imports it."""

        def read() -> None:
            try:
                self._reading.set_result(read_code(self._root, [module_of(self._entry)]))
            except BaseException as error:  # raised where the code is asked for
                self._reading.set_exception(error)

        # Nobody waits for it after Ctrl-C.
        Thread(target=read, name="code", daemon=True).start()

    def discover(self) -> None:
        workspace.require_pyproject(self._root)
        if self._file is None and not (self._root / self._entry).is_file():
            self._remarks = (f"There is no `{self._entry}`: a deploy takes no job along. Create it.",)
            return
        found = self._asked.discover(self._file)
        self._jobs, self._remarks = jobs_of(found), found.warnings

    def look_at_code(self) -> None:
        self._code = code = self._reading.result()
        read_more(code, self._root, (job.entry_point.module for job in self._jobs))
        for text in self._remarks:
            self._say(Code.REMARK, text, file=self._entry)
        self._found += code.unreadable
        self._found += script_findings(code, self._jobs)
        for source in code.sources.values():
            self._found += at_import.check(source)
            self._found += naive_times.check(source)
            self._look_for_secrets(source.path, source.text, source)

    def look_at_times(self, times: Callable[[JobDefinition], list[str]]) -> None:
        for job in self._jobs:
            try:
                for text in times(job):
                    self._say(Code.REMARK, text)
            except InvalidInput as error:
                text = f"{job.job_ref}: {error}"
                self._failures.append(InvalidManifest(error.cause, error.remedy, reasons=[text]))

    def look_at_settings(self) -> None:
        names = _settings_names(self._root)
        on_server = {*files_for(profiles.PROD, names), *files_for(profiles.ACCESS, names)}
        for name in names:
            self.take(partial(self._look_at_settings_file, name, is_on_server=name in on_server))
        for text in profiles.missing_profiles(profiles.profiles_in(names)):
            self._say(Code.NO_PROFILE, text)
        for path in self._asked.tracked_secrets():
            text = f"This file is tracked by git and holds secrets. Take it out: `git rm --cached {path}`."
            self._say(Code.SECRETS_TRACKED, text, file=path)

    def _look_at_settings_file(self, name: str, *, is_on_server: bool) -> None:
        """Raises: InvalidWorkspace if it is no TOML; it is looked at all the same."""
        path = f"{SETTINGS}/{name}"
        if name.endswith("config.toml"):
            try:
                text = (self._root / path).read_text("utf-8", errors="replace")
            except OSError:  # said as it is read again
                text = ""
            self._look_for_secrets(path, text)
            if is_on_server:
                self._found += dev_mode.check_settings(path, text)
        workspace.read_settings(self._root, name)

    def look_at_inputs(self) -> None:
        names = _settings_names(self._root)
        available = profiles.profiles_in(names)
        for job in self._jobs:
            profile = profiles.choose(job.entry_point.job_type, available, required=job.profile).profile
            given = self._merged(files_for(profile, names))
            self._found += map(self._placed, required_inputs.check(job, profile, given))

    def look_at_imports(self) -> None:
        if not (self._root / workspace.PYPROJECT).is_file():
            return  # said already
        needed, installed = self._asked.requirements(), self._asked.installed()
        provided: dict[tuple[tuple[str, ...], str], Collection[str]] = {}
        reaches = []
        for job in self._jobs:
            if modules := self._code.reached_from(job.entry_point.module):
                environment = (job.dependency_groups, job.entry_point.launcher)
                if environment not in provided:
                    specs = requirements_for(needed, *environment)
                    provided[environment] = installed.modules_of(specs, needed.overrides)
                reaches.append(imports.Reach(job.job_ref, modules, provided[environment]))
        # Nobody declared the published ones: no job is meant to require them by name.
        excluded = {*needed.default_groups, *PUBLISHED_GROUPS}
        optional = {name: specs for name, specs in needed.groups.items() if name not in excluded}
        self._found += imports.check(
            self._code.sources,
            reaches,
            left_out=self._code.left_out,
            ours={package.partition(".")[0] for package in PACKAGES},
            distribution_of=installed.distribution_of,
            groups_with=lambda top: [
                name
                for name, specs in optional.items()
                if top in installed.modules_of(specs, needed.overrides)
            ],
        )

    def look_at_destinations(self) -> None:
        names = _settings_names(self._root)
        named = [name for source in self._code.sources.values() for name in destinations.named_in(source)]
        dev, prod = (self._merged(files_for(profile, names)) for profile in (DEV, profiles.PROD))
        self._rows = destinations.compare(named, dev, prod)
        self._found += destinations.check(self._rows)

    def report(self) -> Report:
        """Return what was found, without what a line silences and without the value of any secret."""
        for error in self._failures:
            self._found += self._of_error(error)
        kept = [self._without_secrets(one) for one in self._found if not one.is_silenced]
        return Report(tuple(in_order(kept)), len(self._code.sources), self._jobs, tuple(self._rows))

    def _say(self, code: Code, text: str, *, file: str | None = None) -> None:
        """Add a remark of a deploy, at the function of its job if it names one."""
        cause, remedy = _cause_and_remedy(text)
        found = Finding(code, Severity.WARNING, cause, "", remedy, file=file)
        self._found.append(self._placed(found))

    def _look_for_secrets(self, path: str, text: str, source: Source | None = None) -> None:
        leaks = leaked_secrets.find(text, source)
        self._secrets += [leak.value for leak in leaks]
        self._found += leaked_secrets.findings(path, text, leaks)

    def _of_error(self, error: RunyardError) -> list[Finding]:
        """Return an error as findings: each fault of a manifest for itself, a traceback where it points."""
        if isinstance(error, InvalidManifest):
            return [
                self._placed(Finding(error.code, Severity.ERROR, cause, "", remedy, file=self._entry))
                for cause, remedy in map(_cause_and_remedy, error.reasons)
            ]
        found = Finding(error.code, Severity.ERROR, error.cause, "", error.remedy, reasons=error.reasons)
        if not isinstance(error, InvalidDeploymentModule):
            return [found]
        steps = [step for reason in error.reasons for step in self._steps(reason)]
        explained = {(one.file, one.line) for one in self._found if one.severity is Severity.ERROR}
        if not explained.isdisjoint(steps):
            return []
        file, line = steps[-1] if steps else (self._entry, None)
        return [self._shown(replace(found, file=file, line=line))]

    def _steps(self, traceback: str) -> Iterator[tuple[str, int]]:
        """Yield the places of a traceback that are in this workspace."""
        root = self._root.resolve()
        for name, line in _FRAME.findall(traceback):
            with suppress(OSError, ValueError):
                yield Path(name).resolve().relative_to(root).as_posix(), int(line)

    def _placed(self, found: Finding) -> Finding:
        """Return a finding at the function of the job whose ref its cause begins with."""
        ref, _, said = found.cause.partition(": ")
        section, _, name = ref.removeprefix("jobs.").rpartition(".")
        for source in self._code.sources.values():
            if name in (known := functions(source.tree)) and source.module.rpartition(".")[2] == section:
                place = source.finding(known[name], Code.REMARK, "", "", "")
                return replace(
                    place,
                    code=found.code,
                    severity=found.severity,
                    cause=said,
                    why=found.why,
                    remedy=found.remedy,
                )
        return found

    def _shown(self, found: Finding) -> Finding:
        source = next((one for one in self._code.sources.values() if one.path == found.file), None)
        if source is None or found.line is None or found.line > len(source.lines):
            return found
        return replace(found, excerpt=source.lines[found.line - 1].rstrip())

    def _without_secrets(self, found: Finding) -> Finding:
        excerpt = found.excerpt and leaked_secrets.hide(found.excerpt, self._secrets)
        if excerpt != found.excerpt:  # the caret would point elsewhere
            found = replace(found, column=None, end_column=None)
        reasons = tuple(leaked_secrets.hide(one, self._secrets) for one in found.reasons)
        return replace(found, excerpt=excerpt and excerpt[:EXCERPT_CHARACTERS_MAX], reasons=reasons)

    def _merged(self, names: Iterable[str]) -> dict[str, Any]:
        layers = []
        for name in names:
            with suppress(InvalidWorkspace):  # said where the settings are looked at
                layers.append(workspace.read_settings(self._root, name))
        return merge(layers)


def _settings_names(root: Path) -> list[str]:
    folder = root / SETTINGS
    return sorted(
        path.name for path in folder.iterdir() if path.name.endswith(_SETTINGS_ENDINGS) and path.is_file()
    )


def _cause_and_remedy(text: str) -> tuple[str, str]:
    """Return a remark in two: its last sentence says what to do instead, as in all of ours."""
    cause, dot, remedy = text.rpartition(". ")
    return (f"{cause}.", remedy) if dot else (text, "")
