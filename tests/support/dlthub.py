"""The published `dlthub` command, unmodified, with nothing but the address of a server of ours and an API key."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.support.patience import PATIENCE_SECONDS
from tests.support.servers import API_KEY, Installation
from tests.support.workspaces import make_workspace

from runyard_server.client import Client

DLTHUB = Path(sys.executable).with_name("dlthub")


class Published:
    """The published client in a workspace directory, and the server it is connected to."""

    def __init__(self, root: Path, home: Path, installation: Installation, files: Mapping[str, str]) -> None:
        self.root, self._home, self.installation = root, home, installation
        settings = f'[runtime]\napi_base_url = "{installation.origin}"\n' + files.get(".dlt/config.toml", "")
        make_workspace(root, {**files, ".dlt/config.toml": settings})

    @property
    def client(self) -> Client:
        """Our client, which sees what the published one has done."""
        return self.installation.client

    def __call__(self, line: str, *, code: int = 0, key: str = API_KEY) -> str:
        """Return what a command says, which has to end with this exit code."""
        with self.start(line, key=key) as process:
            said, _ = process.communicate(timeout=PATIENCE_SECONDS)
        assert process.returncode == code, said
        return said

    def start(self, line: str, *, key: str = API_KEY) -> subprocess.Popen[str]:
        """Start a command whose output can be read as it comes."""
        env = {
            "HOME": str(self._home),
            "PATH": os.environ["PATH"],
            "XDG_DATA_HOME": str(self._home / "data"),
            "DLT_DATA_DIR": str(self._home / "dlt"),
            "PYTHONUNBUFFERED": "1",
            "NO_COLOR": "1",
            "RUNTIME__API_KEY": key,
            "RUNTIME__DLTHUB_TELEMETRY": "false",
        }
        return subprocess.Popen(
            [DLTHUB, *line.split()],
            cwd=self.root,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
