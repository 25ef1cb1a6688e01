"""Which profile a run gets, of `dev`, `prod`, `access` or one's own, and which files belong to one.

Reads no file. What applies under a profile is `settings`; finding the files is in `workspace`, laying them out for a
run in `snapshots`.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from runyard.core.jobs import JobType
from runyard.core.settings import DEV

PROD, ACCESS, TESTS = "prod", "access", "tests"

LOCAL = frozenset({DEV, TESTS})
"""Profiles that stay on one's own machine: never uploaded, never used on a server (PRF-13)."""

_FILE = re.compile(r"(?:(?P<profile>[^/]+)\.)?(?:config|secrets)\.toml")


@dataclass(frozen=True, slots=True)
class ProfileChoice:
    """The profile of a run, and what its owner should hear about the choice."""

    profile: str
    warnings: tuple[str, ...] = ()


def profile_of(file_name: str) -> str | None:
    """Return the profile a settings file belongs to, None for a base file or a file that is neither."""
    match = _FILE.fullmatch(file_name)
    return match["profile"] if match else None


def is_uploaded(file_name: str) -> bool:
    """Return whether a file of `.dlt/` is part of a configuration.

    Wider than the names a profile reads, because the published client uploads these and its hash must match.
    Source: PRF-13, PRF-14, VER-07, contract 6.4.
    """
    is_settings = file_name.endswith(("config.toml", "secrets.toml"))
    return is_settings and not file_name.startswith(tuple(f"{name}." for name in sorted(LOCAL)))


def profiles_in(file_names: Iterable[str]) -> list[str]:
    """Return the profiles that have at least one settings file, sorted."""
    return sorted({profile for name in file_names if (profile := profile_of(name))})


def choose(
    job_type: JobType,
    available: Collection[str],
    *,
    required: str | None = None,
    given: str | None = None,
) -> ProfileChoice:
    """Return the profile of a run on the server: as given, as the job requires, else by its type.

    `available` are the profiles that have settings files. Without `access` files an interactive run uses
    `prod`; without `prod` files only the base files apply.
    Source: PRF-03 to PRF-06, PRF-17, PRF-18, TRB-01, TRB-02.
    """
    if chosen := given or required:
        return ProfileChoice(chosen)
    if job_type is JobType.INTERACTIVE:
        if ACCESS in available:
            return ProfileChoice(ACCESS)
        return ProfileChoice(PROD, (_missing(ACCESS, available),))
    return ProfileChoice(PROD, () if PROD in available else (_missing(PROD, available),))


def missing_profiles(available: Collection[str]) -> list[str]:
    """Return the warnings of a deploy about profiles without settings files (TRB-01, TRB-02)."""
    return [_missing(profile, available) for profile in (PROD, ACCESS) if profile not in available]


def _missing(profile: str, available: Collection[str]) -> str:
    kind = "Interactive" if profile == ACCESS else "Batch"
    instead = "the 'prod' profile" if profile == ACCESS and PROD in available else "the base configuration"
    return (
        f"No '{profile}' profile detected. {kind} jobs will use {instead}. "
        f"Create `.dlt/{profile}.config.toml` and `.dlt/{profile}.secrets.toml` to give them their own."
    )
