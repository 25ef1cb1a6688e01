"""`runyard init`: make a directory a workspace, or copy an example; never overwrite (WS-07, WS-08)."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import tomlkit
import typer

from runyard.core import toml_files, workspace
from runyard.core.errors import Conflict, NotFound
from runyard.core.snapshots import MARKER, SETTINGS
from runyard_server.cli import starter
from runyard_server.cli.session import session_of

SECRETS_IGNORED = (f"{SETTINGS}/secrets.toml", f"{SETTINGS}/*.secrets.toml")
"""Lines of `.gitignore` without which secrets would be committed and deployed."""

SDK_GROUP = "dev"
"""The dependency group that gets `runyard`: editors and local runs need it, the server brings its own."""

EXAMPLES = Path(__file__).parents[1] / "examples"
"""Where the wheel keeps the examples; in a source checkout they are beside the packages."""


def init(
    context: typer.Context,
    path: Annotated[Path, typer.Argument(help="The directory; made if it is not there.")] = Path(),
    example: Annotated[
        str | None, typer.Option("--example", help="Copy an example, such as flights.")
    ] = None,
) -> None:
    """Make a directory a workspace. Safe to repeat; no file is overwritten."""
    out = session_of(context).output
    root = path.absolute()
    written = copy_example(example, root) if example else make_workspace(root)
    shown = "\n".join(f"Wrote {name}" for name in written) or "Everything is there already."
    out.result({"root": root.as_posix(), "written": written}, shown)
    out.note("Next: `runyard dev` here, or `runyard deploy` to a server.")


def make_workspace(root: Path) -> list[str]:
    """Write what is missing for `root` to be a workspace that can be deployed; return what was written.

    Where there is no code yet, a first job is there too.
    """
    root.mkdir(parents=True, exist_ok=True)
    steps = {
        f"{SETTINGS}/{MARKER}": _write_marker,
        workspace.PYPROJECT: _write_pyproject,
        ".gitignore": _write_ignores,
    }
    written = [name for name, write in steps.items() if write(root / name)]
    has_code = any(path.endswith(".py") for path in workspace.select_files(root))
    first = {} if has_code else starter.FILES
    return written + [name for name, text in first.items() if _write_if_new(root / name, "", text)]


def example_path(name: str) -> Path:
    """Return the directory of an example. Raises: NotFound listing those there are."""
    folder = EXAMPLES if EXAMPLES.is_dir() else Path(__file__).parents[3] / "examples"
    names = sorted(path.name for path in folder.iterdir() if (path / workspace.PYPROJECT).is_file())
    if name not in names:
        raise NotFound(f"There is no example `{name}`.", f"There is: {', '.join(names)}.")
    return folder / name


def copy_example(name: str, target: Path) -> list[str]:
    """Copy the files of an example that are not there yet; return their names.

    Raises: Conflict if one is there with other content: half an example does not run. Nothing is written then.
    """
    source = example_path(name)
    files = list(_files_of(source))
    if others := [path for path in files if _differs(source / path, target / path)]:
        raise Conflict(
            f"`{target}` has files that the example would replace.",
            f"Copy it to a directory of its own: `runyard init {name} --example {name}`.",
            reasons=others,
        )
    return [path for path in files if _copy(source / path, target / path)]


def _files_of(source: Path) -> Iterator[str]:
    yield from workspace.select_files(source)
    for file in (MARKER, *workspace.settings_files(source), "dev.config.toml"):
        if (source / SETTINGS / file).is_file():
            yield f"{SETTINGS}/{file}"


def _differs(source: Path, target: Path) -> bool:
    return target.exists() and not (target.is_file() and target.read_bytes() == source.read_bytes())


def _copy(source: Path, target: Path) -> bool:
    if target.exists():
        return False
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
    return True


def _write_marker(path: Path) -> bool:
    if path.exists():
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return True


def _write_pyproject(path: Path) -> bool:
    """Make a project, or add `runyard` to what a project's author uses; all else stays as it is."""
    document = toml_files.edit(path)
    text = path.read_text("utf-8") if path.exists() else ""
    if "project" not in document:
        name = re.sub(r"[^a-z0-9]+", "-", path.parent.name.lower()).strip("-") or "workspace"
        major, minor = sys.version_info[:2]
        document["project"] = {
            "name": name,
            "version": "0.1.0",
            "requires-python": f">={major}.{minor}",
            "dependencies": [],
        }
    project, groups = (toml_files.table(document, name) for name in ("project", "dependency-groups"))
    declared = [*toml_files.texts(project, "dependencies"), *toml_files.texts(groups, SDK_GROUP)]
    if not any(re.match(r"runyard\b", str(spec)) for spec in declared):
        groups = document.setdefault("dependency-groups", tomlkit.table())
        groups.setdefault(SDK_GROUP, tomlkit.array()).append("runyard")
    return _write_if_new(path, text, tomlkit.dumps(document))


def _write_ignores(path: Path) -> bool:
    """Add the lines that keep secrets out; a new file also has what is left out when there is none."""
    text = (
        path.read_text("utf-8") if path.exists() else "".join(f"{it}\n" for it in workspace.DEFAULT_IGNORES)
    )
    present = {line.strip() for line in text.splitlines()}
    covered = f"{SETTINGS}/*secrets.toml" in present
    missing = [] if covered else [line for line in SECRETS_IGNORED if line not in present]
    end = "" if not text or text.endswith("\n") else "\n"
    before = text if path.exists() else ""
    return _write_if_new(path, before, text + end + "".join(f"{line}\n" for line in missing))


def _write_if_new(path: Path, before: str, after: str) -> bool:
    if path.exists() and after == before:
        return False
    path.write_text(after, "utf-8")
    return True
