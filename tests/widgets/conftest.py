"""Widgets without a kernel: what they would send to browsers is recorded."""

from __future__ import annotations

import comm
import pytest
from tests.support.comms import RecordingComm


@pytest.fixture(autouse=True)
def recording(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comm, "create_comm", RecordingComm)
