"""The map names every module, each where it belongs, and none that is gone."""

from __future__ import annotations

import re
from pathlib import Path

from tests.test_imports import PURE

ROOT = Path(__file__).parents[2]
CORE = ROOT / "runtime_core" / "runyard" / "core"
SERVER = ROOT / "server" / "runyard_server"
BESIDE_THE_JOB = {"launchers", "node", "startup"}
PARTS = {"cli", "client", "routes"}


def modules(package: Path) -> set[str]:
    """Return the names of the modules and folders of a package."""
    found = {path.stem for path in package.glob("*.py")} | {
        path.name for path in package.iterdir() if any(path.glob("*.py"))
    }
    return found - {"__init__"}


def columns(heading: str) -> list[list[str]]:
    """Return the names in each column of a table of the map, but for the first."""
    lines = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8").splitlines()
    begin = lines.index(heading) + 2
    rows = [line.split("|")[2:-1] for line in lines[begin : lines.index("", begin)]]
    return [re.findall(r"`(\w+)/?`", " ".join(cells)) for cells in zip(*rows, strict=True)]


def test_every_module_of_the_core_is_on_the_map_once_in_its_layer() -> None:
    pure, others = columns("| about | pure | seams and effects |")
    assert sorted(pure + others) == sorted(modules(CORE) - BESIDE_THE_JOB)
    assert set(pure) == PURE | {"errors"}


def test_every_module_of_the_server_is_on_the_map_once() -> None:
    (named,) = columns("| about | modules |")
    assert sorted(named) == sorted(modules(SERVER) - PARTS)
