"""What is in the wheel: a file that an ignore rule hides would vanish from it without a word."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = {
    "runyard": "runtime_core",
    "runyard_notebooks": "notebooks",
    "runyard_server": "server",
    "runyard_widgets": "widgets",
}
SOURCE_ENDINGS = {".py", ".html", ".css", ".js", ".typed"}
BUILD_SECONDS = 300.0
"""Building takes seconds; the first time also fetches the build backend."""


@pytest.fixture(scope="module")
def contents(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """Return the names in a freshly built wheel."""
    out = tmp_path_factory.mktemp("wheel")
    uv = Path(sys.executable).with_name("uv")
    subprocess.run(
        [uv, "build", "--quiet", "--wheel", "--out-dir", out], cwd=ROOT, check=True, timeout=BUILD_SECONDS
    )
    (wheel,) = out.glob("*.whl")
    return set(zipfile.ZipFile(wheel).namelist())


@pytest.mark.slow
@pytest.mark.timeout(BUILD_SECONDS)
def test_the_wheel_holds_every_source_file(contents: set[str]) -> None:
    missing = [
        name
        for package, root in PACKAGES.items()
        for path in (ROOT / root / package).rglob("*")
        if path.suffix in SOURCE_ENDINGS
        and (name := path.relative_to(ROOT / root).as_posix()) not in contents
    ]
    assert not missing


# SPEC: OPS-01
@pytest.mark.slow
@pytest.mark.timeout(BUILD_SECONDS)
def test_the_wheel_holds_the_example_whole(contents: set[str]) -> None:
    listed = subprocess.run(
        ["git", "ls-files", "examples/flights"], cwd=ROOT, check=True, capture_output=True, text=True
    )
    files = [Path(line).relative_to("examples/flights").as_posix() for line in listed.stdout.splitlines()]
    assert "__deployment__.py" in files
    assert ".dlt/.workspace" in files
    assert [name for name in files if f"runyard_server/examples/flights/{name}" not in contents] == []


@pytest.mark.slow
@pytest.mark.timeout(BUILD_SECONDS)
def test_the_wheel_holds_nothing_else(contents: set[str]) -> None:
    tops = {name.partition("/")[0] for name in contents}
    assert {top for top in tops if not top.endswith(".dist-info")} == set(PACKAGES)
    assert not [name for name in contents if "__pycache__" in name or "/tests/" in name]


@pytest.mark.slow
@pytest.mark.timeout(BUILD_SECONDS)
def test_the_wheel_starts_the_command_and_carries_its_licence(contents: set[str]) -> None:
    assert any(name.endswith(".dist-info/entry_points.txt") for name in contents)
    assert any(name.endswith("/licenses/LICENSE") for name in contents)
