"""What happens to the words of a command line before they are parsed. Pure: texts in, texts out.

Options that every command has may stand anywhere (they are moved to the front), and older spellings of
commands become the present ones. After `--` nothing is touched: a job may be called like a command (CLI-41).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

FLAGS = frozenset(
    {
        *("--json", "--verbose", "--quiet", "--no-color", "--yes", "--non-interactive", "--timestamps"),
        *("--debug", "--version"),
    }
)
"""Options of every command that take no value."""

WITH_VALUE = ("--server", "--workspace")
"""Options of every command that take one."""

_SHORT_FLAGS = re.compile(r"-[vqy]+")

OLDER_PREFIX = "runtime"
"""The group that the commands once stood under (CLI-40)."""

ALIASES: Mapping[tuple[str, ...], tuple[str, ...]] = {
    ("launch",): ("run",),
    ("trigger",): ("job", "trigger"),
    ("cancel",): ("job", "cancel"),
    ("logs",): ("job", "logs"),
    ("job-run",): ("job", "runs"),
    ("run-pipeline",): ("pipeline", "run"),
    ("info",): ("workspace", "info"),
    ("workspace", "switch"): ("workspace", "connect"),
}
"""Older spellings by their first words (section 2 of the specification)."""

VERBS_LAST: Mapping[tuple[str, ...], frozenset[str]] = {
    ("job", "runs"): frozenset({"info", "logs", "cancel"}),
    ("job",): frozenset({"list", "info"}),
}
"""Groups in which the name may stand before the verb, as in `job NAME info`, and those verbs."""


def normalise(words: Sequence[str], commands: Mapping[tuple[str, ...], frozenset[str]]) -> list[str]:
    """Return the words as the parser wants them; `commands` are the subcommands of each group.

    Source: CLI-40, CLI-41, and the alias column of CLI-03 to CLI-21.
    """
    words = list(words)
    end = words.index("--") if "--" in words else len(words)
    globals_, rest = _hoist(words[:end])
    return [*globals_, *_canonical(rest, commands), *words[end:]]


def _hoist(words: Sequence[str]) -> tuple[list[str], list[str]]:
    first: list[str] = []
    rest: list[str] = []
    remaining = iter(words)
    for word in remaining:
        if (
            word in FLAGS
            or _SHORT_FLAGS.fullmatch(word)
            or word.startswith(tuple(f"{n}=" for n in WITH_VALUE))
        ):
            first.append(word)
        elif word in WITH_VALUE:
            first += [word, *([value] if (value := next(remaining, None)) is not None else [])]
        else:
            rest.append(word)
    return first, rest


def _canonical(words: list[str], commands: Mapping[tuple[str, ...], frozenset[str]]) -> list[str]:
    if words[:1] == [OLDER_PREFIX]:
        words = words[1:]
    for old, new in ALIASES.items():
        if tuple(words[: len(old)]) == old:
            words = [*new, *words[len(old) :]]
            break
    for group, verbs in VERBS_LAST.items():
        size = len(group)
        if tuple(words[:size]) != group or len(words) < size + 2:
            continue
        name, *after = words[size:]
        is_name = not name.startswith("-") and name not in commands[group]
        for place, word in enumerate(after):
            if is_name and word in verbs:
                return [*group, word, name, *after[:place], *after[place + 1 :]]
        break
    return words
