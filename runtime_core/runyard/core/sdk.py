"""The copy of `runyard` that jobs import: the only thing on their path besides their own environment.

A job must never see the server's packages, so it gets a folder with nothing else in it. The folder is named by its
content, so that an upgraded server never changes a run that is under way.
"""

from __future__ import annotations

import compileall
import hashlib
import os
import shutil
import tempfile
from pathlib import Path

import runyard

PACKAGE = Path(runyard.__file__).parent

LEFT_OUT = ("__pycache__", "store")
"""Not of use in a job: bytecode is compiled afresh, and the store needs packages that a job does not have."""


def install_sdk(data_dir: Path) -> Path:
    """Return the folder to put on a job's path, after making it if this content is not there yet."""
    sources = sorted(path for path in PACKAGE.rglob("*.py") if not set(path.parts) & set(LEFT_OUT))
    digest = hashlib.sha256()
    for path in sources:
        digest.update(str(path.relative_to(PACKAGE)).encode() + b"\0" + path.read_bytes() + b"\0")
    folder = data_dir / "sdk" / digest.hexdigest()[:16]
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        staged = Path(tempfile.mkdtemp(dir=folder.parent))
        package = staged / PACKAGE.name
        for path in sources:
            destination = package / path.relative_to(PACKAGE)
            destination.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, destination)
        compileall.compile_dir(package, quiet=1, stripdir=str(staged), prependdir=str(folder))
        staged.chmod(0o755)
        os.rename(staged, folder)  # noqa: PTH104 - `replace` would accept a folder that appeared meanwhile
    return folder
