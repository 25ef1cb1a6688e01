"""Everything that reads what others wrote, and texts made to break it.

Each parser either accepts a text or refuses it with an error of our own, within a second; where there is a way back,
what was accepted reads the same again. Run as a program this is the long target (`make fuzz`): round after round with
new seeds until the time is up. `test_parsers` runs one round of each.
"""

# SPEC: QLT-08
from __future__ import annotations

import json
import os
import random
import sys
import tempfile
import time
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, TypeAlias

import hypothesis
from hypothesis import HealthCheck, Phase, given
from hypothesis import strategies as st
from tests.support.expressions import any_cron
from tests.support.planning import job as facts_of
from tests.support.traces import trace

from runyard.core import job_refs, profiles, requirements, triggers, workspace
from runyard.core.checks import (
    at_import,
    destinations,
    dev_mode,
    imports,
    leaked_secrets,
    main_guard,
    naive_times,
)
from runyard.core.checks.finding import Code, Finding, parse
from runyard.core.cron import check_cron
from runyard.core.errors import AmbiguousName, InvalidInput, NotFound, TooLarge
from runyard.core.facts import JobFacts
from runyard.core.input_schemas import in_words
from runyard.core.intervals import Cron, Range, latest_due, next_due, resolve_range, run_window, upcoming
from runyard.core.job_times import check_times
from runyard.core.jobs import ENGINE_VERSION, EXTENSIONS, IntervalSpec, JobDefinition, parse_job
from runyard.core.manifest import definition_hash, validate_manifest
from runyard.core.pipeline_traces import read_trace
from runyard.core.planning import due_after, plan
from runyard.core.processes import SystemProcesses
from runyard.core.schedule_words import instant_in_words, period_in_words, schedule_in_words
from runyard.core.selectors import expand_event_triggers, select
from runyard.core.ticks import check_schedule, local_text, next_tick, previous_tick
from runyard.core.uploads import _parse_listing
from runyard.core.webhooks import parameters_in
from runyard_server.cli.init import _write_pyproject
from runyard_server.client.connection import origin_of, project_name
from runyard_server.settings import Settings

SECONDS_MAX = 1.0
"""CPU seconds that one text may take."""

REFUSALS = (InvalidInput, NotFound, AmbiguousName, TooLarge)
"""What may come out of a parser: errors with a remedy, which the server answers with a status of 4xx."""

NOW = 1_790_000_000_000_000

# What is fed in ---------------------------------------------------------------------------------------------

any_character = st.characters(exclude_categories=())
"""Lone surrogates among them: JSON can spell what UTF-8 cannot."""

hostile = st.one_of(
    st.text(any_character, max_size=40),
    st.binary(max_size=40).map(lambda raw: raw.decode("latin-1")),
    st.builds(
        lambda unit, times: unit * times,
        st.text(any_character, min_size=1, max_size=4),
        st.integers(1, 9_000),
    ),
    st.sampled_from(
        ["", " ", "\0", "\n", "\ud800", "None", "NaN", "1e999", "9" * 5_000, "-1", "0x10", "\u0661", "\u00b2"]
    ),
)


def grammar(*words: str) -> st.SearchStrategy[str]:
    """Return texts that are nearly right: the words of a language in any order, with some noise."""
    return st.lists(st.sampled_from(words) | hostile, max_size=14).map("".join) | st.lists(
        st.sampled_from(words), max_size=40
    ).map("".join)


NAMES = ("load", "jobs", "jobs.", ".", "etl", "py", "/", "a-b", "\u00e9t\u00e9", "*")
CRON = (
    " ",
    "*",
    "/",
    "-",
    ",",
    "#",
    "?",
    "L",
    "W",
    "H",
    "R",
    "0",
    "5",
    "7",
    "31",
    "59",
    "60",
    "mon",
    "JAN",
    "@daily",
    "\t",
)
DURATION = ("1", "0", ".", "5", "s", "m", "h", "d", "w", " ", "-", "e", "inf")
INSTANT = (
    "2026",
    "-",
    "01",
    "31",
    "T",
    "24",
    ":",
    "00",
    "Z",
    "+",
    "23:59",
    ".",
    "000001",
    " ",
    "W01",
    "9999",
    "0001",
)
ZONES = (
    "Europe",
    "/",
    "Berlin",
    "UTC",
    "..",
    "GMT",
    "+5",
    "Etc",
    "posix",
    "\0",
    "localtime",
    "zone.tab",
    "tzdata.zi",
)
TYPES = tuple(f"{kind}:" for kind in triggers.TRIGGER_TYPES)
TRIGGER = (*TYPES, *NAMES, *CRON, *DURATION, *INSTANT, "tag", "batch", "[", "]", "!", "8000", "http", "?")
SELECTOR = (
    *TYPES,
    *NAMES,
    "*",
    "?",
    "[",
    "]",
    "[!",
    "a-z",
    "batch",
    "interactive",
    "job:",
    "stream",
    "timed",
    "a*",
    "*a*a",
)

good_crons = st.randoms(use_true_random=False).map(lambda draw: any_cron(draw).text)
good_instants = st.builds(
    lambda seconds, zone: datetime.fromtimestamp(seconds, zone).isoformat(),
    st.integers(-2_300_000_000, 7_300_000_000),
    st.timezones(),
)
crons = grammar(*CRON) | good_crons
instants = grammar(*INSTANT) | good_instants
durations, zones = grammar(*DURATION), grammar(*ZONES) | st.timezone_keys()
refs = (
    grammar(*NAMES)
    | st.builds("jobs.{}.{}".format, st.text(max_size=5), st.text(max_size=5))
    | st.sampled_from(["load", "etl.load", "jobs.etl.load"])
)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | hostile,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(hostile, inner, max_size=3),
    max_leaves=6,
)

JOB = {
    "engine_version": 2,
    "job_ref": "jobs.etl.load",
    "entry_point": {"module": "etl", "function": "load", "job_type": "batch", "launcher": "job"},
    "triggers": ["schedule:0 6 * * *", "job.success:jobs.etl.raw", "tag:x"],
    "default_trigger": "schedule:0 6 * * *",
    "execute": {"timeout": {"timeout": 60, "grace_period": 5}, "concurrency": 1},
    "expose": {
        "tags": ["x"],
        "manual": True,
        "display_name": "Load",
        "category": "pipeline",
        "interface": "gui",
    },
    "require": {"timezone": "Europe/Berlin", "profile": "prod", "dependency_groups": ["x"]},
    "deliver": {"pipeline_name": "p"},
    "interval": {"start": "2026-01-01", "end": "2026-06-01"},
    "freshness": ["job.is_fresh:jobs.etl.raw"],
    "refresh_propagation": "always",
    "description": "Loads.",
    "config_keys": ["day", "mode"],
    "inputs": {
        "type": "object",
        "properties": {
            "day": {"anyOf": [{"type": "string", "format": "date"}, {"type": "null"}]},
            "mode": {"enum": ["full", 1], "default": 1},
            "days": {"type": "array", "items": {"type": "integer"}},
        },
        "required": ["day"],
    },
}
RAW = {
    "engine_version": 2,
    "job_ref": "jobs.etl.raw",
    "entry_point": {"module": "etl", "function": "raw", "job_type": "batch", "launcher": "job"},
    "triggers": ["every:5m"],
}
fillings = st.one_of(
    json_values,
    *(words for words in (crons, durations, instants, zones)),
    grammar(*TRIGGER),
    st.lists(grammar(*TRIGGER) | grammar(*SELECTOR), max_size=3),
    st.integers(-1, 3),
)
extension_values = st.dictionaries(st.sampled_from(sorted(EXTENSIONS)) | hostile, fillings, max_size=3)


@st.composite
def manifests(draw: st.DrawFn) -> tuple[Any, Any, Any]:
    """Return jobs of which one or two places were overwritten, an engine version, and extensions."""
    jobs: list[Any] = json.loads(json.dumps([JOB, RAW]))
    for _ in range(draw(st.integers(0, 2))):
        table: Any = draw(
            st.sampled_from([jobs, *(each for each in jobs if isinstance(each, dict) and each)])
        )
        while True:
            key = draw(st.sampled_from(list(range(len(table))) if isinstance(table, list) else sorted(table)))
            if isinstance(table[key], dict | list) and table[key] and draw(st.booleans()):
                table = table[key]
                continue
            table[key] = draw(fillings)
            break
    engine = draw(st.just(ENGINE_VERSION) | st.integers(0, 4) | json_values)
    return jobs, engine, draw(st.dictionaries(st.sampled_from(["jobs.etl.load", "jobs.x"]), extension_values))


TOML = (
    *("[project]\n", "[tool.uv]\n", "[dependency-groups]\n", "[runtime]\n", "[[a]]\n", "[tool]\n", "[a.b]\n"),
    *(
        "name = ",
        "dependencies = ",
        "override-dependencies = ",
        "workspace_id = ",
        "api_base_url = ",
        "dev = ",
        "a.b = ",
    ),
    *(
        "project = ",
        "tool = ",
        "dependency-groups = ",
        "runtime = ",
        "uv = ",
        "include-group = ",
        "requires-python = ",
    ),
    *(
        '"x"\n',
        "5\n",
        "[]\n",
        "{}\n",
        "true\n",
        '["a>=1"]\n',
        '["a @ file:///x"]\n',
        '[{include-group = "dev"}]\n',
        "[5]\n",
    ),
    *('["-e ."]\n', "1979-05-27\n", '"""', "'", "#", "[", "]", "{", "}", "=", "\n", ".", ",", '"', "\\u0000"),
)
tomls = grammar(*TOML).map(lambda text: text.encode("utf-8", "surrogatepass")) | st.binary(max_size=60)
nested = st.builds(
    lambda sign, depth: b"a = " + sign * depth, st.sampled_from([b"[", b"{a=", b"[["]), st.integers(1, 5_000)
)

YAML = (
    "engine_version: 1\n",
    "files:\n",
    "- ",
    "relative_path: ",
    "sha3_256: ",
    "size_in_bytes: ",
    "a",
    "5",
    "\n",
    "  ",
)
yamls = grammar(*YAML, "&a ", "*a ", "!!python/object ", "{", "}", "[", "]", ": ", "? ", "|\n", "null", "~")
listings = st.lists(
    st.fixed_dictionaries(
        {"relative_path": st.text(), "sha3_256": st.text(max_size=9), "size_in_bytes": st.integers()}
    ),
    max_size=3,
).map(lambda files: json.dumps({"engine_version": 1, "files": files}))

REQUIREMENTS = {
    "engine_version": 2,
    "python_version": "3.11",
    "groups": {"main": ["a>=1"]},
    "default_groups": ["main"],
    "launcher_requirements": {"job": ["b"]},
    "dlt_version": {"name": "dlt", "version": "1.28.0"},
    "overrides": [],
}
documents = (
    st.builds(
        lambda key, value: json.dumps({**REQUIREMENTS, key: value}).encode(),
        st.sampled_from(sorted(REQUIREMENTS)),
        json_values
        | st.lists(grammar("a", ">=", "1", "[x]", ";", "@", "file:", "http://", "-r ", " ", ","), max_size=2),
    )
    | st.binary(max_size=60)
    | st.builds(lambda sign, depth: sign * depth, st.sampled_from([b"[", b'{"a":']), st.integers(1, 9_000))
)

told = (
    st.builds(
        lambda key, value: json.dumps({**trace(), key: value}).encode(),
        st.sampled_from(sorted(trace())),
        json_values | grammar(*INSTANT),
    )
    | documents
)

CODE = (
    "import dlt\n",
    "from datetime import datetime as d\n",
    "from . import a\n",
    "import ",
    "from ",
    "def f(run_context):\n ",
    "async def f(): ",
    "class A: ",
    "if a:\n ",
    "elif b: pass\n",
    "else: ",
    "try: ",
    "except ImportError: ",
    "with suppress(x): ",
    "dlt.pipeline(",
    "dev_mode=True",
    "destination=",
    '"duckdb"',
    ").run(",
    "f()",
    "d.now()",
    "d.utcnow()",
    ".replace(",
    "p = ",
    'password = "kX9-vQ2mLp7z"',
    "AKIA",
    "\\\n",
    "\r",
    "\r\n",
    "\n",
    "\n ",
    "\f",
    ";",
    ":",
    ")",
    "(",
    "[",
    "x",
    ".",
    ",",
    "=",
    " ",
    "# runyard: ignore[RY2003]",
    "# coding: hex\n",
    "# coding: latin-1\n",
    "# coding: utf-16\n",
    "\ufeff",
    "\ufb01",
    "\u2028",
    "match a:\n case ",
    "lambda: ",
    "@x\n",
    "if __name__ == '__main__': ",
    "if TYPE_CHECKING: ",
    "f'{",
    "}'",
    '"""',
)
LINES = (
    "import dlt",
    "import a.b as c, d",
    "from . import a",
    "from ..a import *",
    "from datetime import datetime as d",
    "p = dlt.pipeline('a', destination=dlt.destinations.x(), dev_mode=True)",
    "p.run([1])",
    "dlt.pipeline().extract()",
    "f()",
    "g(f())",
    "x = f() if d.now() else d(2026, 1, 1).replace(tzinfo=1)",
    "d.now().astimezone()",
    "f = lambda: f()",
    'password = "kX9-vQ2mLp7z"',
    'a["token"]: str = "kX9-vQ2mLp7z"',
    "g(api_key='9f8e7d6c5b4a3f2e', **k)",
    "'\u00e9'; d.utcnow()",
    "last_value",
    "del x",
    "pass  # runyard: ignore[RY2003]",
    "f(*a, destination='x')",
    "x = {**y, 'token': 1}",
)
HEADS = (
    "def f(run_context, *a):",
    "async def g(x=p.run()):",
    "class A:",
    "if a:",
    "try:",
    "with suppress(x):",
    "def \ufb01(): return 1\nif a:",
    "if __name__ == '__main__':",
    "if TYPE_CHECKING:",
    "for x in y:",
    "@f\ndef f():",
    "match a:\n case 1:\n  x\nif b:",
)
TAILS = ("", "except ImportError: import e", "finally: f()", "else: f()", "elif a: f()\nelse: import h")
blocks = st.recursive(
    st.sampled_from(LINES).map(lambda line: [line]),
    lambda inner: st.builds(
        lambda head, bodies, tail: [
            *head.split("\n"),
            *(f"  {line}" for body in bodies for line in body),
            *tail.split("\n"),
        ],
        st.sampled_from(HEADS),
        st.lists(inner, min_size=1, max_size=4),
        st.sampled_from(TAILS),
    ),
    max_leaves=12,
)
programs = st.builds(
    lambda first, end, parts: end.join([first, *(line for part in parts for line in part)]),
    st.sampled_from(["import dlt", "# coding: latin-1", "\ufeffimport dlt", "from datetime import *"]),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.lists(blocks, max_size=5),
)
code_files = st.one_of(
    st.one_of(programs, grammar(*CODE)).map(lambda text: text.encode("utf-8", "surrogatepass")),
    st.binary(max_size=60),
)

# What is done with it ---------------------------------------------------------------------------------------

Check: TypeAlias = Callable[[Any], None]


def read_cron(text: str) -> None:
    check_cron(text)
    schedule_in_words(text, "UTC")
    check_schedule(text, "Europe/Berlin")
    assert previous_tick(text, "Europe/Berlin", next_tick(text, "Europe/Berlin", NOW) - 1) <= NOW


def read_zone(text: str) -> None:
    check_schedule("@daily", text)
    local_text(next_tick("@daily", text, NOW), text)


def read_trigger(text: str) -> None:
    triggers.in_words(text)
    stored = triggers.parse_trigger(text)
    assert stored == text
    assert f"{stored.type}:{stored.expr}" == text


def read_written_trigger(text: str) -> None:
    for trigger in triggers.read_triggers(text):
        # What was normalised is normal, and may be stored.
        assert triggers.parse_trigger(trigger) == trigger
        assert triggers.in_words(trigger)
        if trigger.type not in triggers.AUTOMATIC:
            assert triggers.read_triggers(trigger) == triggers.read_triggers(str(trigger)) == [trigger]


def read_duration(text: str) -> None:
    period_in_words(text)
    seconds = triggers.parse_duration(text)
    assert 0 < seconds <= triggers.DURATION_MAX_SECONDS
    assert triggers.parse_duration(f"{seconds!r}" if seconds >= 1e-4 else f"{seconds:.30f}") == seconds


def read_instant(text: str) -> None:
    instant_in_words(text)
    moment = triggers.parse_instant(text)
    assert triggers.parse_instant(moment.isoformat()) == moment
    assert triggers.parse_trigger(triggers.once(text)) == triggers.once(moment)


def read_range(texts: tuple[str, str, str | None]) -> None:
    start, end, split = texts
    schedule = Cron("30 2 * * *", "Europe/Berlin")
    resolved: Range = resolve_range(IntervalSpec(start, end, split), schedule, "Europe/Berlin")
    window = run_window(schedule, resolved, None, NOW)
    assert window is not None
    assert resolved.start == window.start


JOBS: tuple[JobDefinition, ...] = tuple(
    parse_job({**JOB, "job_ref": f"jobs.etl.{name}"}) for name in ("load", "raw", "a" * 200)
)


def read_selector(text: str) -> None:
    for picked in select(JOBS, [text]):
        assert picked.trigger


def read_event_selector(text: str) -> None:
    trigger = triggers.parse_trigger(f"job.success:{text}")
    follower = replace(JOBS[0], job_ref="jobs.etl.after", triggers=(trigger,))
    expanded, _ = expand_event_triggers([*JOBS, follower])
    assert len(expanded) == len(JOBS) + 1


def read_ref(text: str) -> None:
    job_refs.resolve(text, ["jobs.etl.load", "jobs.load"])
    section, name = job_refs.parse_ref(text)
    assert text == (f"jobs.{section}.{name}" if section else f"jobs.{name}")


def read_manifest(parts: tuple[Any, Any, Any]) -> None:
    jobs, engine, extensions = parts
    warned: list[str] = []
    accepted = validate_manifest(jobs, engine, extensions, check=lambda job: warned.extend(check_times(job)))
    expand_event_triggers(accepted)
    every = {job.job_ref: replace(facts_of("tag:x"), job_id=job.job_ref, definition=job) for job in accepted}
    for facts in every.values():
        definition_hash(facts.definition.wire)
        # What was accepted can be stored, also beside others, and be said.
        json.dumps(dict(facts.definition.extensions), allow_nan=False)
        in_words(facts.definition.inputs or {})
        parameters_in('{"day": "2026-01-01"}', facts.definition)
        _plan(facts, every)


def _plan(facts: JobFacts, every: dict[str, JobFacts]) -> None:
    """What was accepted can be planned: nothing that is deployed may stop the scheduler."""
    due = due_after(facts, NOW)
    if due is not None:
        plan([replace(facts, next_due_at=due)], every, due + 1)
    for _, schedule in facts.timed:
        upcoming(schedule, anchor=facts.anchor_at, now=NOW)
        latest_due(schedule, anchor=facts.anchor_at, now=NOW)
        next_due(schedule, anchor=facts.anchor_at, last_due=None, now=NOW)


@contextmanager
def a_workspace() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / ".dlt").mkdir()
        yield root


def read_settings(document: bytes) -> None:
    with a_workspace() as root:
        (root / ".dlt" / "config.toml").write_bytes(document)
        workspace.read_connection(root)
        workspace.write_workspace_id(root, "w")
        assert workspace.read_connection(root).workspace_id == "w"
        (root / ".dlt" / "config.toml").write_bytes(document)
        before = workspace.read_settings(root, "config.toml")
        workspace.write_workspace_id(root, "w")
        after = workspace.read_settings(root, "config.toml")
        after["runtime"].pop("workspace_id")
        before.setdefault("runtime", {}).pop("workspace_id", None)
        assert str(after) == str(before)


def read_pyproject(document: bytes) -> None:
    with a_workspace() as root:
        (root / "pyproject.toml").write_bytes(document)
        project_name(root)
        exported = requirements.export(
            root, python_version="3.11", processes=SystemProcesses(), uv=None, env={}
        )
        document = requirements.render(exported)
        assert requirements.render(requirements.parse(document)) == document


def write_pyproject(document: bytes) -> None:
    with a_workspace() as root:
        (root / "pyproject.toml").write_bytes(document)
        _write_pyproject(root / "pyproject.toml")
        tomllib.loads((root / "pyproject.toml").read_text("utf-8"))


def read_requirements(document: bytes) -> None:
    parsed = requirements.parse(document)
    assert requirements.parse(requirements.render(parsed)) == parsed
    requirements.requirements_for(parsed, [], "job")


def read_told_trace(document: bytes) -> None:
    read_trace(document)


def read_listing(text: str) -> None:
    _parse_listing(text.encode("utf-8", "surrogatepass"))


def read_code_file(content: bytes) -> None:
    """Each check of a file finds what it finds, at lines that the file has."""
    source = parse("etl.py", "etl", content)
    if isinstance(source, Finding):
        raise InvalidInput(source.cause, source.remedy)
    leaks = leaked_secrets.find(source.text, source)
    guard = main_guard.check(source)
    found = [
        *([guard] if guard else ()),
        *at_import.check(source),
        *dev_mode.check(source, as_script=True),
        *naive_times.check(source),
        *leaked_secrets.findings(source.path, source.text, leaks),
        *imports.check(
            {"etl": source},
            [imports.Reach("jobs.etl.load", {"etl"}, {"dlt"})],
            left_out=(),
            ours=(),
            distribution_of=str,
            groups_with=lambda _: (),
        ),
    ]
    list(destinations.named_in(source))
    for one in found:
        assert one.line is not None
        assert one.column is None or 1 <= one.column <= len(source.lines[one.line - 1]) + 1
        assert not any(leak.value in (one.excerpt or "") for leak in leaks) or one.code != Code.SECRET_IN_CODE


def read_profile(text: str) -> None:
    profiles.profile_of(text)
    profiles.is_uploaded(text)


def read_address(text: str) -> None:
    assert origin_of(origin_of(text)) == origin_of(text)


def read_environment(variable: tuple[str, str]) -> None:
    Settings.from_environment(dict([variable]))


@dataclass(frozen=True)
class Parser:
    """What reads, what it is fed, and what has to hold."""

    feed: st.SearchStrategy[Any]
    check: Check


PARSERS = {
    "cron": Parser(crons, read_cron),
    "zone": Parser(zones, read_zone),
    "trigger": Parser(grammar(*TRIGGER), read_trigger),
    "written-trigger": Parser(grammar(*TRIGGER), read_written_trigger),
    "duration": Parser(durations, read_duration),
    "instant": Parser(instants, read_instant),
    "range": Parser(st.tuples(instants, instants, st.none() | durations | crons), read_range),
    "selector": Parser(grammar(*SELECTOR), read_selector),
    "event-selector": Parser(grammar(*SELECTOR), read_event_selector),
    "ref": Parser(refs, read_ref),
    "manifest": Parser(manifests(), read_manifest),
    "settings-file": Parser(tomls | nested, read_settings),
    "project-file": Parser(tomls | nested, read_pyproject),
    "extended-project": Parser(tomls | nested, write_pyproject),
    "trace": Parser(told, read_told_trace),
    "requirements": Parser(documents, read_requirements),
    "listing": Parser(yamls | listings, read_listing),
    "code-file": Parser(code_files, read_code_file),
    "profile": Parser(grammar("prod", ".", "config", "secrets", ".toml", "/", "dev"), read_profile),
    "address": Parser(
        grammar("http://", "https://", "localhost", ":", "80", "/", "@", "[::1]", "[", "]", "?", "#"),
        read_address,
    ),
    "environment": Parser(
        st.tuples(
            st.sampled_from(
                [
                    "RUNYARD_PORT",
                    "RUNYARD_PUBLIC_URL",
                    "RUNYARD_HOST",
                    "RUNYARD_APPS_HOST",
                    "RUNYARD_MIN_EVERY_SECONDS",
                ]
            ),
            grammar("80", ".", "http://", "localhost", "1", "-", ":", "/", "inf", "nan", "["),
        ),
        read_environment,
    ),
}


def one_round(parser: Parser, seed: int, examples: int) -> int:
    """Return how many of the texts were accepted. Raises: what a parser should not have raised."""
    accepted = 0

    @hypothesis.seed(seed)
    @hypothesis.settings(
        max_examples=examples,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.explicit, Phase.generate, Phase.shrink],
    )
    @given(parser.feed)
    def feed(value: Any) -> None:
        nonlocal accepted
        began = time.process_time()
        try:
            parser.check(value)
        except REFUSALS:
            pass
        else:
            accepted += 1
        taken = time.process_time() - began
        assert taken < SECONDS_MAX, f"took {taken:.1f} s"

    feed()
    return accepted


def main() -> int:
    seconds = float(os.environ.get("FUZZ_SECONDS", "600"))
    deadline = time.monotonic() + seconds
    first = seed = int(os.environ.get("FUZZ_SEED", random.SystemRandom().randrange(2**32)))
    examples, total, accepted = 300, dict.fromkeys(PARSERS, 0), dict.fromkeys(PARSERS, 0)
    while time.monotonic() < deadline:
        for name, parser in PARSERS.items():
            accepted[name] += one_round(parser, seed, examples)
            total[name] += examples
        seed += 1
    for name in PARSERS:
        sys.stdout.write(f"{name}: {total[name]} texts, {accepted[name]} accepted\n")
    sys.stdout.write(f"{sum(total.values())} texts, seeds {first} to {seed - 1}, nothing but refusals\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
