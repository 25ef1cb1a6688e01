"""TOML that people wrote by hand, and the ways in which it is not what was expected."""

from __future__ import annotations

from pathlib import Path

import pytest

from runyard.core import toml_files
from runyard.core.errors import InvalidWorkspace


@pytest.mark.parametrize(
    "content", [b"a = ", b"\xff", b"a = 1\na = 2", b"a = " + b"[" * 10_000, b"a = " + b"9" * 5_000]
)
def test_what_is_no_toml_is_refused_naming_the_file(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "config.toml"
    path.write_bytes(content)
    for open_file in (toml_files.read, toml_files.edit):
        with pytest.raises(InvalidWorkspace, match=r"config\.toml"):
            open_file(path)


def test_a_file_that_is_not_there_is_edited_as_an_empty_one(tmp_path: Path) -> None:
    assert toml_files.edit(tmp_path / "config.toml") == {}
    with pytest.raises(FileNotFoundError):
        toml_files.read(tmp_path / "config.toml")


def test_a_table_may_be_missing_but_nothing_else_may_stand_in_its_place() -> None:
    assert toml_files.table({"tool": {"uv": {"a": 1}}}, "tool", "uv") == {"a": 1}
    assert toml_files.table({}, "tool", "uv") == {}
    with pytest.raises(InvalidWorkspace, match=r"`tool` is no table\. Write it as `\[tool\.uv\]`"):
        toml_files.table({"tool": 5}, "tool", "uv")


def test_a_list_and_a_text_are_what_they_say() -> None:
    assert toml_files.texts({"a": ["x"]}, "a") == ["x"]
    assert toml_files.texts({}, "a") == []
    assert toml_files.text({"a": "x"}, "a") == "x"
    assert toml_files.text({}, "a") is None
    with pytest.raises(InvalidWorkspace, match="`a` is no list"):
        toml_files.texts({"a": "x"}, "a")
    with pytest.raises(InvalidWorkspace, match="`a` is 5, which is no text"):
        toml_files.text({"a": 5}, "a")
