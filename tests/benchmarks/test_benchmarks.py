"""The benchmarks' own arithmetic and their way out; how fast anything is, no test here says."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from benchmarks.figures import RATIO, Budget, Figure, percentile, times
from benchmarks.report import cells, number

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("values", "percent", "expected"),
    [
        ([3.0], 50, 3.0),
        ([4, 1, 3, 2], 50, 2),
        ([4, 1, 3, 2], 51, 3),
        (range(1, 101), 95, 95),
        ([1, 2], 100, 2),
    ],
)
def test_a_percentile_is_one_of_the_values(values: list[float], percent: float, expected: float) -> None:
    assert percentile(values, percent) == expected


@pytest.mark.parametrize(
    ("budget", "is_met"),
    [
        (None, None),
        (Budget(30, "ms"), True),
        (Budget(29, "ms"), False),
        (Budget(3, RATIO), True),
        (Budget(2.9, RATIO), False),
        (Budget(30, "ms", is_floor=True), True),
        (Budget(31, "ms", is_floor=True), False),
    ],
)
def test_a_budget_bounds_the_value_or_its_ratio(budget: Budget | None, is_met: bool | None) -> None:
    assert Figure("start", 30.0, "ms", ratio=3.0, budget=budget).is_met is is_met


def test_times_are_told_beside_what_an_empty_python_took() -> None:
    median, slow = times("start", [10.0, 20.0, 40.0], 10.0, p50=Budget(2, RATIO))
    assert (median.value, median.ratio, median.is_met) == (20.0, 2.0, True)
    assert (slow.value, slow.ratio, slow.is_met) == (40.0, 4.0, None)


def test_a_row_shows_value_ratio_budget_and_verdict() -> None:
    shown = [str(cell) for cell in cells(Figure("start", 31.24, "ms", 3.124, Budget(2, RATIO)))]
    assert shown == ["start", "31.2 ms", "3.12 x", "<= 2 x", "no"]
    assert [str(cell) for cell in cells(Figure("errors", 0, "", budget=Budget(0, "")))][1:] == [
        "0",
        "",
        "<= 0",
        "yes",
    ]


@pytest.mark.parametrize(
    ("value", "expected"), [(0.0123, "0.0123"), (5, "5"), (12.345, "12.3"), (1234.5, "1,234")]
)
def test_numbers_have_the_digits_that_mean_something(value: float, expected: str) -> None:
    assert number(value) == expected


@pytest.mark.slow  # thirty processes that import the server
def test_one_measurement_can_be_asked_for() -> None:
    command = [sys.executable, "-m", "benchmarks", "--only", "import", "--json"]
    ended = subprocess.run(
        command, cwd=ROOT, env=dict(os.environ), capture_output=True, text=True, check=True
    )
    figures = json.loads(ended.stdout)["figures"]
    assert {figure["what"] for figure in figures} >= {"import runyard_server.app, p50"}
    assert all(figure["value"] > 0 and figure["ratio"] > 1 for figure in figures)
