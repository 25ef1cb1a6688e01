"""Two hundred seeds; that a seed is the same story each time; that small faults of ours would be noticed."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, RowMapping
from tests.simulation import campaign
from tests.simulation.campaign import Lived, live, live_all
from tests.simulation.invariants import Watch
from tests.simulation.world import CRASHES, EVENTS, Violation, World

from runyard.core import executor, planning, refresh, scheduler, settling
from runyard.core.executor import Executor
from runyard.core.intervals import Window
from runyard.core.outcomes import Outcome
from runyard.core.planning import ends, windows
from runyard.core.runs import RunStatus
from runyard.core.store import jobs, queue

SHARD = 50
"""Seeds of one test: enough that each kind of fault and each outcome happens in all of them together."""

MISHAPS = {
    "clock set back",
    "crash after a commit",
    "crash at a statement",
    "crash at a submit",
    "crash between statements",
    "crash with the machine",
    "disk full",
    "end told twice",
    "machine asleep",
    "no room for a run's directory",
    "process hangs",
    "process ignores SIGTERM",
    "process vanishes",
    "start fails",
    "started by a server that is gone",
    "turn taken away",
}

SEEDS_TO_NOTICE = 40
"""In how many seeds a mutant must show."""


# SPEC: QLT-01 SCH-01 SCH-02 SCH-03 SCH-06 SCH-10 SCH-11 TRG-18 TRG-19 IVL-04 IVL-05 FUP-01 EXE-05 EXE-08 RUN-13
@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "first", [1, *(pytest.param(shard * SHARD + 1, marks=pytest.mark.slow) for shard in (1, 2, 3))]
)
def test_whatever_happens_no_tick_window_or_follow_up_is_lost_or_doubled(first: int) -> None:
    total = live_all(first, SHARD, os.cpu_count() or 1)
    assert not total.failures, "\n".join(total.failures)
    assert total.events >= SHARD * EVENTS
    assert total.crashes >= SHARD * CRASHES
    missing = {*MISHAPS, *Outcome} - {*total.counts, *total.outcomes}
    assert not missing, "the simulation has become too quiet"


# SPEC: QLT-01
def test_a_seed_is_the_same_story_in_every_process() -> None:
    code = (
        "import logging; logging.disable()\n"
        "from tests.simulation.world import World\n"
        "world = World(3); world.run(); print(world.fingerprint)"
    )
    told = {
        subprocess.run(
            [sys.executable, "-c", code],
            check=True,
            capture_output=True,
            text=True,
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)},
        ).stdout
        for seed in ("1", "2")
    }
    assert len(told) == 1


# SPEC: QLT-01
def test_a_seed_that_fails_as_nobody_expected_is_told_like_any_other(monkeypatch: pytest.MonkeyPatch) -> None:
    def look_around(_: Watch) -> list[str]:
        raise KeyError("window")

    monkeypatch.setattr(Watch, "look_around", look_around)
    [failure] = live(7).failures
    assert "in look_around" in failure
    assert "KeyError: 'window'" in failure
    assert failure.endswith("python -m tests.simulation.replay 7")


# SPEC: QLT-01
def test_an_interrupted_campaign_tells_failures_at_once_and_sums_up_what_it_lived(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def live_each(*_: int) -> Iterator[Lived]:
        yield Lived(seeds=1, events=500, failures=["a tick is lost"])
        assert capsys.readouterr().out == "a tick is lost\n"
        yield Lived(seeds=1, events=400)
        raise KeyboardInterrupt

    evidence = tmp_path / "simulation.md"
    monkeypatch.setattr(campaign, "live_each", live_each)
    monkeypatch.setattr("signal.signal", lambda *_: None)
    monkeypatch.setattr(sys, "argv", ["simulation", "--seeds", "10000", "--evidence", str(evidence)])
    assert campaign.main() == 1
    assert "2 of 10000 seeds from 1: 1 failed; 900 events" in evidence.read_text()


def _forget_failures(monkeypatch: pytest.MonkeyPatch) -> None:
    real = ends._fired_by

    def fired_by(ended: Any, *given: Any) -> Any:
        return [] if ended.status is RunStatus.FAILED else real(ended, *given)

    monkeypatch.setattr(ends, "_fired_by", fired_by)


def _move_the_pointer_on_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    real = settling.settle

    def settle(connection: Connection, row: RowMapping, target: RunStatus, *given: Any, **named: Any) -> Any:
        result = real(connection, row, target, *given, **named)
        if result is RunStatus.FAILED and row["interval_end"] is not None:
            jobs.note_completed(connection, row["job_id"], done_until=row["interval_end"], now=1)
        return result

    monkeypatch.setattr(executor, "settle", settle)


def _forget_what_ran_before_the_crash(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Executor, "recover", lambda _: None)


def _overlook_slots(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue.Room, "is_left_for", lambda *_: True)


def _drop_late_ticks(monkeypatch: pytest.MonkeyPatch) -> None:
    real = planning.plan

    def plan(due: Any, upstreams: Any, now: int) -> Any:
        planned = real(due, upstreams, now)
        kept = tuple(
            each for each in planned.decisions if each.tick_at is None or now - each.tick_at < 50_000_000
        )
        return dataclasses.replace(planned, decisions=kept)

    monkeypatch.setattr(scheduler, "plan", plan)


def _refresh_only_the_nearest(monkeypatch: pytest.MonkeyPatch) -> None:
    real = refresh.downstream_of
    monkeypatch.setattr(ends, "downstream_of", lambda *given: real(*given)[:1])


def _take_any_window(monkeypatch: pytest.MonkeyPatch) -> None:
    def window_at_start(_job: Any, _trigger: str, _fired_at: int, now: int) -> Window:
        return Window(now - 1, now)

    monkeypatch.setattr(windows, "window_at_start", window_at_start)


def _live_through_seeds() -> None:
    for seed in range(1, SEEDS_TO_NOTICE + 1):
        World(seed).run()


# SPEC: QLT-01
@pytest.mark.parametrize(
    "mutate",
    [
        _drop_late_ticks,
        _forget_failures,
        _forget_what_ran_before_the_crash,
        _move_the_pointer_on_failure,
        _overlook_slots,
        _refresh_only_the_nearest,
        _take_any_window,
    ],
)
def test_a_small_fault_of_ours_is_noticed(
    mutate: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    mutate(monkeypatch)
    with pytest.raises(Violation):
        _live_through_seeds()
