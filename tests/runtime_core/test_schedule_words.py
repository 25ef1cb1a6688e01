from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runyard.core.cron import ALIASES, check_cron
from runyard.core.errors import InvalidTrigger
from runyard.core.schedule_words import instant_in_words, period_in_words, schedule_in_words


# SPEC: TRG-13
@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("* * * * *", "every minute"),
        ("*/5 * * * *", "every 5 minutes"),
        ("*/7 * * * *", "on schedule */7 * * * * UTC"),
        ("0 * * * *", "every hour"),
        ("@hourly", "every hour"),
        ("15 * * * *", "every hour at minute 15"),
        ("0 */6 * * *", "every 6 hours"),
        ("30 */6 * * *", "every 6 hours at minute 30"),
        ("*/5 6 * * *", "on schedule */5 6 * * * UTC"),
        ("0 0 * * *", "daily at 00:00 UTC"),
        ("@daily", "daily at 00:00 UTC"),
        ("30 6,18 * * *", "daily at 06:30 and 18:30 UTC"),
        ("0 6,7,8,9 * * *", "on schedule 0 6,7,8,9 * * * UTC"),
        ("0 6 * * 1", "every Monday at 06:00 UTC"),
        ("0 6 * * mon", "every Monday at 06:00 UTC"),
        ("0 6 * * MON-FRI", "on weekdays at 06:00 UTC"),
        ("0 6 * * 6,7", "on weekends at 06:00 UTC"),
        ("0 6 * * 0,1,3", "every Monday, Wednesday and Sunday at 06:00 UTC"),
        ("0 6 * * 5#3", "on schedule 0 6 * * 5#3 UTC"),
        ("0 6 * * 2-5", "on schedule 0 6 * * 2-5 UTC"),
        ("@weekly", "every Sunday at 00:00 UTC"),
        ("0 0 1 * *", "monthly on the 1st at 00:00 UTC"),
        ("0 0 2,13,23 * *", "monthly on the 2nd, 13th and 23rd at 00:00 UTC"),
        ("0 0 L * *", "on schedule 0 0 L * * UTC"),
        ("0 0 1 * 1", "on schedule 0 0 1 * 1 UTC"),
        ("0 0 1 jul *", "yearly on 1 July at 00:00 UTC"),
        ("0 0 1 1,7 *", "on schedule 0 0 1 1,7 * UTC"),
        ("@yearly", "yearly on 1 January at 00:00 UTC"),
    ],
)
def test_a_schedule_is_said_as_people_say_it(expression: str, words: str) -> None:
    assert schedule_in_words(expression, "UTC") == words


def test_a_time_of_day_is_one_of_its_time_zone() -> None:
    assert schedule_in_words("0 6 * * 1", "Europe/Berlin") == "every Monday at 06:00 Europe/Berlin"
    assert schedule_in_words("0 6 * * 1") == "every Monday at 06:00"


FIELDS = st.one_of(
    st.sampled_from(
        ["*", "?", "*/5", "1-3", "3-1", "mon-fri", "jan", "L", "15W", "7", "1,2", "0-30/2", "5#3"]
    ),
    st.integers(0, 60).map(str),
)


@given(st.lists(FIELDS, min_size=5, max_size=5).map(" ".join))
def test_whatever_is_a_schedule_can_be_said(expression: str) -> None:
    try:
        check_cron(expression)
    except InvalidTrigger:
        return
    assert schedule_in_words(expression)


def test_every_alias_is_said_without_its_sign() -> None:
    assert not [alias for alias in ALIASES if "@" in schedule_in_words(alias)]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("5m", "every 5 minutes"),
        ("1h", "every hour"),
        ("1.5h", "every 1.5 hours"),
        ("7d", "every 7 days"),
        ("90", "every 90 seconds"),
    ],
)
def test_a_period_is_said_with_its_unit(text: str, words: str) -> None:
    assert period_in_words(text) == words


@pytest.mark.parametrize(
    "text", ["2026-01-31T06:00:00+00:00", "2026-01-31T08:00:00+02:00", "2026-01-31T06:00"]
)
def test_an_instant_is_said_in_utc(text: str) -> None:
    assert instant_in_words(text) == "on 31 January 2026 at 06:00 UTC"


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("*/1 * * * *", "every minute"),
        ("*/2 * * * *", "every 2 minutes"),
        ("*/60 * * * *", "on schedule */60 * * * *"),
        ("0 */1 * * *", "every hour"),
        ("0 6,12,18 * * *", "daily at 06:00, 12:00 and 18:00"),
        ("0 6 10 * *", "monthly on the 10th at 06:00"),
        ("0 6 11 * *", "monthly on the 11th at 06:00"),
        ("0 6 12 * *", "monthly on the 12th at 06:00"),
        ("0 6 14 * *", "monthly on the 14th at 06:00"),
        ("0 6 22,23 * *", "monthly on the 22nd and 23rd at 06:00"),
        ("0 6 3-1 * *", "on schedule 0 6 3-1 * *"),
        ("0 6 * * 0,1", "every Monday and Sunday at 06:00"),
    ],
)
def test_what_is_said_is_exact_at_the_edges(expression: str, words: str) -> None:
    assert schedule_in_words(expression) == words


def test_an_instant_of_another_zone_is_said_in_utc_and_one_of_none_is_taken_for_it() -> None:
    assert instant_in_words("2026-01-31T06:00:00+02:00") == "on 31 January 2026 at 04:00 UTC"
    assert instant_in_words("2026-01-31T06:00:00") == "on 31 January 2026 at 06:00 UTC"
