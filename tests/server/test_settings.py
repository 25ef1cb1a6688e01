"""Settings: from the environment, documented, and never an open door."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from runyard.core.errors import InvalidRequest
from runyard.core.store.queue import Limits
from runyard_server.settings import PREFIX, Settings

DOCUMENT = Path(__file__).parents[2] / "docs" / "settings.md"


def test_every_setting_has_its_paragraph_and_every_paragraph_its_setting() -> None:
    sections = DOCUMENT.read_text("utf-8").split("\n## ")[1:]
    paragraphs = {section.partition("\n")[0]: section.partition("\n")[2].strip() for section in sections}
    assert set(paragraphs) == {f"{PREFIX}{field.name.upper()}" for field in fields(Settings)}
    assert all(paragraphs.values())


def test_the_environment_is_read_and_what_is_given_wins() -> None:
    env = {
        "RUNYARD_PORT": "9000",
        "RUNYARD_DATA_DIR": "/srv/runyard",
        "RUNYARD_MIN_EVERY_SECONDS": "0.5",
        "RUNYARD_RUNS_MAX": "8",
        "RUNYARD_LOG_LIMIT_BYTES": "",
        "HOME": "/nowhere",
    }
    settings = Settings.from_environment(env, port=9001, host=None)
    assert (settings.port, settings.host) == (9001, "127.0.0.1")
    assert settings.data_dir == Path("/srv/runyard")
    assert settings.min_every_seconds == 0.5
    assert settings.run_limits == Limits(server=8, workspace=None)
    assert settings.log_limit_bytes == Settings().log_limit_bytes


@pytest.mark.parametrize(
    ("home", "expected"),
    [
        ("/srv/data", Path("/srv/data/runyard")),
        ("relative", Path.home() / ".local/share/runyard"),
        ("", Path.home() / ".local/share/runyard"),
    ],
)
def test_data_is_kept_where_people_keep_that_of_programs(
    home: str, expected: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert Settings.from_environment({"XDG_DATA_HOME": home}).data_dir == expected
    monkeypatch.setenv("XDG_DATA_HOME", home)
    assert Settings().data_dir == expected


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("RUNYARD_PORT", "http"),
        ("RUNYARD_PORT", "65536"),
        ("RUNYARD_MIN_EVERY_SECONDS", "-1"),
        ("RUNYARD_MIN_EVERY_SECONDS", "nan"),
        ("RUNYARD_ENVIRONMENT", "docker"),
        ("RUNYARD_RUNS_MAX", "0"),
        ("RUNYARD_RUNS_MAX", "many"),
        ("RUNYARD_WORKSPACE_RUNS_MAX", "1000001"),
        ("RUNYARD_LOG_LIMIT_BYTES", "1 GiB"),
        ("RUNYARD_PUBLIC_URL", "runyard.example.org"),
        ("RUNYARD_PUBLIC_URL", "https://example.org/runyard"),
        ("RUNYARD_PUBLIC_URL", "https://["),
        ("RUNYARD_APPS_HOST", "https://apps.example.org"),
        ("RUNYARD_APPS_HOST", "*.example.org"),
        ("RUNYARD_BOOTSTRAP_API_KEY", "secret"),
        ("RUNYARD_BOOTSTRAP_API_KEY", "dlt_u_short"),
    ],
)
def test_a_value_that_does_not_fit_is_refused_with_a_remedy(name: str, value: str) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        Settings.from_environment({name: value})
    assert refusal.value.remedy


# SPEC: SEC-01
@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "example.org"])  # noqa: S104 - to be refused
def test_a_server_that_others_can_reach_needs_a_key(host: str) -> None:
    with pytest.raises(InvalidRequest, match="RUNYARD_BOOTSTRAP_API_KEY"):
        Settings(host=host)
    Settings(host=host, bootstrap_api_key="dlt_u_long-enough-to-be-safe", public_url="https://example.org")


def test_loopback_needs_none() -> None:
    assert all(Settings(host=host).is_loopback for host in ("127.0.0.1", "localhost", "::1", "127.8.8.8"))


# SPEC: SEC-07
@pytest.mark.parametrize("apps_host", ["example.org", "yard.example.org", "org"])
def test_apps_have_no_host_from_which_they_reach_the_server(apps_host: str) -> None:
    with pytest.raises(InvalidRequest, match="RUNYARD_APPS_HOST"):
        Settings(public_url="https://yard.example.org", apps_host=apps_host)
    for good in ("localhost", "apps.example.org", "apps.yard.example.org"):
        assert Settings(public_url="https://yard.example.org", apps_host=good).apps_host == good


def test_the_key_is_not_in_what_a_log_would_show() -> None:
    assert "dlt_u_" not in repr(Settings(bootstrap_api_key="dlt_u_long-enough-to-be-safe"))
