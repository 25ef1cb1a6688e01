"""What a Python environment has installed: which names a set of requirements makes importable.

Only metadata is read; nothing of the environment is imported. What a workspace declares is in `requirements`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from importlib.metadata import Distribution, distributions
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from runyard.core.checks.imports import DISTRIBUTIONS
from runyard.core.errors import InvalidWorkspace
from runyard.core.processes import Processes

ASK_SECONDS = 20.0
"""How long a Python may take to say where it finds packages; a cold disk is slow."""

SHARED = ("azure", "google")
"""Names under which many packages of one vendor are imported: `azure-identity` as `azure.identity`."""

_ASK = "import json, sys; print(json.dumps({'path': sys.path, 'version': '%d.%d' % sys.version_info[:2]}))"


class Installed:
    """The packages on an import path. Each is read when it is first asked for, and once."""

    def __init__(self, path: Sequence[str], python_version: str) -> None:
        """`python_version` is `major.minor`: what environment markers are held against."""
        self._path = list(path)
        self._markers = {"python_version": python_version}
        self._found: dict[str, Distribution | None] = {}
        self._needed: dict[tuple[str, str], list[Requirement]] = {}
        self._modules: dict[str, frozenset[str]] = {}

    def modules_of(self, specs: Iterable[str], overrides: Iterable[str] = ()) -> frozenset[str]:
        """Return the top-level names that requirements make importable, with all that they bring along.

        A package that is not installed here counts with the names it usually has. `overrides` replace what packages
        ask for, as uv's do.
        """
        replaced = {canonicalize_name(one.name): one for one in map(Requirement, overrides)}
        waiting = self._that_apply(map(Requirement, specs))
        done: set[tuple[str, str]] = set()
        while waiting:
            wanted = waiting.pop()
            name = canonicalize_name(wanted.name)
            if name in replaced:
                wanted = replaced[name]
                if not self._that_apply([wanted]):
                    continue
            new = {(name, extra) for extra in ("", *wanted.extras)} - done
            done |= new
            waiting += [one for key in new for one in self._asked_by(*key)]
        return frozenset().union(*(self._modules_in(name) for name, _ in done))

    def distribution_of(self, module: str) -> str:
        """Return what to install for a name: the package that has it here, else the best guess."""
        usual = DISTRIBUTIONS.get(module, module)
        if module in self._modules_in(canonicalize_name(usual)) and self._distribution(usual):
            return usual
        for found in distributions(path=self._path):
            if module in _modules_in(found):
                return str(found.metadata["Name"])
        return usual

    def _modules_in(self, name: str) -> frozenset[str]:
        """Return the names one package makes importable."""
        if name not in self._modules:
            found = self._distribution(name)
            # One that is installed for editing lists no modules.
            self._modules[name] = (_modules_in(found) if found else frozenset()) or _usual_modules(name)
        return self._modules[name]

    def _asked_by(self, name: str, extra: str) -> list[Requirement]:
        """Return what a package needs for itself, or for an extra of it."""
        if (name, extra) not in self._needed:
            found = self._distribution(name)
            needed = _readable((found and found.requires) or ())
            self._needed[name, extra] = self._that_apply(needed, extra)
        return self._needed[name, extra]

    def _that_apply(self, wanted: Iterable[Requirement], extra: str = "") -> list[Requirement]:
        """Return those whose marker is true for this Python and an extra."""
        markers = {**self._markers, "extra": extra}
        return [one for one in wanted if one.marker is None or one.marker.evaluate(markers)]

    def _distribution(self, name: str) -> Distribution | None:
        name = canonicalize_name(name)
        if name not in self._found:
            self._found[name] = next(iter(distributions(name=name, path=self._path)), None)
        return self._found[name]


def installed_for(python: Path, processes: Processes, root: Path, env: Mapping[str, str]) -> Installed:
    """Return what a Python finds installed, without what `root` itself holds.

    Raises: InvalidWorkspace if it does not say.
    """
    argv = [str(python), "-P", "-c", _ASK]
    completed = processes.run(argv, cwd=root, env=env, timeout_seconds=ASK_SECONDS)
    try:
        said = json.loads(completed.stdout)
    except ValueError:
        raise InvalidWorkspace(
            f"`{python}` does not say what it has installed.",
            "Build the environment anew.",
            reasons=completed.stderr.strip().splitlines(),
        ) from None
    return Installed(said["path"], said["version"])


def _readable(needs: Iterable[str]) -> Iterator[Requirement]:
    """Yield what a package needs, without what is written as no installer reads it any more: `pytz (>dev)`."""
    for need in needs:
        with suppress(InvalidRequirement):
            yield Requirement(need)


def _modules_in(found: Distribution) -> frozenset[str]:
    names: set[str] = set()
    for line in (found.read_text("RECORD") or found.read_text("installed-files.txt") or "").splitlines():
        path = line.partition(",")[0].strip('"').removeprefix("../")
        top, slash, _ = path.partition("/")
        name, _, ending = top.partition(".")
        if (
            name.isidentifier()
            and not name.startswith("__")
            and (slash or ending.endswith(("py", "so", "pyd")))
        ):
            names.add(name)
    return frozenset(names)


def _usual_modules(name: str) -> frozenset[str]:
    """Return the names a package of this name usually has."""
    known = {module for module, distribution in DISTRIBUTIONS.items() if distribution == name}
    shared = {top for top in SHARED if name.startswith(f"{top}-")}
    return frozenset({name.replace("-", "_"), *known, *shared})
