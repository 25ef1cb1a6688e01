"""A real disk that is really full: a small file system under the data directory, seen by the server alone."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from tests.server.cli.test_dev import FILES, client_of, wait_for_deploy
from tests.support.servers import RUNYARD, dev_server, environment
from tests.support.workspaces import make_workspace

from runyard_server.cli.exits import Exit

DISK_MIB = 24
"""Room for a server and some runs, but not for the file below."""

BIG_FILE_BYTES = 2 * DISK_MIB * 1024 * 1024

JOBS = """
from runyard import run

@run.job()
def say():
    print("still here")

__all__ = ["say"]
"""


# SPEC: RCN-10
def test_a_deploy_that_does_not_fit_is_refused_in_two_sentences_and_changes_nothing(tmp_path: Path) -> None:
    disk, home = tmp_path / "disk", tmp_path / "home"
    disk.mkdir()
    root = make_workspace(tmp_path / "project", {**FILES, "__deployment__.py": JOBS})
    mount = f'mount -t tmpfs -o size={DISK_MIB}m tmpfs "{disk}" && exec "$@"'
    # Without root, a namespace in which we are root may mount as well.
    namespace = ["unshare", "--mount", *([] if os.geteuid() == 0 else ["--map-root-user"])]
    small_disk = [*namespace, "sh", "-c", mount, "sh"]
    with dev_server(root, home, "--data-dir", str(disk / "data"), within=small_disk) as server:
        wait_for_deploy(server)
        (root / "big.bin").write_bytes(os.urandom(BIG_FILE_BYTES))
        refused = subprocess.run(
            [*RUNYARD, "--server", server.said["server"], "deploy"],
            cwd=root,
            env=environment(home),
            capture_output=True,
            text=True,
        )
        assert refused.returncode == Exit.FAILED
        assert "disk" in refused.stderr
        assert "Free space" in refused.stderr
        assert "Traceback" not in refused.stderr
        with client_of(server, home) as client:
            current = client.latest_deployment()
            assert current is not None
            assert (current.version, current.file_count) == (1, 2)
            [started] = client.trigger(["say"]).started
            assert started.run is not None
            assert [line.text for line in client.follow(started.run.id)] == ["still here"]
