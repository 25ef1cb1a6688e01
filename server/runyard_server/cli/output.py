"""How things look: the result on stdout, everything else on stderr; colours only on terminals.

With `--json` stdout carries one JSON document and nothing besides (CLI-45). Times are relative unless
timestamps are asked for (CLI-47).
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, is_dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from rich import box
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from runyard.core import time_words
from runyard.core.errors import RunyardError
from runyard_server.cli import times
from runyard_server.client import LogLine

PIPE_COLUMNS = 250
"""Width when stdout is no terminal: wide enough that no cell of ours is cut for `grep`."""

READABLE_COLUMNS = 100
"""Width of a picture when stdout is no terminal: nobody greps in it, and it should fit into a page."""

STYLES: Mapping[str, str] = {
    "pending": "yellow",
    "starting": "yellow",
    "running": "cyan",
    "cancelling": "yellow",
    "completed": "green",
    "failed": "bold red",
    "cancelled": "magenta",
    "added": "green",
    "updated": "yellow",
    "unchanged": "dim",
    "archived": "magenta",
    "triggered": "green",
}
"""Colour of a word that says how something is; the word always stands there too."""


class Output:
    """Writes what a command has to say."""

    def __init__(
        self, *, as_json: bool = False, quiet: bool = False, color: bool = True, timestamps: bool = False
    ) -> None:
        self.as_json, self.quiet, self.timestamps = as_json, quiet, timestamps
        width = None if sys.stdout.isatty() else PIPE_COLUMNS
        self._out = Console(no_color=not color or None, highlight=False, width=width)
        self._err = Console(no_color=not color or None, highlight=False, stderr=True, soft_wrap=True)

    # The result, on stdout ---------------------------------------------------------------------------

    def result(self, document: Any, *shown: RenderableType) -> None:
        """Write the result of a command: the document with `--json`, else what is to be shown."""
        if self.as_json:
            self.json(document)
            return
        with self._out.capture() as capture:
            for item in shown:
                self._out.print(item, markup=False)
        text = capture.get()
        if not self._out.is_terminal:  # nobody wants the spaces that fill up a table in a file
            text = "".join(f"{line.rstrip()}\n" for line in text.splitlines())
        self.raw(text)

    def json(self, document: Any) -> None:
        """Write the one JSON document."""
        sys.stdout.write(f"{json.dumps(document, default=_plain, indent=2, ensure_ascii=False)}\n")
        sys.stdout.flush()  # whoever reads a pipe waits for it while we go on serving

    def raw(self, text: str) -> None:
        """Write a text as it is, unless a JSON document is to stand alone."""
        if not self.as_json:
            sys.stdout.write(text)
            sys.stdout.flush()

    def log(self, lines: Iterable[LogLine]) -> None:
        """Write lines of a log as they come; with `--json` as one array that grows."""
        separator = "[\n"
        for line in lines:
            if self.as_json:
                sys.stdout.write(f"{separator}{json.dumps(asdict(line), default=_plain, ensure_ascii=False)}")
                separator = ",\n"
            else:
                sys.stdout.write(f"{self._line(line)}\n")
            sys.stdout.flush()
        if self.as_json:
            sys.stdout.write("[]\n" if separator == "[\n" else "\n]\n")

    def log_beside(self, line: LogLine) -> None:
        """Write a line of a log that is not itself the result: beside the JSON document, if there is one."""
        print(self._line(line), file=sys.stderr if self.as_json else sys.stdout, flush=True)

    def _line(self, line: LogLine) -> str:
        return f"{line.at.isoformat()} {line.text}" if self.timestamps else line.text

    # Everything else, on stderr ----------------------------------------------------------------------

    def note(self, text: str, style: str = "") -> None:
        """Say what is going on; `--quiet` does not."""
        if not self.quiet:
            self._err.print(Text(text, style))

    def warn(self, text: str) -> None:
        self._err.print(Text("Warning: ", "yellow").append(text, "default"))

    def error(self, error: RunyardError) -> None:
        """Say what is wrong, what to do instead, and the single reasons, indented."""
        self._err.print(Text("Error: ", "bold red").append(error.cause, "default"))
        for reason in error.reasons:
            for line in reason.rstrip().splitlines():
                self._err.print(Text(f"  {line}"))
        if error.remedy:
            self._err.print(Text(error.remedy))
        self.error_document(error)

    def error_document(self, error: RunyardError) -> None:
        """Write what is wrong for a program to read, if one does."""
        if self.as_json:
            facts = {
                "code": error.code,
                "cause": error.cause,
                "remedy": error.remedy,
                "reasons": error.reasons,
            }
            self.json({"error": facts})

    # Words -------------------------------------------------------------------------------------------

    def time(self, moment: datetime | None) -> str:
        """Return an instant in words, relative to now unless timestamps are wanted."""
        if moment is None:
            return "-"
        if self.timestamps:
            return moment.isoformat()
        distance = (moment - datetime.now(UTC)).total_seconds()
        words = short_duration(abs(distance))
        return f"in {words}" if distance > 0 else f"{words} ago"

    def moment(self, at: datetime, zone: tzinfo) -> str:
        """Return an instant as clocks in a zone show it: what comes is said by its date, what was by its distance."""
        if self.timestamps:
            return at.astimezone(zone).isoformat()
        return time_words.moment(at, zone, times.now())

    def by_both(self, at: datetime, theirs: ZoneInfo) -> str:
        """Return an instant by the clocks of who looks and, where they are of another zone, by a job's (TZ-06)."""
        mine = times.viewer_zone()
        said = f"{self.moment(at, mine)} your time ({mine.key})"
        return (
            said
            if times.same_zone(mine.key, theirs.key)
            else f"{said}, {self.moment(at, theirs)} in {theirs.key}"
        )

    @property
    def width(self) -> int:
        """Return how many columns a result may take."""
        return self._out.width if self._out.is_terminal else READABLE_COLUMNS

    def duration(self, seconds: float | None) -> str:
        if seconds is None:
            return "-"
        return f"{timedelta(seconds=seconds)}" if self.timestamps else short_duration(seconds)


def short_duration(seconds: float) -> str:
    """Return a length of time with the one or two units that matter."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    for unit, size, below, fraction in (("d", 86400, "h", 3600), ("h", 3600, "min", 60), ("min", 60, "s", 1)):
        if whole >= size:
            rest = whole % size // fraction
            return f"{whole // size} {unit} {rest} {below}" if rest else f"{whole // size} {unit}"
    return f"{whole} s"


def counted(number: int, noun: str, plural: str | None = None) -> str:
    """Return so many of something, as in `1 run` and `1,000 runs`."""
    return f"{number:,} {noun if number == 1 else plural or f'{noun}s'}"


def cut(text: str, columns: int) -> str:
    """Return a text, or so much of it as fits into a column."""
    return text if len(text) <= columns else f"{text[: columns - 1]}…"


def status(word: str, note: str | None = None) -> Text:
    """Return a status in its colour, with a remark."""
    shown = Text(word, STYLES.get(word, ""))
    return shown.append(f" ({note})", "dim") if note else shown


def table(*columns: str, rows: Iterable[Sequence[Text | str]]) -> Table:
    """Return rows under their headings."""
    made = Table(box=box.SIMPLE_HEAD, header_style="bold", pad_edge=False, show_edge=False)
    for column in columns:
        made.add_column(column, overflow="fold")
    for row in rows:
        made.add_row(*(Text(cell) if isinstance(cell, str) else cell for cell in row))
    return made


def facts(pairs: Iterable[tuple[str, Text | str | None]]) -> Table:
    """Return names and values of one thing, one under the other; what has no value is left out."""
    made = Table(box=None, show_header=False, pad_edge=False)
    made.add_column(style="dim")
    made.add_column(overflow="fold")
    for name, value in pairs:
        if value not in (None, ""):
            made.add_row(name, Text(value) if isinstance(value, str) else value)
    return made


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    return list(value)
