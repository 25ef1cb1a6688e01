"""Which profile a run gets, which files that profile sees, and who wins."""

from __future__ import annotations

import pytest

from runyard.core import profiles, settings
from runyard.core.jobs import JobType

ALL_FILES = [
    "config.toml",
    "secrets.toml",
    "prod.config.toml",
    "prod.secrets.toml",
    "access.config.toml",
    "access.secrets.toml",
]


# SPEC: PRF-03, PRF-04
@pytest.mark.parametrize(("job_type", "profile"), [(JobType.BATCH, "prod"), (JobType.INTERACTIVE, "access")])
def test_the_type_of_a_job_chooses_its_profile(job_type: JobType, profile: str) -> None:
    assert profiles.choose(job_type, ["prod", "access"]) == profiles.ProfileChoice(profile)


# SPEC: PRF-05, TRB-01
@pytest.mark.parametrize(
    ("available", "instead"), [(["prod"], "the 'prod' profile"), ([], "the base configuration")]
)
def test_without_access_files_an_interactive_run_falls_back_and_says_so(
    available: list[str], instead: str
) -> None:
    choice = profiles.choose(JobType.INTERACTIVE, available)
    assert choice.profile == "prod"
    (warning,) = choice.warnings
    assert warning.startswith("No 'access' profile detected")
    assert instead in warning
    assert ".dlt/access.config.toml" in warning
    assert ".dlt/access.secrets.toml" in warning


# SPEC: PRF-06, TRB-02
def test_without_prod_files_a_batch_run_uses_base_files_and_says_so() -> None:
    choice = profiles.choose(JobType.BATCH, ["access"])
    assert choice.profile == "prod"
    assert settings.files_for(choice.profile, ["config.toml", "access.config.toml"]) == ["config.toml"]
    (warning,) = choice.warnings
    assert warning.startswith("No 'prod' profile detected")
    assert ".dlt/prod.config.toml" in warning
    assert ".dlt/prod.secrets.toml" in warning


# SPEC: TRB-01, TRB-02
def test_a_deploy_hears_about_each_missing_profile() -> None:
    assert [text.split(".")[0] for text in profiles.missing_profiles([])] == [
        "No 'prod' profile detected",
        "No 'access' profile detected",
    ]
    assert profiles.missing_profiles(["access", "prod"]) == []


# SPEC: PRF-18
def test_a_given_profile_beats_a_required_one() -> None:
    assert profiles.choose(JobType.BATCH, [], required="nightly", given="audit").profile == "audit"
    assert profiles.choose(JobType.BATCH, [], required="nightly") == profiles.ProfileChoice("nightly")


# SPEC: PRF-07, PRF-12
def test_a_profile_sees_its_own_files_and_the_base_files_only() -> None:
    assert settings.files_for("access", ALL_FILES) == [
        "config.toml",
        "secrets.toml",
        "access.config.toml",
        "access.secrets.toml",
    ]


# SPEC: PRF-08, PRF-09
def test_a_stronger_layer_wins_key_by_key() -> None:
    base = {"destination": {"warehouse": {"type": "duckdb", "path": "local"}}, "log_level": "INFO"}
    config = {"destination": {"warehouse": {"type": "postgres"}}}
    secrets = {"destination": {"warehouse": {"password": "x"}}, "log_level": {"root": "DEBUG"}}
    assert settings.merge([base, config, secrets]) == {
        "destination": {"warehouse": {"type": "postgres", "path": "local", "password": "x"}},
        "log_level": {"root": "DEBUG"},
    }
    assert base["log_level"] == "INFO"


# SPEC: PRF-13, PRF-14, VER-07
@pytest.mark.parametrize(
    ("name", "uploaded"),
    [
        ("config.toml", True),
        ("secrets.toml", True),
        ("prod.secrets.toml", True),
        ("nightly.config.toml", True),
        ("dev.config.toml", False),
        ("tests.secrets.toml", False),
        ("profile-name", False),
        (".workspace", False),
        ("config.toml.bak", False),
    ],
)
def test_local_profiles_stay_at_home(name: str, uploaded: bool) -> None:
    assert profiles.is_uploaded(name) is uploaded


# SPEC: PRF-01
def test_profiles_are_discovered_from_file_names() -> None:
    assert profiles.profiles_in([*ALL_FILES, "nightly.config.toml", "odd.toml"]) == [
        "access",
        "nightly",
        "prod",
    ]
