"""Instants in the zone of who looks. Pure."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from runyard.core import time_words
from runyard_server.cli import times

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime.fromisoformat("2026-03-28T12:00:00+00:00")


def at(text: str) -> datetime:
    return datetime.fromisoformat(f"{text}+00:00")


# SPEC: TZ-06
@pytest.mark.parametrize(
    ("instant", "shown"),
    [
        ("2026-03-29T00:59:00", "Sun 29 Mar 01:59"),
        ("2026-03-29T01:00:00", "Sun 29 Mar 03:00"),
        ("2026-03-29T01:00:07", "Sun 29 Mar 03:00:07"),
        ("2027-01-01T00:00:00", "Fri 1 Jan 2027 01:00"),
    ],
)
def test_an_instant_is_what_clocks_show_there(instant: str, shown: str) -> None:
    assert time_words.moment(at(instant), BERLIN, NOW) == shown


# SPEC: TZ-06, TZ-02
@pytest.mark.parametrize(
    ("start", "end", "shown"),
    [
        ("2026-03-27T23:00:00", "2026-03-28T23:00:00", "28 Mar"),
        ("2026-03-28T23:00:00", "2026-03-30T22:00:00", "29 Mar to 30 Mar"),
        ("2026-03-28T10:00:00", "2026-03-28T11:00:00", "28 Mar 11:00 to 12:00"),
        ("2026-03-28T22:30:00", "2026-03-28T23:30:00", "28 Mar 23:30 to 29 Mar 00:30"),
        ("2026-03-28T10:00:00", "2026-03-28T10:00:00", "-"),
    ],
)
def test_a_window_is_said_in_days_where_it_is_days(start: str, end: str, shown: str) -> None:
    assert time_words.window(at(start), at(end), BERLIN) == shown


# SPEC: TZ-06
@pytest.mark.parametrize(
    ("start", "end", "shown"),
    [
        ("2026-03-27T23:00:00", "2026-03-28T23:00:00", "2026-03-28 to 2026-03-29"),
        ("2026-03-28T10:00:00", "2026-03-28T11:00:00", "2026-03-28 11:00 to 2026-03-28 12:00"),
        ("2026-03-28T10:00:05.1", "2026-03-28T10:00:35.1", "2026-03-28 11:00:05 to 2026-03-28 11:00:35"),
    ],
)
def test_a_window_in_a_list_is_written_no_longer_than_it_needs(start: str, end: str, shown: str) -> None:
    assert times.dates(at(start), at(end), BERLIN) == shown


# SPEC: TZ-06
def test_the_instants_of_a_sentence_are_put_into_the_zone_of_who_reads() -> None:
    said = "Ticks since 2026-03-28T06:00:00Z were missed; raw has covered nothing after 2026-03-27T00:00:00+00:00."
    assert time_words.in_words(said, BERLIN, NOW) == (
        "Ticks since Sat 28 Mar 07:00 were missed; raw has covered nothing after Fri 27 Mar 01:00."
    )


# SPEC: TZ-06
@pytest.mark.parametrize(
    ("named", "zone"),
    [("Europe/Berlin", "Europe/Berlin"), (":Asia/Tokyo", "Asia/Tokyo"), ("Etc/UTC", "UTC")],
)
def test_the_zone_of_who_looks_is_the_one_the_environment_names(named: str, zone: str) -> None:
    assert times.viewer_zone({"TZ": named}).key == zone


def test_without_a_name_it_is_the_zone_of_the_machine() -> None:
    assert times.viewer_zone({}).key == times.viewer_zone({"TZ": "no such zone"}).key


def test_the_names_of_universal_time_are_one() -> None:
    assert times.same_zone("UTC", "Etc/UTC")
    assert not times.same_zone("UTC", "Europe/London")


def test_a_change_of_clocks_is_said_in_hours_and_minutes() -> None:
    assert [time_words.span(seconds) for seconds in (3600, -3600, 1800, 5400)] == [
        "1 h",
        "1 h",
        "30 min",
        "1 h 30 min",
    ]


@pytest.mark.parametrize("name", ["", "Moon/Tranquility", "../../etc/passwd", "Europe", "x" * 5000, "a\0b"])
def test_a_zone_that_nobody_knows_is_utc(name: str) -> None:
    assert time_words.zone_called(name).key == "UTC"
