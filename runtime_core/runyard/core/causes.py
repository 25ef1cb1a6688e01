"""Why a run most likely failed, from how it ended and what it printed last; and the lines that say so.

Pure. A cause is a guess from a catalogue of what usually goes wrong, each with what to do about it; the reason of the
run is what is known for certain. Reading a log is left to who asks: `runyard_server.client.diagnosis`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import dropwhile, islice

from runyard.core.checks.imports import DISTRIBUTIONS
from runyard.core.checks.main_guard import NOTHING_EXECUTED
from runyard.core.runs import Reason

LINES_LOOKED_AT = 200
"""Lines at the end of a log in which causes are sought: what dlt says of missing settings takes fifty."""

CAUSES_MAX = 3
"""More guesses than that help nobody."""

KEYS_NAMED = 5
"""Missing settings that are named; credentials have about four."""

ERROR_LINES_MAX = 8
"""Of an error's message: what was wrong, not all rows that were."""

ERROR_CHARACTERS_MAX = 800
"""Of an error that is shown in a list."""

TRACEBACK = "Traceback (most recent call last)"


class CauseCode(StrEnum):
    """Names of causes, for good. Each is explained in `docs/check.md`."""

    TIMEOUT = "RY3001"
    OUT_OF_MEMORY = "RY3002"
    KILLED = "RY3003"
    LOST = "RY3004"
    INSTALL_FAILED = "RY3005"
    MISSING_MODULE = "RY3006"
    MISSING_SETTING = "RY3007"
    NOTHING_EXECUTED = "RY3008"
    SYNTAX = "RY3009"
    NAIVE_TIME = "RY3010"
    PORT_IN_USE = "RY3011"
    DISK_FULL = "RY3012"
    NOT_PERMITTED = "RY3013"
    CREDENTIALS_REFUSED = "RY3014"
    UNREACHABLE = "RY3015"
    FILE_LOCKED = "RY3016"


@dataclass(frozen=True, slots=True)
class Cause:
    """A likely cause: a sentence, and what to do."""

    code: CauseCode
    cause: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Launch:
    """What a run was started with; `timeout_seconds` None means that nothing limited it."""

    module: str
    profile: str
    timeout_seconds: float | None


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a log: `stream` is O, E or S, for stdout, stderr and the supervisor's own words."""

    stream: str
    text: str


def read_lines(body: bytes) -> list[Line]:
    """Return the lines of a log as the server sends them: `E1700000000000`, a tab, the text."""
    records = (record.partition("\t") for record in body.decode("utf-8", "replace").split("\n"))
    return [Line(stamp[:1], text) for stamp, tab, text in records if tab]


def last_error(lines: Iterable[Line]) -> str:
    """Return what stderr says last: the error that a traceback ends with, else its last line, else nothing."""
    said = [text for line in lines if line.stream == "E" and (text := line.text.rstrip())]
    tracebacks = [number for number, text in enumerate(said) if text.startswith(TRACEBACK)]
    if tracebacks:
        # The first line that is not indented names the error, and its message may have further ones.
        error = dropwhile(lambda text: text[0].isspace(), said[tracebacks[-1] + 1 :])
        said = list(islice(error, ERROR_LINES_MAX))
    else:
        said = said[-1:]
    return "\n".join(said)[:ERROR_CHARACTERS_MAX]


def likely_causes(
    reason: str | None, exit_code: int | None, lines: Sequence[Line], launch: Launch
) -> list[Cause]:
    """Return what most likely went wrong, the most certain first; nothing if nothing is recognised.

    `lines` are the last of the log, oldest first. A run that completed has a cause too if nothing was executed.
    Source: TRB-04 to TRB-07, TRB-10.
    """
    text = "\n".join(line.text for line in lines[-LINES_LOOKED_AT:])
    found = [
        *_by_reason(reason, exit_code, launch),
        *(cause for recognise in _RECOGNISED for cause in recognise(text, launch)),
    ]
    return list(dict.fromkeys(found))[:CAUSES_MAX]


def _by_reason(reason: str | None, exit_code: int | None, launch: Launch) -> Iterator[Cause]:
    """Yield what the end of a run says by itself."""
    match reason:
        case Reason.TIMEOUT:
            limit = _in_words(launch.timeout_seconds)
            yield Cause(
                CauseCode.TIMEOUT,
                f"It took longer than it may: the limit of this job is {limit}.",
                'Raise it with `execute={"timeout": "4h"}` on the job, or give it less to do at once: a shorter '
                "`split` of its interval.",
            )
        case Reason.OOM:
            yield _OUT_OF_MEMORY
        case Reason.KILLED:
            yield Cause(
                CauseCode.KILLED,
                "Something outside killed the process; mostly that is the system, when memory runs out.",
                "Look into `dmesg` of the machine. Load in smaller parts, or on a machine with more memory.",
            )
        case Reason.LOST:
            yield Cause(
                CauseCode.LOST,
                "The process and its supervisor vanished at once: the machine went down, or somebody killed both.",
                "Run it again; its window is still open. If it happens again, look into `dmesg` of the machine.",
            )
        case Reason.DEPENDENCY_INSTALL_FAILED:
            yield Cause(
                CauseCode.INSTALL_FAILED,
                "What pyproject.toml declares cannot be installed on the server.",
                "The installer's words are at the beginning of the log. Correct the requirement they name, run "
                "`uv lock`, and deploy again.",
            )
    # 128 + SIGKILL: how a shell says that its child was killed.
    if exit_code == 137:
        yield _OUT_OF_MEMORY


_OUT_OF_MEMORY = Cause(
    CauseCode.OUT_OF_MEMORY,
    "It ran out of memory.",
    "Read in smaller parts, for example a shorter `split` of the interval or pages of the source, or give it a machine "
    "with more memory.",
)


def _missing_module(text: str, _launch: Launch) -> Iterator[Cause]:
    """Source: TRB-05."""
    extra = re.search(
        r"You must install additional dependencies to run .+?pip install \"?([\w.\[\],-]+)\"?", text, re.S
    )
    name = re.search(r"ModuleNotFoundError: No module named '([^']+)'", text)
    if extra:
        wanted = extra[1]
        yield Cause(
            CauseCode.MISSING_MODULE,
            f"The package `{wanted}` is not installed where the run was.",
            f"Declare it in `pyproject.toml`: `uv add '{wanted}'`. Then deploy again.",
        )
    elif name:
        top = name[1].partition(".")[0]
        distribution = DISTRIBUTIONS.get(top, top.replace("_", "-"))
        yield Cause(
            CauseCode.MISSING_MODULE,
            f"The module `{name[1]}` is not there: no declared dependency provides it.",
            f"Add it to `pyproject.toml`: `uv add {distribution}`. If it is a file of yours, `.gitignore` may keep it "
            "at home. `runyard check` finds this before a deploy.",
        )


def _missing_setting(text: str, launch: Launch) -> Iterator[Cause]:
    """Source: TRB-06."""
    keys: list[str] = []
    at_start = ""
    for field in re.finditer(r"for field `\w+` the following .*:\n((?:\s+\(.+\)\n?)+)", text):
        # The first place that was tried is the most precise one; of the environment it is written in capitals.
        first = re.search(r"\([^,()]+, ([\w.]+)\)", field[1])
        if first:
            keys.append(first[1].lower().replace("__", "."))
    if ours := re.search(r"InvalidInput: (`[\w.]+` has no value(?:, nor has `[\w.]+`)*)\.", text):
        inputs = re.findall(r"`([\w.]+)`", ours[1])
        at_start = f"For one run, give `-c {inputs[0].rpartition('.')[2]}=...` to its start. "
        keys += inputs
    keys = list(dict.fromkeys(keys))
    if not keys and "ConfigFieldMissingException" not in text:
        return
    named = ", ".join(f"`{key}`" for key in keys[:KEYS_NAMED]) or "a setting"
    more = f" and {len(keys) - KEYS_NAMED} more" if len(keys) > KEYS_NAMED else ""
    profile = launch.profile
    yield Cause(
        CauseCode.MISSING_SETTING,
        f"Profile `{profile}` has no value for {named}{more}.",
        f"{at_start}Put it into `.dlt/{profile}.secrets.toml`, or `.dlt/{profile}.config.toml` if it is no secret, and "
        "`runyard deploy`. What is only in `dev` files stays on your machine.",
    )


def _nothing_executed(text: str, launch: Launch) -> Iterator[Cause]:
    """Source: TRB-07."""
    if re.search(f"^{NOTHING_EXECUTED}", text, re.M):
        yield Cause(
            CauseCode.NOTHING_EXECUTED,
            f"Nothing was executed: `{launch.module}` only defines functions.",
            'End the file with `if __name__ == "__main__":` and a call, or deploy a function: decorate it with '
            "`@run.job`.",
        )


def _pattern(
    code: CauseCode, pattern: str, cause: str, remedy: str
) -> Callable[[str, Launch], Iterator[Cause]]:
    """Return what recognises a cause by one pattern; groups of it may be named in the texts."""
    compiled = re.compile(pattern, re.M)

    def recognise(text: str, _launch: Launch) -> Iterator[Cause]:
        if found := compiled.search(text):
            names = {name: value or "" for name, value in found.groupdict().items()}
            yield Cause(code, cause.format(**names), remedy.format(**names))

    return recognise


def _memory(text: str, _launch: Launch) -> Iterator[Cause]:
    if re.search(r"^MemoryError|std::bad_alloc|Cannot allocate memory|Out of Memory Error", text, re.M):
        yield _OUT_OF_MEMORY


_RECOGNISED: tuple[Callable[[str, Launch], Iterator[Cause]], ...] = (
    _nothing_executed,
    _missing_setting,
    _missing_module,
    _memory,
    _pattern(
        CauseCode.SYNTAX,
        r"^(?P<kind>SyntaxError|IndentationError|TabError): ",
        "A file of the deployment is no valid Python ({kind}).",
        "Correct the line that the log names. `runyard check` finds this before a deploy.",
    ),
    _pattern(
        CauseCode.NAIVE_TIME,
        r"can't (?:compare|subtract) offset-naive and offset-aware datetimes",
        "A time without a timezone meets the end of a window, which has one.",
        "Use `datetime.now(UTC)`, and give `tzinfo=UTC` to those you write down. `runyard check` names the lines.",
    ),
    _pattern(
        CauseCode.DISK_FULL,
        r"No space left on device|Errno 28\b|Disk quota exceeded|database or disk is full",
        "The disk of the server is full.",
        "Make room there, or let the job write less: it may keep files of earlier runs.",
    ),
    _pattern(
        CauseCode.PORT_IN_USE,
        r"Address already in use|Errno 98\b|address in use",
        "The port it wanted to listen on is taken.",
        "Listen on the port that the run is given, not on a fixed one; what a function returns is served there.",
    ),
    _pattern(
        CauseCode.FILE_LOCKED,
        r"Could not set lock on file|database is locked|Conflicting lock is held",
        "Another process has the database file open.",
        "Let jobs write in turns: one job, `concurrency` 1, or a lock around the connection. Close it elsewhere.",
    ),
    _pattern(
        CauseCode.CREDENTIALS_REFUSED,
        r"password authentication failed|[Aa]uthentication failed|Access denied for user|Login failed for user|"
        r"InvalidAccessKeyId|SignatureDoesNotMatch|InvalidClientTokenId|Incorrect username or password|"
        r"\b401\b.{0,40}Unauthorized|\b403\b.{0,40}Forbidden|invalid_grant|Invalid API key",
        "A destination or source refused the credentials of this run.",
        "Compare them with those that work for you: `runyard check` shows `dev` and `prod` side by side.",
    ),
    _pattern(
        CauseCode.UNREACHABLE,
        r"Connection refused|Errno 111\b|could not translate host name|Name or service not known|getaddrinfo failed|"
        r"Temporary failure in name resolution|No route to host|[Cc]onnection timed out|Max retries exceeded",
        "A host that it needs cannot be reached from the server.",
        "Check host and port in the settings of this profile. `localhost` means the server there, not your machine.",
    ),
    _pattern(
        CauseCode.NOT_PERMITTED,
        r"^PermissionError: .|Permission denied|Errno 13\b",
        "The job may not do what it tried on the machine of the server.",
        "Write under the directory of the run, or under `RUNYARD_DATA_DIR`, which is there for every run.",
    ),
)


def _in_words(seconds: float | None) -> str:
    if seconds is None:
        return "none"
    for unit, size in (("hour", 3600), ("minute", 60)):
        if seconds >= size and seconds % size == 0:
            number = int(seconds // size)
            return f"{number} {unit}{'s' if number > 1 else ''}"
    return f"{seconds:g} second{'' if seconds == 1 else 's'}"
