"""Cron expressions drawn at random, in every form we accept."""

from __future__ import annotations

from datetime import date, timedelta
from random import Random

from tests.support.oracles import MONTHS, WEEKDAYS, SlowCron, names_day

EVERY_DAY = "* * *"

LEAP_CYCLE = date(2023, 1, 1)
"""Where four years begin that hold every date there is."""


def any_cron(random: Random) -> SlowCron:
    """Return an expression that most often names every day, so that it fires where one looks."""
    days = EVERY_DAY if random.random() < 0.6 else any_days(random)
    return SlowCron(f"{_minute(random)} {_hour(random)} {days}")


def any_days(random: Random) -> str:
    """Return three fields that name days, of the month, of the week or either, and some within four years."""
    while True:
        days = _any_days(random)
        if any(names_day(f"0 0 {days}", LEAP_CYCLE + timedelta(days=number)) for number in range(1461)):
            return days


def _any_days(random: Random) -> str:
    kind = random.randrange(5)
    if kind == 0:
        return f"{_day_of_month(random)} {_month(random)} *"
    if kind == 1:
        return f"? {_month(random)} {_day_of_week(random)}"
    if kind == 2:
        # Readers disagree about a `*/n` beside another restricted day, so it is refused.
        day, weekday = _day_of_month(random).replace("*", "1"), _day_of_week(random).replace("*", "1")
        return f"{day} {_month(random)} {weekday}"
    if kind == 3:
        return f"{random.randint(1, 31)}W {_month(random)} *"
    nth = random.choice([f"{_weekday(random)}#{random.randint(1, 5)}", f"L{random.randrange(7)}"])
    return f"* {_month(random)} {nth}"


def _minute(random: Random) -> str:
    return random.choice(
        [
            *("0", "30", "59", "*/15", "*/20", "*/7"),
            f"{random.randrange(60)},{random.randrange(60)}",
            _range(random, 0, 59),
            f"{random.randrange(60)}/{random.randint(7, 40)}",
        ]
    )


def _hour(random: Random) -> str:
    return random.choice(
        [
            *("*", "*/1", f"*/{random.randint(2, 23)}", "0-23"),
            *("0", "1", "2", "3", "23", str(random.randrange(24))),
            f"{random.randrange(24)},{random.randrange(24)}",
            _range(random, 0, 23),
            f"{random.randrange(24)}/{random.randint(1, 12)}",
        ]
    )


def _day_of_month(random: Random) -> str:
    return random.choice(
        [
            *("1", "28", "29", "30", "31", "L", "1,L", str(random.randint(1, 31))),
            f"*/{random.randint(2, 15)}",
            f"{random.randint(1, 31)},{random.randint(1, 31)}",
            _range(random, 1, 31),
        ]
    )


def _month(random: Random) -> str:
    return random.choice(
        ["*", "*", "2", "*/2", random.choice(MONTHS).upper(), _range(random, 1, 12), "nov-feb"]
    )


def _day_of_week(random: Random) -> str:
    first, last = random.sample(WEEKDAYS, 2)
    return random.choice(["0", "7", "mon-fri", _weekday(random), f"{first},{last}", f"{first}-{last}", "*/2"])


def _weekday(random: Random) -> str:
    return random.choice([*WEEKDAYS, "SUN", "1", "6"])


def _range(random: Random, low: int, high: int) -> str:
    """Return a range, which may go round the end of its field if it has no step."""
    first, last = random.sample(range(low, high + 1), 2)
    if first < last and random.random() < 0.5:
        return f"{first}-{last}/{random.randint(1, high)}"
    return f"{first}-{last}"
