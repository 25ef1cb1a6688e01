"""What jobs find on their path of ours, and that a small job does not pay for it."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from tests.support.patience import PATIENCE_SECONDS

from runyard.core.sdk import install_sdk

HTTPX = ("anyio", "certifi", "h11", "httpcore", "httpx", "idna", "sniffio", "typing_extensions")
"""httpx and what it needs in turn."""

WHERE = """
import runyard.run, runyard.trigger, runyard_server.client
runyard_server.client.Client("http://localhost:1", "key").close()
print(runyard.run.__file__, runyard_server.client.__file__, sep="\\n")
"""


@pytest.fixture(scope="module")
def sdk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return install_sdk(tmp_path_factory.mktemp("data"))


def run(code: str, *path: Path) -> str:
    """Return what code prints that finds nothing but the standard library and this path."""
    env = {"PYTHONPATH": os.pathsep.join(map(str, path)), "PATH": os.environ["PATH"]}
    command = [sys.executable, "-S", "-W", "error", "-c", code]
    return subprocess.run(
        command, env=env, check=True, capture_output=True, text=True, timeout=PATIENCE_SECONDS
    ).stdout


def test_it_is_made_once_for_the_same_content(sdk: Path) -> None:
    before = sdk.stat().st_mtime_ns
    assert install_sdk(sdk.parents[1]) == sdk
    assert sdk.stat().st_mtime_ns == before
    assert [folder.name for folder in sdk.parent.iterdir()] == [sdk.name], "nothing half made is left"


def test_it_has_what_apps_show_their_workspace_with_and_nothing_of_the_server(sdk: Path) -> None:
    assert {folder.name for folder in sdk.iterdir()} == {
        "runyard",
        "runyard_notebooks",
        "runyard_server",
        "runyard_widgets",
    }
    assert [folder.name for folder in (sdk / "runyard_server").iterdir()] == ["client"]
    assert list((sdk / "runyard_widgets").rglob("*.js")), "the widgets' scripts are there"
    assert not (sdk / "runyard" / "core" / "store").exists()
    assert list((sdk / "runyard_server" / "client" / "__pycache__").iterdir()), "it is compiled"


def test_the_client_needs_httpx_alone(sdk: Path, tmp_path: Path) -> None:
    for name in HTTPX:
        spec = find_spec(name)
        if spec is not None and spec.origin is not None:
            found = Path(spec.origin)
            source = found.parent if found.name == "__init__.py" else found
            (tmp_path / source.name).symlink_to(source)
    places = run(WHERE, sdk, tmp_path).split()
    assert all(Path(place).is_relative_to(sdk) for place in places)


def test_what_a_job_file_imports_brings_none_of_it(sdk: Path) -> None:
    ours = run(
        "import sys\nfrom runyard import run, trigger\n"
        "print([name for name in sys.modules if name.startswith('runyard_')])",
        sdk,
    )
    assert ours.strip() == "[]"


def test_an_environment_that_has_the_server_package_uses_its_own(sdk: Path, tmp_path: Path) -> None:
    (tmp_path / "runyard_server").mkdir()
    (tmp_path / "runyard_server" / "__init__.py").write_text("own = True\n")
    assert run("import runyard_server; print(runyard_server.own)", sdk, tmp_path).strip() == "True"
