"""Which lines of a log say why a run failed."""

from __future__ import annotations

import pytest

from runyard_notebooks.pages.logs import CHARACTERS_MAX, LINES_MAX, last_error


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([], ""),
        (["O1\tall is well", "S2\texit code 1"], ""),
        (["E1\twarning: old", "O2\tdone", "E3\terror: no space left", "E4\t"], "error: no space left"),
        (
            [
                "E1\tTraceback (most recent call last):",
                'E1\t  File "a.py", line 1, in <module>',
                "E1\t    load()",
                "E1\tetl.Odd: 2 rows are odd:",
                "E1\t  row 1",
                "E1\trow 2",
            ],
            "etl.Odd: 2 rows are odd:\n  row 1\nrow 2",
        ),
        (
            [
                "E1\tTraceback (most recent call last):",
                "E1\tKeyError: 'a'",
                "E1\tDuring handling of the above exception, another exception occurred:",
                "E1\tTraceback (most recent call last):",
                "E1\tValueError: b",
            ],
            "ValueError: b",
        ),
        (
            [
                "E1\tTraceback (most recent call last):",
                "E1\tOdd: rows:",
                *[f"E1\trow {n}" for n in range(99)],
            ],
            "\n".join(["Odd: rows:", *[f"row {n}" for n in range(LINES_MAX - 1)]]),
        ),
        (["E1\t" + "x" * 1000], "x" * CHARACTERS_MAX),
    ],
)
def test_the_reason_is_what_stderr_says_last(lines: list[str], said: str) -> None:
    assert last_error("\n".join(lines).encode()) == said


def test_bytes_that_are_no_text_do_not_hide_the_reason() -> None:
    assert last_error(b"E1\tbroken \xff byte") == "broken \ufffd byte"
