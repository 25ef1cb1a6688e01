"""Secrets written into files that are deployed. What is found is never shown: only its kind and its place.

Precise rather than complete: forms that nothing else has, and values that look random under names that say what they
are. A line that is right can say `# runyard: ignore[RY2006]`.
"""

from __future__ import annotations

import ast
import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from runyard.core.checks.finding import Code, Finding, Severity, Source

HIDDEN = "•••"
"""What stands where a secret was."""

FORMS: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (kind, re.compile(re.sub(r"^\\b(\[\w+\]|\w)", r"\1(?<!\\w\1)", pattern)))
    for kind, pattern in (
        ("A private key", r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY(?: BLOCK)?-----"),
        ("An AWS access key", r"\bA[KS]IA[A-Z2-7]{16}\b"),
        ("A Google API key", r"\bAIza[\w-]{35}\b"),
        ("An Azure storage key", r"AccountKey=[A-Za-z0-9+/]{80,}={0,2}"),
        ("A GitHub token", r"\bg(?:h[pousr]_[A-Za-z0-9]{36,}|ithub_pat_\w{22,})"),
        ("A GitLab token", r"\bglpat-[\w-]{20,}"),
        ("A Slack token", r"\bxox[abeprs]-[A-Za-z0-9-]{10,}"),
        ("A Stripe key", r"\b[rs]k_live_[A-Za-z0-9]{20,}"),
        ("An Anthropic key", r"\bsk-ant-[\w-]{20,}"),
        ("An OpenAI key", r"\bsk-(?:proj-|svcacct-)?[A-Za-z0-9_-]{40,}"),
        ("A Hugging Face token", r"\bhf_[A-Za-z0-9]{30,}"),
        ("A Databricks token", r"\bdapi[0-9a-f]{32}\b"),
        ("A PyPI token", r"\bpypi-AgE[\w-]{40,}"),
        ("An npm token", r"\bnpm_[A-Za-z0-9]{36}\b"),
        ("A SendGrid key", r"\bSG\.[\w-]{22}\.[\w-]{43}\b"),
        ("A runyard or dltHub key", r"\bdlt_[a-z]_[\w-]{20,}"),
        ("A signed web token", r"\beyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{20,}"),
        (
            "A password in an address",
            # Without the scheme in front, so that the search leaps from one `://` to the next.
            (
                r"://[^\s:/@{}<>\[\]'\"]*:"
                # Not where something is to be put in, nor in a pattern.
                r"(?!(?:password|passwd|changeme|placeholder|\.+|\[[^\s\[\]]*\])@|[^\s/@]*\[\^)[^\s/@{}<>'\"*]{6,}@"
                # What only this machine answers to is no secret of anybody, and nobody answers to the others.
                r"(?!localhost|127\.|\[::1|(?:[\w-]+\.)*example\.(?:com|net|org)(?!\.?[\w-]))"
            ),
        ),
    )
)
"""Kinds of secrets, each by a form of its own.

Where a word has to begin is asked behind its first letter, so that the search leaps from one such letter to the next.
"""

TELLING_NAME = re.compile(
    r"(?:^|_)(?:password|passwd|pwd|secret|client_secret|api_?key|access_?key|secret_?key|private_?key|"
    r"(?:auth|access|api|bearer)_?token|token)$",
    re.IGNORECASE,
)

LENGTH_MIN = 12
"""Characters; what is shorter and random is as often an abbreviation."""

ENTROPY_MIN = 3.0
"""Bits per character: English words have about 2.5 to 3 in texts of this length, random ones above 3.2."""

_PLAIN = re.compile(r"[A-Za-z_.\-]+|[A-Z0-9_]+|.*[\s{}<>$].*|https?://.*|\.{0,2}/.*", re.DOTALL)
"""Values that are names, templates, addresses and paths."""


@dataclass(frozen=True, slots=True)
class Leak:
    """A secret: `line` and `column` count from 1, `value` is for hiding it and nothing else."""

    kind: str
    line: int
    column: int
    value: str = field(repr=False)


def find(text: str, source: Source | None = None) -> list[Leak]:
    """Return the secrets of a file; those that only their name tells are found in Python."""
    found: list[Leak] = []
    taken: list[tuple[int, int]] = []
    for kind, form in FORMS:
        for match in form.finditer(text):
            start, end = match.span()
            if not any(start < other_end and other_start < end for other_start, other_end in taken):
                taken.append((start, end))
                line_start = text.rfind("\n", 0, start) + 1
                found.append(Leak(kind, text.count("\n", 0, start) + 1, start - line_start + 1, match[0]))
    if source is not None:
        known = {leak.line for leak in found}
        found += [leak for leak in _told_by_name(source) if leak.line not in known]
    return sorted(found, key=lambda leak: (leak.line, leak.column))


def findings(path: str, text: str, leaks: Iterable[Leak]) -> Iterator[Finding]:
    """Yield what is to be said of the secrets of one file."""
    lines = text.split("\n")
    for leak in leaks:
        line = hide(lines[leak.line - 1].rstrip(), [leak.value])
        column = line.find(HIDDEN) + 1
        yield Finding(
            Code.SECRET_IN_CODE,
            Severity.WARNING,
            f"{leak.kind} is written here.",
            "Whoever can read the code has it, and so has every version that is deployed or kept by git.",
            "Make it invalid where it was issued, and put its successor into `.dlt/prod.secrets.toml`.",
            file=path,
            line=leak.line,
            column=column or None,
            end_column=column + len(HIDDEN) if column else None,
            excerpt=line,
        )


def hide(text: str, values: Iterable[str]) -> str:
    """Return a text without these values, the longest taken out first: one may be part of another."""
    for value in sorted(values, key=len, reverse=True):
        text = text.replace(value, HIDDEN)
    return text


def _told_by_name(source: Source) -> Iterator[Leak]:
    for node in source.nodes(ast.Assign, ast.AnnAssign, ast.keyword, ast.Dict):
        pairs: list[tuple[str | None, ast.expr | None]] = []
        match node:
            case ast.Assign():
                pairs = [(_name(target), node.value) for target in node.targets]
            case ast.AnnAssign():
                pairs = [(_name(node.target), node.value)]
            case ast.keyword():
                pairs = [(node.arg, node.value)]
            case ast.Dict():
                pairs = [
                    (_name(key) if key else None, value)
                    for key, value in zip(node.keys, node.values, strict=True)
                ]
        for name, value in pairs:
            if name and TELLING_NAME.search(name) and isinstance(value, ast.Constant):
                text = value.value
                if isinstance(text, str) and looks_random(text):
                    yield Leak(
                        f"What looks like the value of `{name}`", value.lineno, value.col_offset + 1, text
                    )


def _name(node: ast.expr) -> str | None:
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name) | ast.Constant(value=str(name)):
            return name
        case ast.Subscript(slice=ast.Constant(value=str(name))):
            return name
    return None


def looks_random(text: str) -> bool:
    """Return whether a value is more likely drawn than thought of."""
    if len(text) < LENGTH_MIN or _PLAIN.fullmatch(text):
        return False
    has_both = any(map(str.isdigit, text)) and any(map(str.isalpha, text))
    counts = Counter(text).values()
    entropy = -sum(count / len(text) * math.log2(count / len(text)) for count in counts)
    return has_both and entropy >= ENTROPY_MIN
