"""Each difference from the published rules that is written down is shown by a test that exists."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs" / "decisions" / "differences-from-dlt.md"


def test_every_difference_that_is_written_down_names_a_test_that_exists() -> None:
    rows = [row for row in DOCUMENT.read_text("utf-8").splitlines() if row.startswith("| ")]
    rows = [row for row in rows if not row.startswith("| published ")]
    assert len(rows) > 20
    tests = "".join(path.read_text("utf-8") for path in Path(__file__).parent.glob("test_published_*.py"))
    known = set(re.findall(r"^def (test_\w+)", tests, re.MULTILINE))
    assert [row for row in rows if not set(re.findall(r"`(test_\w+)`", row)) & known] == []
