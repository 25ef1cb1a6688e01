"""What jobs import of ours: the only thing on their path besides their own environment.

A job must never see the server's packages, so it gets a folder with nothing else in it: `runyard`, and the widgets,
the notebooks and the client that apps show their workspace with. What those need besides is the environment's. The
folder is named by its content, so that an upgraded server never changes a run that is under way.
"""

from __future__ import annotations

import compileall
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

PACKAGES = ("runyard", "runyard_widgets", "runyard_notebooks", "runyard_server.client")
"""Packages copied whole, if they are installed. Without an `__init__` above it, `runyard_server` stays open: where
the environment has the package itself, that one is imported."""

LEFT_OUT = frozenset({"__pycache__", "__marimo__", "store"})
"""Not of use in a job: bytecode is compiled afresh, and the store needs packages that a job does not have."""

STARTUP = Path("runyard", "core", "startup")
"""Where a `sitecustomize` lies that every process of a job begins with."""


def install_sdk(data_dir: Path) -> Path:
    """Return the folder to put on a job's path, after making it if this content is not there yet."""
    sources = dict(sorted(_sources()))
    digest = hashlib.sha256()
    for path, source in sources.items():
        digest.update(path.encode() + b"\0" + source.read_bytes() + b"\0")
    folder = data_dir / "sdk" / digest.hexdigest()[:16]
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        staged = Path(tempfile.mkdtemp(dir=folder.parent))
        for path, source in sources.items():
            (staged / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, staged / path)
        compileall.compile_dir(staged, quiet=2, stripdir=str(staged), prependdir=str(folder))
        staged.chmod(0o755)
        os.rename(staged, folder)  # noqa: PTH104 - `replace` would accept a folder that appeared meanwhile
    return folder


def python_path(sdk: Path) -> str:
    """Return the `PYTHONPATH` of a job for a folder that holds our packages; in front what Python runs first."""
    return os.pathsep.join((str(sdk / STARTUP), str(sdk)))


def packages() -> Iterator[tuple[Path, Path]]:
    """Yield where a package stands in the folder, and where it is installed."""
    for name in PACKAGES:
        spec = find_spec(name)
        for installed in (spec and spec.submodule_search_locations) or ():
            yield Path(*name.split(".")), Path(installed)


def _sources() -> Iterator[tuple[str, Path]]:
    """Yield every file with its path in the folder."""
    for package, installed in packages():
        for source in installed.rglob("*"):
            inside = source.relative_to(installed)
            if source.is_file() and not LEFT_OUT & set(inside.parts):
                yield str(package / inside), source
