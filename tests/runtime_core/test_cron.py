"""What is a cron expression, and what is refused because readers of cron disagree about it."""

from __future__ import annotations

import pytest

from runyard.core.cron import check_cron
from runyard.core.errors import InvalidTrigger


# SPEC: TRG-03
@pytest.mark.parametrize(
    "cron",
    [
        *(
            "0 22-2 * * *",
            "0 0 * * fri-mon",
            "0 0 * nov-feb *",
            "0 0 * * 0-7",
            "7-0 * * * *",
            "59/15 * * * *",
        ),
        *("0 0 L * mon", "0 0 1,L * *", "0 0 ? * 5#2", "0 0 * 3 L5", "0 0 15W * ?", "0 0 * * L1,5#2"),
    ],
)
def test_ranges_that_go_round_and_days_counted_within_a_month_are_accepted(cron: str) -> None:
    check_cron(cron)


# SPEC: TRG-03, TRG-09
@pytest.mark.parametrize(
    ("cron", "says"),
    [
        ("5-5 * * * *", "`5-5` is a range from a value to itself. Write `5`"),
        ("0 0 * * mon-1", "`mon-1` is a range from a value to itself"),
        ("0 0 * * 7-0", "`7-0` is a range from a value to itself"),
        ("0 0 * * 7-sun", "`7-sun` is a range from a value to itself"),
        ("0 22-3/2 * * *", "`22-3/2` goes round the end of its field in steps"),
        ("0 0 */2 * mon", "restricts both day fields, one of them with `*`"),
        ("0 0 1 * */2", "list the days, or leave one of the fields `*`"),
        ("0 0 1 * 5#2", "leave the other day field `*`"),
        ("0 0 1 * L5", "leave the other day field `*`"),
        ("0 0 15W * mon", "leave the other day field `*`"),
        ("@dayly", "`@dayly` is no name of a schedule. Use @hourly, @daily"),
    ],
)
def test_what_readers_of_cron_disagree_about_is_refused_with_a_way_out(cron: str, says: str) -> None:
    with pytest.raises(InvalidTrigger) as caught:
        check_cron(cron)
    assert says.lower() in str(caught.value).lower()
