"""`runyard check` over a large workspace: how long until it has said everything."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path

from benchmarks.figures import Budget, Figure, percentile, times
from benchmarks.place import Place
from benchmarks.yardstick import Yardstick

FILES = 500

FUNCTIONS = 25
"""Of one file, with twenty lines each."""

ROUNDS = 3

FUNCTION = '''
def step_{number}(run_context, rows: list[dict]) -> list[dict]:
    """Bring the rows of one window into the form that the next step expects."""
    import dlt

    window = run_context["interval_start"], run_context["interval_end"]
    pipeline = dlt.pipeline("orders", destination="duckdb", dataset_name="orders")
    kept = []
    for row in rows:
        at = datetime.fromisoformat(row["at"]).astimezone(UTC)
        if not window[0] <= at < window[1]:
            continue
        try:
            amount = float(row["amount"]) * RATES.get(row["currency"], 1.0)
        except ValueError as error:
            print(f"{{row['id']}} has no amount: {{error}}")
            continue
        kept.append({{"id": row["id"], "at": at, "amount": round(amount, 2), "pipeline": pipeline}})
    return {result}
'''


def measure(place: Place) -> Iterable[Figure]:
    workspace = _workspace(place.new_directory())
    empty = Yardstick(place.python)
    took, computed = [], []
    for _ in range(1 + ROUNDS):
        empty.take()
        began, used = time.perf_counter(), _used()
        ended = subprocess.run(
            [str(Path(sys.executable).with_name("runyard")), "check", "--json"],
            cwd=workspace,
            capture_output=True,
            text=True,
            check=True,
        )
        took.append((time.perf_counter() - began) * 1000)
        computed.append((_used() - used) * 1000)
        said = json.loads(ended.stdout)
        assert said["files"] == FILES + 1, said["files"]
    # The first writes the bytecode of the workspace.
    what = f"check of {FILES} files of 500 lines"
    return [
        *times(what, took[1:], empty.milliseconds, Budget(10_000, "ms")),
        Figure(f"{what}: CPU, p50", percentile(computed[1:], 50), "ms"),
    ]


def _used() -> float:
    """Return the seconds of CPU that all processes started from here have used: on a busy machine the steadier half."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return children.ru_utime + children.ru_stime


def _workspace(root: Path) -> Path:
    """Return a workspace of one job, whose file imports two others, which import two more each, and so on."""
    (root / ".dlt").mkdir()
    (root / ".dlt" / ".workspace").touch()
    (root / "pyproject.toml").write_text('[project]\nname = "large"\nversion = "1"\ndependencies = ["dlt"]\n')
    (root / "__deployment__.py").write_text("import part_0\n\n__all__ = ['part_0']\n")
    for number in range(FILES):
        (root / f"part_{number}.py").write_text(_module(number))
    return root


def _module(number: int) -> str:
    below = [f"import part_{each}" for each in (2 * number + 1, 2 * number + 2) if each < FILES]
    head = ["from datetime import UTC, datetime", *below, "", 'RATES = {"USD": 0.92, "GBP": 1.17}', ""]
    steps = [
        FUNCTION.format(number=each, result=f"step_{each - 1}(run_context, kept)" if each else "kept")
        for each in range(FUNCTIONS)
    ]
    return "\n".join([*head, *steps, "print(len(RATES))\n"])
