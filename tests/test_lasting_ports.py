"""Ports of servers that follow each other: nobody else gets one in between, not even tests beside these."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.support.servers import lasting_port

ROOT = Path(__file__).parents[1]

BESIDE = """
import sys
from tests.support import servers

mine = int(sys.argv[1])
servers._LASTING = iter(range(mine, mine + 100))
print(servers.lasting_port())
"""


def test_tests_side_by_side_never_use_the_same_port() -> None:
    mine = lasting_port()
    beside = subprocess.run(
        [sys.executable, "-c", BESIDE, str(mine)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert mine < int(beside.stdout) < mine + 100
