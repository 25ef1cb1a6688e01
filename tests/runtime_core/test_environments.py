"""Environments are built once, reused, repaired, and refused in the installer's words. No network is used."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from tests.support.wheels import make_wheel

from runyard.core import environments
from runyard.core.clock import SystemClock
from runyard.core.environments import Environment, EnvironmentBuilder, EnvironmentSpec
from runyard.core.errors import EnvironmentFailed
from runyard.core.processes import SystemProcesses
from runyard.core.requirements import Requirements

PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
UV = Path(sys.executable).with_name("uv")
SPEC = EnvironmentSpec(("alpha",), PYTHON)

pytestmark = pytest.mark.usefixtures("wheels")


@pytest.fixture
def wheels(tmp_path: Path) -> Path:
    make_wheel(tmp_path / "wheels", "alpha", requires=["beta"])
    make_wheel(tmp_path / "wheels", "beta")
    return tmp_path / "wheels"


def make_builder(tmp_path: Path) -> EnvironmentBuilder:
    """Return a builder whose only packages are those of the `wheels` folder."""
    settings = tmp_path / ".config" / "uv" / "uv.toml"
    settings.parent.mkdir(parents=True, exist_ok=True)
    settings.write_text("no-index = true\n")
    return EnvironmentBuilder(
        tmp_path / "envs",
        SystemProcesses(),
        SystemClock(),
        UV,
        {"PATH": os.environ["PATH"], "HOME": str(tmp_path)},
        find_links=tmp_path / "wheels",
    )


def says(environment: Environment, code: str) -> str:
    return subprocess.run(
        [environment.python, "-c", code], capture_output=True, text=True, check=True, env={}
    ).stdout.strip()


def has(environment: Environment, module: str) -> bool:
    return says(environment, f"import importlib.util as u; print(bool(u.find_spec('{module}')))") == "True"


# SPEC: DGR-03, DGR-05, DGR-07
def test_an_environment_is_built_once_and_then_reused(tmp_path: Path) -> None:
    lines: list[str] = []
    assert make_builder(tmp_path).find(SPEC) is None
    built = make_builder(tmp_path).ensure(SPEC, lines.append)
    assert says(built, "import alpha, beta; print(alpha.VERSION, beta.VERSION)") == "1.0 1.0"
    assert any("beta==1.0" in line for line in lines)

    lines.clear()
    assert make_builder(tmp_path).find(SPEC) == built
    assert make_builder(tmp_path).ensure(SPEC, lines.append) == built
    assert lines == []


# SPEC: WS-06
def test_an_environment_holds_nothing_of_the_servers(tmp_path: Path) -> None:
    built = make_builder(tmp_path).ensure(SPEC)
    assert not has(built, "httpx")
    assert not has(built, "runyard")


# SPEC: DGR-02
def test_jobs_with_other_groups_have_other_environments(tmp_path: Path, wheels: Path) -> None:
    make_wheel(wheels, "gamma")
    declared = Requirements(PYTHON, {"main": ["beta"], "extra": ["gamma"]})
    plain, extra = (
        make_builder(tmp_path).ensure(environments.spec_for(declared, groups, "launcher"))
        for groups in ((), ("extra",))
    )
    assert has(extra, "gamma")
    assert not has(plain, "gamma")


def test_the_same_resolution_is_the_same_environment(tmp_path: Path) -> None:
    builder = make_builder(tmp_path)
    assert builder.ensure(SPEC) == builder.ensure(replace(SPEC, requirements=("alpha", "beta==1.0")))


def test_an_override_drops_a_dependency(tmp_path: Path) -> None:
    built = make_builder(tmp_path).ensure(replace(SPEC, overrides=("beta; sys_platform == 'never'",)))
    assert has(built, "alpha")
    assert not has(built, "beta")


def test_an_empty_workspace_gets_an_empty_environment(tmp_path: Path) -> None:
    assert says(make_builder(tmp_path).ensure(EnvironmentSpec((), PYTHON)), "print(1)") == "1"


def test_a_new_wheel_of_the_servers_own_is_used(tmp_path: Path, wheels: Path) -> None:
    before = make_builder(tmp_path).ensure(SPEC)
    make_wheel(wheels, "beta", "2.0")
    after = make_builder(tmp_path).ensure(SPEC)
    assert says(before, "import beta; print(beta.VERSION)") == "1.0"
    assert says(after, "import beta; print(beta.VERSION)") == "2.0"


# SPEC: DGR-06
def test_a_failed_install_says_what_the_installer_said(tmp_path: Path) -> None:
    lines: list[str] = []
    with pytest.raises(EnvironmentFailed, match="cannot be installed") as failed:
        make_builder(tmp_path).ensure(EnvironmentSpec(("nowhere-to-be-found",), PYTHON), lines.append)
    assert any("nowhere-to-be-found" in reason for reason in failed.value.reasons)
    assert any("nowhere-to-be-found" in line for line in lines)


# SPEC: DGR-07
def test_a_python_that_is_not_there_is_refused_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentFailed) as failed:
        make_builder(tmp_path).ensure(replace(SPEC, python_version="3.99"))
    assert failed.value.cause == "Python 3.99 is not installed on this server."


def test_a_half_built_environment_is_built_again(tmp_path: Path) -> None:
    built = make_builder(tmp_path).ensure(SPEC)
    directory = built.python.parent.parent
    (directory / ".ready").unlink()
    (module,) = directory.glob("lib/*/site-packages/alpha.py")
    module.parent.chmod(0o755)
    module.unlink()
    assert make_builder(tmp_path).ensure(SPEC) == built
    assert has(built, "alpha")


def test_an_environment_whose_python_is_gone_is_built_again(tmp_path: Path) -> None:
    built = make_builder(tmp_path).ensure(SPEC)
    built.python.parent.chmod(0o755)
    built.python.unlink()
    assert make_builder(tmp_path).ensure(SPEC) == built
    assert says(built, "print(1)") == "1"


# SPEC: DGR-05
def test_builders_at_the_same_time_build_once(tmp_path: Path) -> None:
    lines: list[str] = []
    results: list[Environment] = []

    def build() -> None:
        results.append(make_builder(tmp_path).ensure(SPEC, lines.append))

    threads = [threading.Thread(target=build) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 3
    assert len(set(results)) == 1
    assert sum("alpha==1.0" in line for line in lines) == 1


def test_what_is_shared_is_compiled_and_read_only(tmp_path: Path) -> None:
    built = make_builder(tmp_path).ensure(SPEC)
    (module,) = built.python.parent.parent.glob("lib/*/site-packages/alpha.py")
    assert module.stat().st_mode & 0o222 == 0
    assert module.parent.stat().st_mode & 0o222 == 0
    assert list(module.parent.glob("__pycache__/alpha.*.pyc"))


def test_a_tampered_wheel_is_not_installed(tmp_path: Path) -> None:
    builder = make_builder(tmp_path)
    before = builder.ensure(SPEC)
    (resolution,) = (tmp_path / "envs" / "resolutions").iterdir()
    resolution.write_text(re.sub("sha256:.{8}", "sha256:00000000", resolution.read_text()))
    with pytest.raises(EnvironmentFailed) as failed:
        builder.ensure(SPEC)
    assert any("hash" in reason.lower() for reason in failed.value.reasons)
    assert before.python.exists()


def test_settings_of_a_project_around_the_data_directory_do_not_matter(tmp_path: Path) -> None:
    text = '[project]\nname = "p"\nversion = "0"\n[tool.uv]\noverride-dependencies = ["beta==7"]\n'
    (tmp_path / "pyproject.toml").write_text(text)
    assert has(make_builder(tmp_path).ensure(SPEC), "beta")


def test_the_key_names_everything_that_makes_an_environment() -> None:
    parts = ("alpha==1", "3.12", "linux-x86_64", "uv 0.9")
    keys = {environments.environment_key(*parts)}
    for index in range(4):
        changed = [f"{part}!" if index == position else part for position, part in enumerate(parts)]
        keys.add(environments.environment_key(*changed))
    assert len(keys) == 5


@pytest.mark.slow
def test_a_package_of_the_index_is_installed_by_its_hash(tmp_path: Path) -> None:
    env = {name: value for name, value in os.environ.items() if name.startswith(("PATH", "UV_", "SSL_"))}
    builder = EnvironmentBuilder(
        tmp_path / "envs", SystemProcesses(), SystemClock(), UV, {**env, "HOME": str(tmp_path)}
    )
    assert has(builder.ensure(EnvironmentSpec(("iniconfig==2.0.0",), PYTHON)), "iniconfig")
