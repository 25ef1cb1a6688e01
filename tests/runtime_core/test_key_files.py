"""Keys are made once and are there whole or not at all."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from runyard.core.key_files import read_or_make


def test_a_key_is_made_once_and_is_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "one.key"
    assert [read_or_make(path, lambda: b"first"), read_or_make(path, lambda: b"second")] == [b"first"] * 2
    assert (stat.S_IMODE(path.stat().st_mode), stat.S_IMODE(path.parent.stat().st_mode)) == (0o600, 0o700)


def test_a_start_cut_short_while_a_key_is_written_leaves_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "one.key"

    def die(_descriptor: int) -> None:
        raise SystemExit

    with monkeypatch.context() as patched:
        patched.setattr("os.fsync", die)
        with pytest.raises(SystemExit):
            read_or_make(path, lambda: b"first")
    assert not path.exists()
    assert read_or_make(path, lambda: b"second") == b"second"


def test_of_two_who_make_a_key_at_once_both_get_the_same(tmp_path: Path) -> None:
    path = tmp_path / "one.key"
    assert read_or_make(path, lambda: read_or_make(path, lambda: b"faster") + b" slower") == b"faster"
    assert list(tmp_path.iterdir()) == [path]
