from __future__ import annotations

import pytest

from runyard.core import job_refs
from runyard.core.errors import AmbiguousName, InvalidJob, NotFound

REFS = ["jobs.flights.load", "jobs.crime.load", "jobs.crime.clean", "jobs.daily"]


# SPEC: DEC-16
@pytest.mark.parametrize(
    ("section", "name"), [("a-b", "c"), ("a", "1c"), ("py", "c"), ("a", "py"), ("", "c")]
)
def test_section_and_name_must_be_identifiers_other_than_py(section: str, name: str) -> None:
    with pytest.raises(InvalidJob):
        job_refs.make_ref(section, name)


# SPEC: DEP-12
def test_functions_are_named_after_section_and_name_and_modules_after_their_last_part() -> None:
    assert job_refs.make_ref("flights", "load") == "jobs.flights.load"
    assert job_refs.module_ref("reports.daily") == "jobs.daily"
    assert job_refs.parse_ref("jobs.flights.load") == ("flights", "load")
    assert job_refs.parse_ref("jobs.daily") == ("", "daily")


@pytest.mark.parametrize(
    "text",
    [
        "load",
        "jobs",
        "jobs.",
        "jobs.a.b.c",
        "jobs..b",
        "jobs.py.b",
        "jobs.a/../b",
        "jobs.*",
        "jobs.a\0b",
        "jobs.a=b",
    ],
)
def test_what_has_not_the_form_of_a_ref_is_refused(text: str) -> None:
    assert not job_refs.is_ref(text)
    with pytest.raises(InvalidJob):
        job_refs.parse_ref(text)


# SPEC: TAG-07, ADH-07
@pytest.mark.parametrize(
    ("text", "ref"),
    [
        ("clean", "jobs.crime.clean"),
        ("crime.load", "jobs.crime.load"),
        ("jobs.flights.load", "jobs.flights.load"),
        ("reports/daily.py", "jobs.daily"),
        ("daily", "jobs.daily"),
        (" jobs.daily ", "jobs.daily"),
    ],
)
def test_a_job_is_found_by_name_section_ref_or_script_path(text: str, ref: str) -> None:
    assert job_refs.resolve(text, REFS) == ref


# SPEC: TAG-09
def test_a_bare_name_of_two_jobs_lists_both() -> None:
    with pytest.raises(AmbiguousName) as caught:
        job_refs.resolve("load", REFS)
    assert caught.value.reasons == ("jobs.crime.load", "jobs.flights.load")


def test_an_unknown_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(NotFound, match=r"jobs\.crime\.clean"):
        job_refs.resolve("claen", REFS)


def test_only_the_last_part_of_a_module_names_its_job() -> None:
    assert job_refs.module_ref("a.b.c") == "jobs.c"
    assert job_refs.module_ref("c") == "jobs.c"
    assert job_refs.short_name("jobs.a.b") == "b"
    assert job_refs.short_name("b") == "b"


def test_a_ref_may_be_as_long_as_the_bound_and_no_longer() -> None:
    longest = "jobs." + "x" * (job_refs.REF_LENGTH_MAX - len("jobs."))
    assert job_refs.is_ref(longest)
    assert not job_refs.is_ref(longest + "x")
