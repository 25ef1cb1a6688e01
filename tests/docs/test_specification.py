"""Every requirement of the first release is cited by a test, but for a list that only shrinks.

A test cites what it shows in a comment on the line above it, by ids. `uncited.txt` beside this file begins
with how many ids it may hold, a number that only goes down, and lists the requirements of priority 0 that no
test cites yet. Run as a program, this file takes out what is cited by now and lowers the number.
"""

# SPEC: QLT-10
from __future__ import annotations

import re
from pathlib import Path

TESTS = Path(__file__).parents[1]
SPECIFICATION = TESTS.parent / "docs" / "specification.md"
UNCITED = Path(__file__).with_name("uncited.txt")

ROW = re.compile(r"^\| ([A-Z]+-\d+) \| (\d) \|", re.MULTILINE)
CITATION = re.compile(r"^ *# SPEC: (.+)$", re.MULTILINE)


def specified() -> dict[str, int]:
    """Return each requirement's priority by id."""
    rows = ROW.findall(SPECIFICATION.read_text(encoding="utf-8"))
    assert len({row[0] for row in rows}) == len(rows), "an id stands twice"
    return {identifier: int(priority) for identifier, priority in rows}


def cited() -> dict[str, set[str]]:
    """Return the test files that cite an id, by id."""
    found: dict[str, set[str]] = {}
    for path in sorted(TESTS.rglob("test_*.py")):
        for citation in CITATION.findall(path.read_text(encoding="utf-8")):
            for identifier in re.split(r"[,\s]+", citation.strip()):
                found.setdefault(identifier, set()).add(path.relative_to(TESTS).as_posix())
    return found


def uncited() -> tuple[int, list[str]]:
    """Return how many ids the list may hold, and those it holds."""
    maximum, *identifiers = UNCITED.read_text(encoding="utf-8").split()
    return int(maximum), identifiers


def shrink() -> None:
    """Take out of the list what is cited by now."""
    maximum, listed = uncited()
    left = [identifier for identifier in listed if identifier not in cited()]
    UNCITED.write_text("\n".join([str(min(maximum, len(left))), *left, ""]), encoding="utf-8")


def test_every_first_release_requirement_is_cited_or_listed() -> None:
    missing = {identifier for identifier, priority in specified().items() if priority == 0}
    missing -= set(cited()) | set(uncited()[1])
    assert not missing, f"no test cites {', '.join(sorted(missing))}"


def test_a_requirement_that_is_cited_leaves_the_list() -> None:
    known = sorted(set(cited()) & set(uncited()[1]))
    assert not known, f"run `python {Path(__file__).relative_to(TESTS.parent)}`: {', '.join(known)}"


def test_a_listed_id_is_a_first_release_requirement_and_stands_once() -> None:
    _, listed = uncited()
    assert listed == sorted(set(listed))
    assert [identifier for identifier in listed if specified().get(identifier) != 0] == []


def test_the_list_only_shrinks() -> None:
    maximum, listed = uncited()
    assert len(listed) <= maximum


def test_what_tests_cite_exists() -> None:
    assert {identifier: files for identifier, files in cited().items() if identifier not in specified()} == {}


if __name__ == "__main__":
    shrink()
