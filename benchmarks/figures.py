"""Measured numbers and the budgets they have to meet. Measures nothing itself."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

RATIO = "x"
"""Unit of a budget that bounds the ratio to an empty Python instead of the value itself."""


@dataclass(frozen=True, slots=True)
class Budget:
    """At most so many of `unit`, or at least as many if it is a floor."""

    bound: float
    unit: str
    is_floor: bool = False

    def __str__(self) -> str:
        return f"{'>=' if self.is_floor else '<='} {self.bound:g} {self.unit}"


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured number; `ratio`, of times, is to what an empty Python took in the same window."""

    what: str
    value: float
    unit: str
    ratio: float | None = None
    budget: Budget | None = None

    @property
    def is_met(self) -> bool | None:
        """Return whether the budget is met, None without one."""
        if self.budget is None:
            return None
        measured = self.ratio if self.budget.unit == RATIO else self.value
        assert measured is not None, "a budget in ratios is for times"
        return measured >= self.budget.bound if self.budget.is_floor else measured <= self.budget.bound


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the smallest of the values that `percent` of them do not exceed."""
    return sorted(values)[max(math.ceil(len(values) * percent / 100), 1) - 1]


def time(what: str, milliseconds: float, empty: float | None, budget: Budget | None = None) -> Figure:
    """Return the figure of a time; `empty` is what an empty Python took, in milliseconds."""
    return Figure(what, milliseconds, "ms", empty and milliseconds / empty, budget)


def times(
    what: str,
    milliseconds: Sequence[float],
    empty: float | None,
    p50: Budget | None = None,
    p95: Budget | None = None,
) -> list[Figure]:
    """Return the median of repeated times, and what one in twenty exceeds."""
    return [
        time(f"{what}, p50", percentile(milliseconds, 50), empty, p50),
        time(f"{what}, p95", percentile(milliseconds, 95), empty, p95),
    ]
