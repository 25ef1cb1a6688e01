"""How figures are shown: a table on a terminal and in files, or JSON."""

from __future__ import annotations

import json
import platform
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.text import Text

from benchmarks.figures import Figure
from runyard_server.cli.output import table

VERDICTS = {
    True: Text("yes", "green"),
    False: Text("no", "bold red"),
    None: Text(""),
}


def show(figures: Sequence[Figure], *, as_json: bool) -> None:
    """Write the figures to stdout."""
    if as_json:
        document = {"machine": machine(), "figures": [_plain(figure) for figure in figures]}
        sys.stdout.write(json.dumps(document, indent=2) + "\n")
        return
    console = Console(highlight=False)
    console.print(machine(), style="dim")
    console.print(table("what", "measured", "to python", "budget", "met", rows=map(cells, figures)))


def cells(figure: Figure) -> tuple[Text | str, ...]:
    """Return a figure as the cells of a row."""
    return (
        figure.what,
        f"{number(figure.value)} {figure.unit}".strip(),
        "" if figure.ratio is None else f"{figure.ratio:.2f} x",
        "" if figure.budget is None else str(figure.budget).strip(),
        VERDICTS[figure.is_met],
    )


def number(value: float) -> str:
    """Return a number with the three digits that mean something."""
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:.3g}"


def machine() -> str:
    """Return what the figures were measured on."""
    lines: Iterable[str] = Path("/proc/cpuinfo").read_text().splitlines()
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    model = models[0] if models else platform.machine()
    return f"{len(models)} x {model}, Linux {platform.release()}, Python {platform.python_version()}"


def _plain(figure: Figure) -> dict[str, object]:
    return {**asdict(figure), "is_met": figure.is_met}
