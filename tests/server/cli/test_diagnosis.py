"""Runs that really fail, and what `job runs info` says of why."""

from __future__ import annotations

import pytest
from tests.server.cli.conftest import Shell

FILES = {
    "lonely": "from runyard import run\n\n@run.job\ndef lonely():\n    import module_of_nobody\n",
    "unset": "from runyard import run\n\n@run.job\ndef unset(rows: int): ...\n",
    "slow": "import time\nfrom runyard import run\n\n"
    '@run.job(execute={"timeout": {"timeout": 1, "grace_period": 1}})\ndef slow():\n    time.sleep(600)\n',
    "idle": "def load():\n    print('rows')\n",
}


# SPEC: TRB-05, TRB-06, TRB-10, TRB-13
@pytest.mark.parametrize(
    ("name", "reason", "cause", "remedy"),
    [
        ("lonely", "exception", "The module `module_of_nobody` is not there", "`uv add module-of-nobody`"),
        (
            "unset",
            "exception",
            "Profile `prod` has no value for `jobs.unset.unset.rows`.",
            "Put it into `.dlt/prod.secrets.toml`",
        ),
        ("slow", "timeout", "the limit of this job is 1 second", 'execute={"timeout": "4h"}'),
    ],
)
def test_a_failed_run_says_why_most_likely_and_where_its_log_is(
    shell: Shell, name: str, reason: str, cause: str, remedy: str
) -> None:
    (shell.root / f"{name}.py").write_text(FILES[name])
    assert shell(f"run {name}.py -f").code == 5
    said = shell(f"job runs info {name}")
    assert f"failed ({reason})" in said.out
    assert cause in said.out
    assert remedy in said.out.partition("→ ")[2]
    assert f"Its log: runyard job logs {name} 1" in said.err
    document = shell(f"--json job runs info {name}").document
    assert [cause in one["cause"] for one in document["causes"]] == [True]


# SPEC: TRB-07
def test_a_script_that_executed_nothing_says_so_although_it_completed(shell: Shell) -> None:
    (shell.root / "idle.py").write_text(FILES["idle"])
    assert shell("run idle.py -f").code == 0
    said = shell("job runs info idle").out
    assert "completed" in said
    assert "Nothing was executed: `idle` only defines functions." in said


def test_a_run_without_a_known_cause_shows_its_error(shell: Shell) -> None:
    assert shell("run fail -f").code == 5
    said = shell("job runs info fail")
    assert "\nValueError: calm\n" in said.out
    assert "→" not in said.out
    assert shell("--json job runs info fail").document["causes"] == []
