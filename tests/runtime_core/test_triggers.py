from __future__ import annotations

import pickle
from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runyard.core import triggers
from runyard.core.cron import check_cron
from runyard.core.errors import InvalidInput, InvalidTrigger
from runyard.core.triggers import TRIGGER_TYPES, Written, parse_trigger, read_triggers


# SPEC: TRG-07
@pytest.mark.parametrize(
    "text",
    [
        "schedule:0 6 * * *",
        "schedule:@hourly",
        "every:5m",
        "every:300",
        "once:2026-01-31T06:00:00+00:00",
        "job.success:jobs.etl.load",
        "job.fail:tag:ingest",
        "job.success:*",
        "tag:demo",
        "manual:jobs.etl.load",
        "pipeline_name:flights",
        "http:",
        "http:8000/app",
        "webhook:",
        "deployment:",
    ],
)
def test_a_stored_trigger_is_read_unchanged(text: str) -> None:
    trigger = parse_trigger(text)
    assert trigger == text
    assert f"{trigger.type}:{trigger.expr}" == text
    assert pickle.loads(pickle.dumps(trigger)) == text  # noqa: S301


# SPEC: TRG-09
@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("daily", "type:expression"),
        ("evry:5m", "Did you mean `every`"),
        ("every:", "no duration"),
        ("every:0s", "no duration"),
        ("every:-5m", "no duration"),
        ("every:5 minutes", "no duration"),
        ("once:tomorrow", "no instant"),
        ("job.success:", "names no job"),
        ("job.success:load", "names no job"),
        ("tag:", "no name"),
        ("every:.5h", "no duration"),
        ("every:5.h", "no duration"),
        ("every:1.5.5h", "no duration"),
        ("http:0", "no address"),
        ("http:99999", "no address"),
        ("http:" + "1" * 1000, "no address"),
        ("job.success:" + "[" * 40_000, "40012 characters"),
        ("http://example.org", "no address"),
    ],
)
def test_a_wrong_trigger_says_what_is_wrong_with_it(text: str, says: str) -> None:
    with pytest.raises(InvalidTrigger, match=says):
        parse_trigger(text)


# SPEC: TRG-03
@pytest.mark.parametrize(
    "cron",
    [
        "* * * * *",
        "*/5 8-18/2 1,15 jan-MAR mon-fri",
        "0 0 L * *",
        "0 0 * * 5#2",
        "0 22-2 * * 7",
        "@daily",
        "0 0 ? * *",
    ],
)
def test_well_formed_cron_is_accepted_at_import(cron: str) -> None:
    check_cron(cron)


# SPEC: TRG-03
@pytest.mark.parametrize(
    ("cron", "what"),
    [
        ("60 * * * *", "minute"),
        ("* 24 * * *", "hour"),
        ("* * 0 * *", "day of month"),
        ("* * * foo *", "month"),
        ("* * * * 8", "day of week"),
        ("*/0 * * * *", "minute"),
        ("1-2-3 * * * *", "minute"),
        ("\u0661 * * * *", "minute"),
        ("", "0 fields"),
        ("0 0 6 * * *", "6 fields"),
        ("@reboot", "no name of a schedule"),
    ],
)
def test_malformed_cron_is_refused_at_import_naming_what_is_wrong(cron: str, what: str) -> None:
    with pytest.raises(InvalidTrigger, match=what):
        triggers.schedule(cron)


# SPEC: TRG-02
@pytest.mark.parametrize(
    ("period", "text", "seconds"),
    [
        ("5m", "every:5m", 300),
        ("6h", "every:6h", 21600),
        (90, "every:90s", 90),
        (1_000_000, "every:1000000s", 1_000_000),
        (0.5, "every:0.5s", 0.5),
        ("2w", "every:14d", 1_209_600),
        ("1.5d", "every:1.5d", 129_600),
    ],
)
def test_a_period_is_a_text_with_a_unit_or_seconds(period: str | float, text: str, seconds: float) -> None:
    trigger = triggers.every(period)
    assert trigger == text
    assert triggers.parse_duration(trigger.expr) == seconds


@given(st.text())
def test_any_text_is_a_duration_or_refused(text: str) -> None:
    try:
        seconds = triggers.parse_duration(text)
    except InvalidInput:
        return
    assert 0 < seconds <= triggers.DURATION_MAX_SECONDS


# SPEC: TRG-04
@pytest.mark.parametrize(
    "at",
    [
        "2026-01-31",
        "2026-01-31T00:00:00",
        "2026-01-31T01:00:00+01:00",
        "2026-01-31T00:00:00Z",
        date(2026, 1, 31),
        datetime(2026, 1, 31),  # noqa: DTZ001 - naive is what is tested
        datetime(2026, 1, 31, 1, tzinfo=timezone(timedelta(hours=1))),
        datetime(2026, 1, 31, tzinfo=UTC).timestamp(),
    ],
)
def test_once_takes_every_way_to_write_an_instant_and_naive_is_utc(at: str | float | date) -> None:
    assert triggers.once(at) == "once:2026-01-31T00:00:00+00:00"


# SPEC: TRG-01, TRG-05
@pytest.mark.parametrize(
    ("written", "read"),
    [
        (None, []),
        ("0 6 * * *", ["schedule:0 6 * * *"]),
        ("@daily", ["schedule:@daily"]),
        (
            ["every:5m", ("job.success:jobs.a.b", "job.fail:jobs.a.b")],
            ["every:5m", "job.success:jobs.a.b", "job.fail:jobs.a.b"],
        ),
        (("tag:x", "tag:x"), ["tag:x"]),
        ("job.success:a.b", ["job.success:jobs.a.b"]),
        ("job.fail:etl.*", ["job.fail:jobs.etl.*"]),
        ("job.fail:batch:", ["job.fail:batch:"]),
        (triggers.pipeline_name("flights"), ["pipeline_name:flights"]),
        ("deployment", ["deployment:"]),
        ("schedule: 0  6 * * *", ["schedule:0 6 * * *"]),
        (["webhook", "http:/app"], ["webhook:", "http:/app"]),
    ],
)
def test_the_trigger_argument_takes_one_or_many_in_any_nesting(written: Written, read: list[str]) -> None:
    assert read_triggers(written) == read


# SPEC: TRG-29
@pytest.mark.parametrize("text", ["manual:jobs.a.b", "manual:", "pipeline_name:flights", "manual"])
def test_what_is_added_automatically_cannot_be_written(text: str) -> None:
    with pytest.raises(InvalidTrigger, match="automatically"):
        read_triggers(text)


# SPEC: TRG-13
@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("schedule:0 6 * * *", "daily at 06:00"),
        ("every:5m", "every 5 minutes"),
        ("once:2026-01-31T06:00:00Z", "once on 31 January 2026 at 06:00 UTC"),
        ("job.success:jobs.crime.load_commits", "after load_commits succeeded"),
        ("job.fail:jobs.daily", "after daily failed"),
        ("job.fail:tag:ingest", "after tag:ingest failed"),
        ("tag:demo", "tag demo"),
        ("manual:jobs.a.b", "by hand"),
        ("webhook:", "by webhook"),
        ("something else", "something else"),
    ],
)
def test_a_trigger_can_be_said_in_words(text: str, words: str) -> None:
    assert triggers.in_words(text) == words


def test_every_type_of_trigger_has_words() -> None:
    for kind in TRIGGER_TYPES:
        assert triggers.in_words(f"{kind}:x") != f"{kind}:x"


def test_each_way_to_make_a_trigger_gives_its_text() -> None:
    made = {
        triggers.job_success("etl.load"): "job.success:jobs.etl.load",
        triggers.job_fail("tag:x"): "job.fail:tag:x",
        triggers.tag(" demo "): "tag:demo",
        triggers.pipeline_name(" flights "): "pipeline_name:flights",
        triggers.http(): "http:",
        triggers.http(8000, "/app"): "http:8000/app",
        triggers.webhook("orders"): "webhook:orders",
        triggers.deployment(): "deployment:",
    }
    assert list(made) == list(made.values())


# SPEC: TRG-21
@pytest.mark.parametrize("written", ["tag:nightly", "once:2026-01-01T00:00:00Z", "job.success:jobs.etl.load"])
def test_only_what_repeats_in_time_is_a_schedule(written: str) -> None:
    assert triggers.read_schedule("0 6 * * *") == triggers.schedule("0 6 * * *")
    assert triggers.read_schedule("every:6h") == triggers.every("6h")
    with pytest.raises(InvalidTrigger, match="no schedule"):
        triggers.read_schedule(written)


# SPEC: TRG-13
def test_what_starts_a_job_is_said_without_what_only_makes_it_findable() -> None:
    findable = ["manual:jobs.etl.load", "pipeline_name:flights"]
    assert triggers.starts_in_words(findable) == "by hand"
    starting = ["schedule:0 2 * * *", "job.success:jobs.etl.fetch", "tag:nightly"]
    words = "daily at 02:00 Europe/Berlin, after fetch succeeded, tag nightly"
    assert triggers.starts_in_words([*findable, *starting], "Europe/Berlin") == words
