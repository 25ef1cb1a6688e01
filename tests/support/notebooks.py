"""Notebook servers of one's own, as an analyst starts them: marimo and JupyterLab, on loopback, outside runyard."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from subprocess import DEVNULL, Popen

from tests.support.patience import PATIENCE_SECONDS
from tests.support.servers import API_KEY, environment
from tests.support.sites import Site

from runyard.core import health
from runyard.core.clock import SystemClock


@contextmanager
def marimo_app(notebook: Path, place: Site) -> Iterator[str]:
    """Run a notebook as an app and return its address."""
    options = ["--headless", "--no-token", "--host", health.LOOPBACK, "--port"]
    with _served(["marimo", "-y", "run", str(notebook), *options], notebook.parent, place) as port:
        yield f"http://{health.LOOPBACK}:{port}/"


@contextmanager
def jupyter_lab(notebook: Path, place: Site) -> Iterator[str]:
    """Run JupyterLab in the directory of a notebook and return the address that opens it."""
    settings = notebook.parent / ".jupyter/lab/user-settings/@jupyterlab/apputils-extension"
    settings.mkdir(parents=True)
    # It neither asks the world what is new nor the analyst whether it may.
    (settings / "notification.jupyterlab-settings").write_text(
        '{"fetchNews": "false", "checkForUpdates": false}'
    )
    options = [
        "--no-browser",
        "--allow-root",
        f"--ServerApp.root_dir={notebook.parent}",
        "--IdentityProvider.token=",
        f"--ServerApp.ip={health.LOOPBACK}",
        "--port",
    ]
    with _served(["jupyterlab", *options], notebook.parent, place) as port:
        yield f"http://{health.LOOPBACK}:{port}/lab/tree/{notebook.name}"


def jupyter_notebook(path: Path, *cells: str) -> Path:
    """Write a notebook of code cells."""
    document = {
        "cells": [
            {
                "cell_type": "code",
                "execution_count": None,
                "id": f"cell-{n}",
                "metadata": {},
                "outputs": [],
                "source": source,
            }
            for n, source in enumerate(cells)
        ],
        "metadata": {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    path.write_text(json.dumps(document))
    return path


def _variables(home: Path, place: Site) -> Mapping[str, str]:
    return {
        **environment(home),
        "RUNYARD_SERVER": place.origin,
        "RUNYARD_API_KEY": API_KEY,
        "RUNYARD_WORKSPACE": place.client.workspace.id,
    }


@contextmanager
def _served(module: list[str], home: Path, place: Site) -> Iterator[int]:
    """Start `python -m` with a port at its end and return the port once it answers there; ended afterwards."""
    port, clock = health.free_port(), SystemClock()
    command = [sys.executable, "-m", *module, str(port)]
    with (
        (home / "server.log").open("wb") as log,
        Popen(
            command, cwd=home, env=_variables(home, place), stdin=DEVNULL, stdout=log, stderr=log
        ) as process,
    ):
        try:
            is_there = health.until_it_answers(port, lambda: process.poll() is not None, clock)
            assert is_there, (home / "server.log").read_text()
            yield port
        finally:
            process.terminate()
            process.wait(PATIENCE_SECONDS)
