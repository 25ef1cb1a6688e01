"""What works after `pip install runyard`, without the extras: the command line and the client."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.metadata import packages_distributions, requires
from inspect import cleandoc

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

SERVES = "runyard_server.cli.serving"
"""Needs the extra `server`: a command imports it when it starts a server, not before."""

NOT_INSTALLED = """
import importlib, importlib.abc, json, pkgutil, sys

class NotInstalled(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name.partition(".")[0] in blocked:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

blocked = set(json.load(sys.stdin))
sys.meta_path.insert(0, NotInstalled())
"""


def run_in_a_plain_install(code: str, **env: str) -> str:
    """Return what code prints where nothing can be imported but what comes without an extra."""
    there = plainly_installed()
    blocked = [
        module
        for module, distributions in packages_distributions().items()
        if there.isdisjoint(map(canonicalize_name, distributions))
    ]
    assert {"croniter", "fastapi", "polars", "sqlalchemy"} <= {*blocked}
    done = subprocess.run(
        [sys.executable, "-c", NOT_INSTALLED + cleandoc(code)],
        input=json.dumps(blocked),
        env={**os.environ, **env},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def plainly_installed() -> set[str]:
    """Return the distributions that come without any extra, by their canonical names."""
    found: set[str] = set()
    pending = ["runyard"]
    while pending:
        name = canonicalize_name(pending.pop())
        if name not in found:
            found.add(name)
            needs = map(Requirement, requires(name) or ())
            pending += [
                need.name for need in needs if need.marker is None or need.marker.evaluate({"extra": ""})
            ]
    return found


def test_the_command_line_and_the_client_need_no_package_of_an_extra() -> None:
    imported = run_in_a_plain_install(f"""
        for name in ("runyard_server.cli", "runyard_server.client"):
            package = importlib.import_module(name)
            for module in pkgutil.walk_packages(package.__path__, f"{{name}}."):
                if module.name != "{SERVES}":
                    importlib.import_module(module.name)
                    print(module.name)
    """)
    assert {"runyard_server.cli.plan", "runyard_server.client.feeds.state"} <= {*imported.split()}


def test_the_command_line_knows_time_zones_where_the_machine_knows_none() -> None:
    shown = run_in_a_plain_install(
        """
        from runyard_server.cli import times
        from runyard.core.manifest import is_timezone
        print(times.viewer_zone(), is_timezone("Asia/Kolkata"))
        """,
        TZ="Europe/Berlin",
        PYTHONTZPATH="",
    )
    assert shown == "Europe/Berlin True"
