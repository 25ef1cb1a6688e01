"""What becomes of the words of a command line before they are parsed."""

from __future__ import annotations

import shlex

import pytest

from runyard_server.cli.app import SUBCOMMANDS
from runyard_server.cli.arguments import normalise


def normal(line: str) -> str:
    return shlex.join(normalise(shlex.split(line), SUBCOMMANDS))


@pytest.mark.parametrize(
    ("older", "present"),
    [
        ("launch etl -f", "run etl -f"),
        ("trigger tag:demo --refresh", "job trigger tag:demo --refresh"),
        ("cancel etl", "job cancel etl"),
        ("logs etl 3 --follow", "job logs etl 3 --follow"),
        ("info", "workspace info"),
        ("workspace switch other", "workspace connect other"),
        ("job tag:demo list", "job list tag:demo"),
        ("job etl info", "job info etl"),
        ("job-run list etl", "job runs list etl"),
        ("job-run etl 3 info", "job runs info etl 3"),
        ("job-run info etl 3", "job runs info etl 3"),
        ("job-run etl logs -f", "job runs logs etl -f"),
        ("job-run etl 3 cancel", "job runs cancel etl 3"),
    ],
)
# SPEC: CLI-51
def test_an_older_spelling_becomes_the_present_one(older: str, present: str) -> None:
    assert normal(older) == present
    assert normal(present) == present


# SPEC: CLI-40
def test_the_older_prefix_changes_nothing() -> None:
    assert normal("runtime job list tag:demo") == normal("job list tag:demo")
    assert normal("runtime --json logs etl") == normal("--json logs etl")


@pytest.mark.parametrize(
    "line",
    [
        "job list --json --server http://h:1 tag:demo",
        "--json job --server http://h:1 list tag:demo",
        "--json --server http://h:1 job list tag:demo",
    ],
)
def test_options_of_every_command_may_stand_anywhere(line: str) -> None:
    assert normal(line) == "--json --server http://h:1 job list tag:demo"


def test_an_option_with_its_value_attached_and_repeated_letters_move_too() -> None:
    assert normal("deploy --workspace=flights -vv") == "--workspace=flights -vv deploy"


# SPEC: CLI-41
def test_a_command_wins_over_a_job_of_the_same_name_unless_two_dashes_say_otherwise() -> None:
    assert normal("job logs list") == "job logs list"
    assert normal("job runs info") == "job runs info"
    assert normal("run -f -- --json") == "run -f -- --json"


def test_a_missing_value_is_left_for_the_parser_to_refuse() -> None:
    assert normal("job list --server") == "--server job list"
