"""What people read when the language of jobs refuses something: the cause, then the way out, word for word."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from runyard.core import job_refs, triggers
from runyard.core.cron import check_cron
from runyard.core.errors import RunyardError
from runyard.core.intervals import Cron, Every, Once, check_every, resolve_range
from runyard.core.jobs import IntervalSpec, parse_job
from runyard.core.selectors import select
from runyard.core.ticks import check_schedule

DAILY = Cron("0 0 * * *")


def refusal(call: Callable[[], Any]) -> str:
    with pytest.raises(RunyardError) as caught:
        call()
    assert caught.value.cause
    assert caught.value.remedy
    return f"{caught.value.cause} {caught.value.remedy}"


def interval(start: str, end: str | None = None, split: str | None = None) -> Callable[[], Any]:
    return partial(resolve_range, IntervalSpec(start, end, split), DAILY)


CRON = {
    "0 0 6 * * *": "`0 0 6 * * *` has 6 fields. Write five: minute, hour, day of month, month, day of week.",
    "60 * * * *": "`60 * * * *`: `60` is no minute. Use 0 to 59: `a`, `a-b`, `*`, and steps `/n`.",
    "0 24 * * *": "`0 24 * * *`: `24` is no hour. Use 0 to 23: `a`, `a-b`, `*`, and steps `/n`.",
    "0 0 0 * *": "`0 0 0 * *`: `0` is no day of month. Use 1 to 31: `a`, `a-b`, `*`, and steps `/n`.",
    "0 0 * 13 *": "`0 0 * 13 *`: `13` is no month. Use 1 to 12 or names: `a`, `a-b`, `*`, and steps `/n`.",
    "0 0 * * day": "`0 0 * * day`: `day` is no day of week. "
    "Use 0 to 7 or names: `a`, `a-b`, `*`, and steps `/n`.",
    "5-5 * * * *": "`5-5 * * * *`: `5-5` is a range from a value to itself. Write `5`.",
    "0 22-3/2 * * *": "`0 22-3/2 * * *`: `22-3/2` goes round the end of its field in steps. Write a list: `a,b,c`.",
    "0 0 */2 * mon": "`0 0 */2 * mon` restricts both day fields, one of them with `*`: some readers want both, "
    "some either. List the days, or leave one of the fields `*`.",
    "0 0 1 * 5#2": "`0 0 1 * 5#2` counts days within a month and restricts the other day field too. "
    "Leave the other day field `*`.",
}


# SPEC: TRG-03, TRG-09
@pytest.mark.parametrize(("cron", "says"), CRON.items())
def test_a_cron_expression_that_is_refused(cron: str, says: str) -> None:
    assert refusal(lambda: check_cron(cron)) == says


# SPEC: TRG-09, TZ-01
@pytest.mark.parametrize(
    ("cron", "timezone", "says"),
    [
        (
            "0 0 30 2 *",
            "UTC",
            "`0 0 30 2 *` names no time that ever comes: failed to find next date. Name a time that exists.",
        ),
        ("@daily", "Europe/Berln", "`Europe/Berln` is no known time zone. Did you mean `Europe/Berlin`?"),
        ("@daily", "~~", "`~~` is no known time zone. Use a name like Europe/Berlin."),
    ],
)
def test_a_schedule_that_is_refused(cron: str, timezone: str, says: str) -> None:
    assert refusal(lambda: check_schedule(cron, timezone)) == says


TRIGGERS = {
    "daily": "`daily` is no trigger. Write it as `type:expression`.",
    "evry:5m": "`evry:5m`: there is no trigger type `evry`. Did you mean `every`?",
    "~:5m": "`~:5m`: there is no trigger type `~`. Known are: schedule, every, once, job.success, job.fail, tag, "
    "manual, pipeline_name, http, webhook, deployment.",
    "every:five": "`every:five`: `five` is no duration. Write a number and one of s, m, h, d, w: `5m`, `36h`.",
    "once:soon": "`once:soon` names no instant of these centuries. "
    "Write ISO 8601, for example `2026-01-31T06:00:00Z`.",
    "job.fail:load": "`job.fail:load` names no job. "
    "Use `section.name`, the full ref, or a selector such as `tag:NAME`.",
    "tag:": "`tag:` has no name. Write the name after the colon.",
    "http:0": "`http:0` is no address. Write `http:`, `http:8000` or `http:/path`.",
}


# SPEC: TRG-09
@pytest.mark.parametrize(("text", "says"), TRIGGERS.items())
def test_a_trigger_that_is_refused(text: str, says: str) -> None:
    assert refusal(lambda: triggers.parse_trigger(text)) == says


# SPEC: TRG-29
def test_a_trigger_that_nobody_writes() -> None:
    says = "`manual:jobs.a.b` cannot be written by hand. It is added automatically: leave it out."
    assert refusal(lambda: triggers.read_triggers("manual:jobs.a.b")) == says


def test_what_is_no_text_at_all() -> None:
    written: Any = 5
    says = "5 is no trigger. Give it a text or one of `runyard.trigger`."
    assert refusal(lambda: triggers.read_triggers(written)) == says


# SPEC: TRG-16, IVL-01, IVL-07
@pytest.mark.parametrize(
    ("call", "says"),
    [
        (
            partial(check_every, 30),
            (
                "A period of 30 s is shorter than 60 s. "
                "Choose a longer period, or lower RUNYARD_MIN_EVERY_SECONDS on the server."
            ),
        ),
        (
            partial(resolve_range, IntervalSpec("2026-01-01"), Once(0)),
            (
                "An interval needs a `schedule` or `every` trigger to work it off. "
                "Give the job one, or drop `interval`."
            ),
        ),
        (
            interval("2026-01-01", "2026-01-01"),
            "The interval from 2026-01-01 to 2026-01-01 holds no tick. Move `end` behind `start`.",
        ),
        (
            interval("soon"),
            "interval.start `soon` is no ISO 8601 time. Write it like 2026-01-31T00:00:00Z.",
        ),
        (
            interval("2026-01-01", "2200-01-01"),
            "interval.end `2200-01-01` is outside 1900 to 2199. Correct the year.",
        ),
        (
            interval("2026-01-01", split="often"),
            (
                "interval.split `often` is neither a duration nor a cron expression. "
                "Write a duration like `7d` or a cron expression like `@monthly`."
            ),
        ),
    ],
)
def test_an_interval_that_is_refused(call: Callable[[], Any], says: str) -> None:
    assert refusal(call) == says


REFS = ["jobs.crime.clean", "jobs.crime.load", "jobs.daily", "jobs.flights.load"]
ALL = "Known are: jobs.crime.clean, jobs.crime.load, jobs.daily, jobs.flights.load."


# SPEC: DEC-16, TAG-07, TAG-09
@pytest.mark.parametrize(
    ("call", "says"),
    [
        (
            partial(job_refs.make_ref, "1a", "b"),
            (
                "`1a` cannot be the section of a job. "
                "Use an identifier other than `py`; `display_name` of `expose` takes any text."
            ),
        ),
        (
            partial(job_refs.make_ref, "a", "py"),
            (
                "`py` cannot be the name of a job. "
                "Use an identifier other than `py`; `display_name` of `expose` takes any text."
            ),
        ),
        (
            partial(job_refs.parse_ref, "load"),
            "`load` is no job ref. Write `jobs.SECTION.NAME` or `jobs.NAME`; `py` is reserved.",
        ),
        (
            partial(job_refs.resolve, "load", REFS),
            "Several jobs are called `load`. Write one of jobs.crime.load, jobs.flights.load.",
        ),
        (
            partial(job_refs.resolve, "cleam", REFS),
            "There is no job `cleam`. Did you mean `jobs.crime.clean`?",
        ),
        (
            partial(job_refs.resolve, "jobs.crime.loap", REFS),
            (
                "There is no job `jobs.crime.loap`. "
                "Did you mean `jobs.crime.load` or `jobs.crime.clean` or `jobs.flights.load`?"
            ),
        ),
        (partial(job_refs.resolve, "~", REFS), f"There is no job `~`. {ALL}"),
        (
            partial(job_refs.resolve, "x", []),
            "There is no job `x`. No job is deployed here: run `runyard deploy`.",
        ),
    ],
)
def test_a_name_that_is_refused(call: Callable[[], Any], says: str) -> None:
    assert refusal(call) == says


def test_of_many_jobs_the_first_twenty_are_named() -> None:
    refs = [f"jobs.s.n{number:02}" for number in range(30)]
    assert refusal(lambda: job_refs.resolve("~", refs)) == (
        f"There is no job `~`. Known are: {', '.join(refs[:20])}."
    )


def job(ref: str, *triggers: str, **fields: Any) -> Any:
    entry = {"module": "m", "function": "f", "job_type": "batch", "launcher": "l"}
    return parse_job({"job_ref": ref, "entry_point": entry, "triggers": list(triggers), **fields})


# SPEC: TAG-10
@pytest.mark.parametrize(
    ("jobs", "selector", "says"),
    [
        ([], " ", "A selector is empty or too long. Write for example `tag:NAME` or `batch`."),
        (
            [job("jobs.a.b", "every:5m", "http:/a:b", expose={"tags": ["y", "x"]})],
            "tag:z",
            (
                "No job matches `tag:z`. There are the tags x, y, "
                "the trigger types every, http, manual, tag and the job types batch."
            ),
        ),
        (
            [],
            "tag:z",
            (
                "No job matches `tag:z`. There are the tags (none), "
                "the trigger types (none) and the job types (none)."
            ),
        ),
    ],
)
def test_a_selector_that_is_refused(jobs: list[Any], selector: str, says: str) -> None:
    assert refusal(lambda: select(jobs, [selector])) == says


def test_several_selectors_that_match_nothing_are_all_named() -> None:
    assert refusal(lambda: select([], ["tag:z", "batch"])).startswith("No job matches `tag:z`, `batch`. ")


def test_a_selector_may_be_as_long_as_the_bound_and_no_longer() -> None:
    jobs = [job("jobs.a.b", expose={"tags": ["x" * 508]})]
    assert len(select(jobs, ["tag:" + "x" * 508])) == 1
    assert refusal(lambda: select(jobs, ["tag:" + "x" * 509])).startswith("A selector is empty or too long.")


def test_a_period_may_be_the_shortest_one() -> None:
    check_every(60)
    assert refusal(lambda: check_every(0.25, 0.5)).startswith("A period of 0.25 s is shorter than 0.5 s. ")
    assert Every(60).period == 60_000_000
