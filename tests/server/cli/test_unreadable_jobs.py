"""What the command line says of a job that the server cannot read: its row, and why."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.server.cli.conftest import Shell
from tests.support.bad_versions import store_badly
from tests.support.servers import new_workspace, serving_here

from runyard.core.store import jobs


def test_it_is_listed_with_the_others_and_says_why(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with serving_here(tmp_path / "data") as served, new_workspace(served, "tests") as client:
        monkeypatch.setenv("RUNYARD_SERVER", client.target.server)
        assert shell("deploy").code == 0
        found, runtime = client.job("jobs.etl.load"), served.server.runtime
        row = runtime.database.read(lambda c: jobs.by_ids(c, [found.id])[found.id])
        store_badly(runtime, row, {"require": {"timezone": "Atlantis/City"}, "triggers": ["every:9h", "?"]})
        listed = shell("job list")
        rows = [line.split() for line in listed.out.splitlines() if line.startswith("jobs.etl.")]
        kinds = {row[0]: row[2] for row in rows}
        assert (listed.code, kinds.pop("jobs.etl.load"), set(kinds.values())) == (0, "unreadable", {"batch"})
        assert "unreadable" in shell("job info load").out
        why = shell("--json job info load").document["unreadable"]
        assert "`?`" in why
