"""A workspace of many files that import each other, as `runyard check` and `runyard deploy` meet it."""

from __future__ import annotations

from pathlib import Path

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


def large_workspace(root: Path, files: int, functions: int) -> Path:
    """Return a workspace of one job, whose file imports two others, which import two more each, and so on.

    Each file has so many functions of twenty lines.
    """
    (root / ".dlt").mkdir()
    (root / ".dlt" / ".workspace").touch()
    (root / "pyproject.toml").write_text('[project]\nname = "large"\nversion = "1"\ndependencies = ["dlt"]\n')
    (root / "__deployment__.py").write_text("import part_0\n\n__all__ = ['part_0']\n")
    for number in range(files):
        (root / f"part_{number}.py").write_text(_module(number, files, functions))
    return root


def _module(number: int, files: int, functions: int) -> str:
    below = [f"import part_{each}" for each in (2 * number + 1, 2 * number + 2) if each < files]
    head = ["from datetime import UTC, datetime", *below, "", 'RATES = {"USD": 0.92, "GBP": 1.17}', ""]
    steps = [
        FUNCTION.format(number=each, result=f"step_{each - 1}(run_context, kept)" if each else "kept")
        for each in range(functions)
    ]
    return "\n".join([*head, *steps, "print(len(RATES))\n"])
