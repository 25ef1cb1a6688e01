"""Every code that a check or a failed run shows is explained."""

from __future__ import annotations

import re
from pathlib import Path

from runyard.core.causes import CauseCode
from runyard.core.checks.finding import Code

DOCUMENT = Path(__file__).parents[2] / "docs/check.md"


def test_every_finding_and_every_cause_has_a_paragraph_of_its_own() -> None:
    explained = re.findall(r"^### (RY\d{4})$", DOCUMENT.read_text("utf-8"), re.MULTILINE)
    assert explained == sorted([*Code, *CauseCode])
