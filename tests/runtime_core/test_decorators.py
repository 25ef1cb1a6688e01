from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from typing import Any

import pytest
from dlt._workspace.deployment.manifest import validate_job_definition

import runyard
from runyard import run, trigger
from runyard.core.errors import InvalidInterval, InvalidJob, InvalidTrigger
from runyard.core.jobs import DEFAULT_TIMEOUT_SECONDS, parse_job
from runyard.core.manifest import validate_manifest


# SPEC: DEC-01, DEC-17
def test_the_door_opens_with_the_standard_library_alone() -> None:
    code = (
        "import sys; before = set(sys.modules)\n"
        "from runyard import run, trigger\n"
        "from runyard.run import trigger as same, TJobRunContext\n"
        "assert same is trigger and run.pipeline and run.job and run.interactive\n"
        "@run.job(trigger='@daily')\n"
        "def load(): raise SystemExit('a job ran')\n"
        "names = {name.partition('.')[0] for name in set(sys.modules) - before} - {'runyard'}\n"
        "assert names <= sys.stdlib_module_names, names\n"
        "slow = {'asyncio', 'dataclasses', 'inspect', 'datetime', 'difflib', 'json', 'socket', 'argparse'}\n"
        "assert not slow & set(sys.modules) - before, slow & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_doors_show_exactly_what_they_list() -> None:
    for door in (runyard, run, trigger):
        assert list(door.__all__) == sorted(door.__all__)
        assert all(hasattr(door, name) for name in door.__all__)
    with pytest.raises(AttributeError, match="runs"):
        _ = runyard.runs


@run.job
def plain(airport: str, limit: int = 10, *, run_context: run.TJobRunContext | None = None) -> str:
    """Load flights.

    Every day.
    """
    return f"{airport} {limit} {run_context}"


# SPEC: DEC-04, DEC-08, DEC-10, DEP-12
def test_a_bare_function_is_a_batch_job_named_after_its_module_and_itself() -> None:
    assert plain.ref == "jobs.test_decorators.plain"
    assert plain.definition() == {
        "engine_version": 2,
        "job_ref": "jobs.test_decorators.plain",
        "entry_point": {
            "module": __name__,
            "function": "plain",
            "job_type": "batch",
            "launcher": "runyard.core.launchers.job",
        },
        "triggers": [],
        "execute": {"concurrency": 1},
        "expose": {"manual": True},
        "description": "Load flights.\n\n    Every day.",
        "config_keys": ["airport", "limit"],
        "inputs": {
            "type": "object",
            "properties": {"airport": {"type": "string"}, "limit": {"type": "integer", "default": 10}},
            "required": ["airport"],
            "additionalProperties": False,
        },
    }
    assert parse_job(plain.definition()).description == "Load flights.\n\nEvery day."
    assert plain.extensions() == {}


# SPEC: DEC-09
def test_a_job_is_still_its_function() -> None:
    assert plain("BER", limit=3) == "BER 3 None"
    assert repr(plain) == "<job jobs.test_decorators.plain>"


# SPEC: DEC-11, TRG-06
def test_a_job_gives_its_events_to_others() -> None:
    ref = plain.ref
    assert (plain.success, plain.fail) == (f"job.success:{ref}", f"job.fail:{ref}")
    assert plain.completed == (plain.success, plain.fail)
    assert plain.is_fresh == f"job.is_fresh:{ref}"

    @run.job(trigger=[plain.completed, "0 6 * * *"], freshness=plain.is_fresh)
    def report() -> None: ...

    definition = report.definition()
    assert definition["triggers"] == [plain.success, plain.fail, "schedule:0 6 * * *"]
    assert definition["default_trigger"] == "schedule:0 6 * * *"
    assert definition["freshness"] == [plain.is_fresh]


# SPEC: DEC-03, DEC-05, DEC-06, DEC-07, DEC-18, DEC-23, TAG-01, TRG-02, TRG-28, IVL-13
def test_everything_said_to_a_decorator_is_in_a_manifest_that_the_published_client_accepts() -> None:
    class Pipeline:
        pipeline_name = "flights"

    @run.pipeline(
        Pipeline(),
        name="ingest",
        section="flights",
        trigger=trigger.every("2w"),
        execute={"timeout": "6h", "concurrency": None, "intercept_signals": False},
        expose={"display_name": "Flights!", "tags": "daily", "starred": True, "manual": False},
        require={"timezone": "Europe/Berlin", "dependency_groups": ["etl"]},
        interval={"start": datetime(2026, 1, 1, tzinfo=UTC), "end": "2027-01-01", "split": "7d"},
        freshness=[plain.is_fresh],
        freshness_wait="10m",
        refresh="always",
    )
    def load() -> None: ...

    @run.interactive(interface="mcp", idle_timeout="1h", expose={"tags": ["a", "b"]})
    async def serve() -> None: ...

    wires: list[dict[str, Any]] = [plain.definition(), load.definition(), serve.definition()]
    for wire in wires:
        validate_job_definition(wire, raise_on_error=True, validate_dict=True)  # type: ignore[arg-type]
    extensions = {load.ref: load.extensions(), serve.ref: serve.extensions()}
    _, batch, app = validate_manifest(wires, 2, extensions)
    assert extensions == {
        load.ref: {"split": "7d", "freshness_wait": 600.0},
        serve.ref: {"idle_timeout": 3600.0},
    }
    assert batch.freshness_wait_seconds == 600
    assert batch.job_ref == "jobs.flights.ingest"
    assert (batch.pipeline_name, batch.category, batch.triggers) == ("flights", "pipeline", ("every:14d",))
    assert (batch.timeout_seconds, batch.concurrency, batch.timezone) == (21600, None, "Europe/Berlin")
    assert (batch.tags, batch.manual, batch.display_name) == (("daily",), False, "Flights!")
    assert batch.interval is not None
    assert (batch.interval.start, batch.interval.end) == ("2026-01-01T00:00:00+00:00", "2027-01-01")
    assert batch.refresh == "always"
    assert not app.is_batch
    assert (app.triggers, app.tags) == (("http:",), ("a", "b"))
    assert wires[2]["expose"]["interface"] == "mcp"


# SPEC: RFR-01
@pytest.mark.parametrize("spelling", ["refresh", "refresh_propagation"])
@pytest.mark.parametrize("policy", ["auto", "always", "block"])
def test_both_spellings_of_what_a_job_does_with_a_refresh_are_taken(spelling: str, policy: str) -> None:
    options: Any = {spelling: policy}

    @run.job(**options)
    def load() -> None: ...

    assert parse_job(load.definition()).refresh == policy
    assert parse_job(plain.definition()).refresh == "auto"


# SPEC: EXE-01, EXE-02, LIM-01
@pytest.mark.parametrize(
    ("execute", "timeout", "grace"),
    [
        ({}, 120 * 60, 30),
        ({"timeout": "6h"}, 21600, 30),
        ({"timeout": 90.5}, 90.5, 30),
        ({"timeout": 7200, "grace_period": 60}, 7200, 60),
        ({"timeout": {"timeout": "2h", "grace_period": 60}}, 7200, 60),
        ({"timeout": None}, DEFAULT_TIMEOUT_SECONDS, 30),
    ],
)
def test_every_published_way_to_write_a_timeout_is_taken(execute: Any, timeout: float, grace: float) -> None:
    @run.job(execute=execute)
    def load() -> None: ...

    job = parse_job(load.definition())
    assert (job.timeout_seconds, job.grace_seconds) == (timeout, grace)


# SPEC: EXE-05
@pytest.mark.parametrize("concurrency", [0, -1, "two", 1.5])
def test_concurrency_is_a_whole_number_or_none(concurrency: Any) -> None:
    with pytest.raises(InvalidJob, match="concurrency"):
        run.job(execute={"concurrency": concurrency})


# SPEC: DEC-06
@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"triger": "x"}, "Did you mean `trigger`"),
        ({"execute": {"time_out": 5}}, "Did you mean `timeout`"),
        ({"expose": {"tag": "x"}}, "Did you mean `tags`"),
        ({"require": {"time_zone": "UTC"}}, "Did you mean `timezone`"),
        ({"colour": "red"}, "Known are"),
        ({"execute": {"timeout": "soon"}}, "no duration"),
        ({"execute": {"timeout": -1}}, "no duration"),
    ],
)
def test_an_unknown_argument_raises_at_import_with_the_nearest_one(options: Any, says: str) -> None:
    with pytest.raises(InvalidJob, match=says):

        @run.job(**options)
        def load() -> None: ...


# SPEC: DEC-06
@pytest.mark.parametrize("name", ["interval", "freshness", "refresh", "interface", "idle_timeout"])
def test_an_argument_of_the_other_kind_of_job_raises_at_import(name: str) -> None:
    decorator: Any = run.job if name in ("interface", "idle_timeout") else run.interactive
    with pytest.raises(InvalidJob, match=rf"`run\.{decorator.__name__}` knows no `{name}`"):
        decorator(**{name: "x"})


# SPEC: DEC-16, TRG-03
@pytest.mark.parametrize(
    ("options", "error", "says"),
    [
        ({"name": "a-b"}, InvalidJob, "cannot be the name"),
        ({"section": "py"}, InvalidJob, "cannot be the section"),
        ({"trigger": "61 * * * *"}, InvalidTrigger, r"jobs\.test_decorators\.load: .*minute"),
        ({"trigger": 5}, InvalidTrigger, "is no trigger"),
        ({"interval": {"end": "2026-01-01"}}, InvalidInterval, "has no start"),
        ({"refresh": "never"}, InvalidJob, "refresh"),
        ({"incremental_mode": "both"}, InvalidJob, "Use one of interval, pipeline"),
        ({"refresh_propagation": "never"}, InvalidJob, "refresh"),
        ({"refresh": "block", "refresh_propagation": "always"}, InvalidJob, "say it once"),
    ],
)
def test_what_can_be_told_at_import_is(options: Any, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):

        @run.job(**options)
        def load() -> None: ...


def test_decorators_that_lack_what_they_decorate_say_so() -> None:
    with pytest.raises(InvalidJob, match="no pipeline"):
        run.pipeline(lambda: None)  # type: ignore[arg-type]
    with pytest.raises(InvalidJob, match="no function"):
        run.job("load")  # type: ignore[call-overload]
    with pytest.raises(InvalidJob, match="no interface"):
        run.interactive(interface="cli")  # type: ignore[call-overload]
