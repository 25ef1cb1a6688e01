"""Every requirement of the first release is cited by a test, but for a list that only shrinks.

A test cites what it shows in a comment on the line above it, by ids. `uncited.txt` beside this file lists the
requirements of priority 0 that no test cites yet, one id a line.
"""

# SPEC: QLT-10
from __future__ import annotations

import re
from pathlib import Path

TESTS = Path(__file__).parents[1]
SPECIFICATION = TESTS.parent / "docs" / "specification.md"
UNCITED = Path(__file__).with_name("uncited.txt")

UNCITED_MAX = 302
"""How many ids the list may hold. Lower it with every id that leaves; never raise it."""

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


def uncited() -> list[str]:
    return UNCITED.read_text(encoding="utf-8").split()


def test_every_first_release_requirement_is_cited_or_listed() -> None:
    missing = {identifier for identifier, priority in specified().items() if priority == 0}
    missing -= set(cited()) | set(uncited())
    assert not missing, f"no test cites {', '.join(sorted(missing))}"


def test_a_requirement_that_is_cited_leaves_the_list() -> None:
    known = {identifier: files for identifier, files in cited().items() if identifier in uncited()}
    assert not known, f"remove from {UNCITED.name}, and lower UNCITED_MAX: {', '.join(sorted(known))}"


def test_a_listed_id_is_a_first_release_requirement_and_stands_once() -> None:
    listed = uncited()
    assert listed == sorted(set(listed))
    strangers = [identifier for identifier in listed if specified().get(identifier) != 0]
    assert not strangers


def test_the_list_only_shrinks() -> None:
    assert len(uncited()) <= UNCITED_MAX


def test_what_tests_cite_exists() -> None:
    unknown = {identifier: files for identifier, files in cited().items() if identifier not in specified()}
    assert not unknown
