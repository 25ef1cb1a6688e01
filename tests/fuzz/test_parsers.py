"""One seeded round of what `make fuzz` goes on with: no text breaks a parser, and none takes a second."""

from __future__ import annotations

import pytest
from tests.fuzz.parsers import PARSERS, one_round


# SPEC: QLT-08
@pytest.mark.parametrize("name", PARSERS)
def test_any_text_is_accepted_or_refused_in_time(name: str) -> None:
    one_round(PARSERS[name], seed=1, examples=40)
