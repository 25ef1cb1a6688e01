"""Words for times, and what goes where."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from runyard.core.errors import InvalidManifest
from runyard_server.cli import output
from runyard_server.cli.output import Output, short_duration
from runyard_server.client import LogLine


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.04, "0.0 s"),
        (9.94, "9.9 s"),
        (59.4, "59 s"),
        (60, "1 min"),
        (184, "3 min 4 s"),
        (3600, "1 h"),
        (5400, "1 h 30 min"),
        (90000, "1 d 1 h"),
    ],
)
def test_a_length_of_time_has_the_units_that_matter(seconds: float, words: str) -> None:
    assert short_duration(seconds) == words


def test_things_are_counted_in_words() -> None:
    assert [output.counted(number, "run") for number in (0, 1, 1000)] == ["0 runs", "1 run", "1,000 runs"]
    assert output.counted(2, "tick or event", "ticks and events") == "2 ticks and events"


# SPEC: CLI-47
def test_times_are_relative_unless_timestamps_are_wanted() -> None:
    moment = datetime.now(UTC) - timedelta(hours=2, seconds=20)
    assert Output().time(moment) == "2 h ago"
    assert Output().time(datetime.now(UTC) + timedelta(days=3, minutes=30)) == "in 3 d"
    assert Output(timestamps=True).time(moment) == moment.isoformat()
    assert Output(timestamps=True).duration(1.5) == "0:00:01.500000"


# SPEC: CLI-45
def test_with_json_only_the_document_goes_to_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    out = Output(as_json=True)
    out.note("working")
    out.warn("careful")
    out.result({"at": datetime(2024, 1, 1, tzinfo=UTC)}, "not shown")
    captured = capsys.readouterr()
    assert json.loads(captured.out) == {"at": "2024-01-01T00:00:00+00:00"}
    assert captured.err == "working\nWarning: careful\n"


# SPEC: TRB-12
def test_an_error_is_a_cause_its_reasons_and_a_remedy(capsys: pytest.CaptureFixture[str]) -> None:
    Output().error(InvalidManifest("It is wrong.", "Mend it.", reasons=["one", "two\nlines"]))
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == "Error: It is wrong.\n  one\n  two\n  lines\nMend it.\n"


# SPEC: CLI-45
def test_an_error_with_json_is_a_document_too(capsys: pytest.CaptureFixture[str]) -> None:
    Output(as_json=True).error(InvalidManifest("It is wrong.", "Mend it.", reasons=["one"]))
    error = json.loads(capsys.readouterr().out)["error"]
    assert error == {"code": "RY1105", "cause": "It is wrong.", "remedy": "Mend it.", "reasons": ["one"]}


@pytest.mark.parametrize("count", [0, 1, 3])
# SPEC: CLI-45
def test_a_log_with_json_is_one_array(count: int, capsys: pytest.CaptureFixture[str]) -> None:
    at = datetime(2024, 1, 1, tzinfo=UTC)
    Output(as_json=True).log(LogLine(n, at, "stdout", "user", f"line {n}") for n in range(count))
    assert [line["text"] for line in json.loads(capsys.readouterr().out)] == [
        f"line {n}" for n in range(count)
    ]


# SPEC: RUN-08
def test_a_line_is_printed_as_it_was(capsys: pytest.CaptureFixture[str]) -> None:
    text = "50 %\r100 %\t[bold]not markup[/bold] :smile: é"
    Output().log([LogLine(0, datetime(2024, 1, 1, tzinfo=UTC), "stdout", "user", text)])
    assert capsys.readouterr().out == f"{text}\n"


def test_quiet_leaves_results_and_errors(capsys: pytest.CaptureFixture[str]) -> None:
    out = Output(quiet=True)
    out.note("working")
    out.result({}, output.table("JOB", rows=[("a",)]))
    captured = capsys.readouterr()
    assert captured.err == ""
    assert "JOB" in captured.out
