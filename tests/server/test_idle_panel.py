"""The control panel stops while nobody looks at it."""

from __future__ import annotations

from tests.support.api import Api

from runyard.core.runs import Reason, RunStatus
from runyard_server.idle_panel import IDLE_SECONDS, IdlePanel
from runyard_server.socket_counts import SocketCounts


def start(api: Api) -> str:
    """Let a run of the panel go as far as the executor would; return its id."""
    api.runtime.panel.start(None)
    run = api.runtime.panel.newest_run()
    assert run is not None
    api.move(run["id"], RunStatus.STARTING, RunStatus.RUNNING)
    return str(run["id"])


def is_asked_to_stop(api: Api) -> bool:
    run = api.runtime.panel.newest_run()
    assert run is not None
    return run["stop_requested_at"] is not None


def test_a_panel_that_nobody_has_open_stops_after_its_time(local_api: Api) -> None:
    sockets = SocketCounts()
    idle = IdlePanel(local_api.runtime.panel, sockets, local_api.clock)
    idle.look()
    run = start(local_api)
    idle.look()
    local_api.clock.turn(IDLE_SECONDS - 1)
    idle.look()
    assert not is_asked_to_stop(local_api)
    with sockets.counted(run):
        local_api.clock.turn(10 * IDLE_SECONDS)
        idle.look()
        assert not is_asked_to_stop(local_api), "somebody looks"
    local_api.clock.turn(IDLE_SECONDS - 60)
    idle.look()
    assert not is_asked_to_stop(local_api), "it counts from when they left"
    local_api.clock.turn(60)
    idle.look()
    assert is_asked_to_stop(local_api)


def test_a_panel_that_was_started_again_has_all_of_its_time(local_api: Api) -> None:
    idle = IdlePanel(local_api.runtime.panel, SocketCounts(), local_api.clock)
    first = start(local_api)
    idle.look()
    local_api.clock.turn(IDLE_SECONDS)
    idle.look()
    local_api.move(first, RunStatus.CANCELLED, reason=Reason.USER_CANCEL)
    idle.look()
    start(local_api)
    idle.look()
    assert not is_asked_to_stop(local_api)
