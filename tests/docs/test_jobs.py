"""The page on how jobs are written names all that the decorators take and nothing else, and its example is one."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from tests.support.workspaces import discovered, make_workspace

from runyard import trigger
from runyard.core.options import BatchOptions, Execute, Expose, InteractiveOptions, Interval, Options, Require
from runyard.core.run_context import TJobRunContext
from runyard.core.triggers import AUTOMATIC, read_triggers

PAGE = (Path(__file__).parents[2] / "docs/jobs.md").read_text("utf-8")


def names(heading: str) -> list[str]:
    """Return what stands in the first cells of the tables below a heading, up to the next one."""
    part = PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    return re.findall(r"^\| `(\w+)", part, re.MULTILINE)


def keys(*kinds: type) -> set[str]:
    """Return what typed dictionaries may hold."""
    return {key for kind in kinds for base in kind.__mro__ for key in vars(base).get("__annotations__", ())}


# SPEC: DEC-06, DEC-07
@pytest.mark.parametrize(
    ("heading", "kinds"),
    [
        ("Arguments", (Options, BatchOptions, InteractiveOptions)),
        ("Keys of `interval`", (Interval,)),
        ("Keys of `execute`", (Execute,)),
        ("Keys of `expose`", (Expose,)),
        ("Keys of `require`", (Require,)),
        ("Keys of `run_context`", (TJobRunContext,)),
    ],
)
def test_every_argument_and_key_has_its_line(heading: str, kinds: tuple[type, ...]) -> None:
    assert sorted(names(heading)) == sorted(keys(*kinds))


def test_every_trigger_has_its_line_and_its_text_means_the_same() -> None:
    lines = re.findall(r"^\| `trigger\.(\w+)(\(.*?\))` \| .* \| (?:`\"(.+)\"`|.*) \|$", PAGE, re.MULTILINE)
    assert sorted(name for name, _, _ in lines) == sorted(trigger.__all__)
    for name, given, text in lines:
        if name not in AUTOMATIC:
            words = [ast.literal_eval(given)] if given != "()" else []
            assert read_triggers(text) == [getattr(trigger, name)(*words)]


def test_its_example_can_be_deployed(tmp_path: Path) -> None:
    files = dict(re.findall(r"```python\n# (\S+)\n(.*?)```", PAGE, re.DOTALL))
    jobs = {job["job_ref"]: job for job in discovered(make_workspace(tmp_path, files)).manifest["jobs"]}
    assert {ref for ref in jobs if ref.startswith("jobs.orders.")} == {
        f"jobs.orders.{name}" for name in ("load_orders", "orders_api", "publish", "report", "tell")
    }
