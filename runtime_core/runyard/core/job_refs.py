"""Names of jobs: `jobs.<section>.<name>`, or `jobs.<name>` for a module that is a job.

Making, reading and finding them. Patterns over several jobs are `selectors`.
"""

from __future__ import annotations

from runyard.core.errors import AmbiguousName, InvalidJob, NotFound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

PREFIX = "jobs."
"""What every ref starts with."""

RESERVED = "py"
"""No name of a section or job: refs are also written as paths, where it would read as a file ending."""

REF_LENGTH_MAX = 256
"""Characters of a ref: two long identifiers; it stands in URLs, file names and indexes."""

_FORBIDDEN = frozenset(" \t\r\n/\\:*?[]#%&=\"'`<>")
"""What ends a name where refs are written: in URLs, paths, selectors, pages, and in the names of variables (JCF-08).

Modules that are jobs need not be called by identifiers, as functions must: `jobs.daily-report` is one.
"""


def make_ref(section: str, name: str) -> str:
    """Return the ref of a function's job; both parts must be Python identifiers other than `py`.

    Raises: InvalidJob. Source: DEC-16, DEP-12.
    """
    for what, part in (("section", section), ("name", name)):
        if not part.isidentifier() or part == RESERVED:
            raise InvalidJob(
                f"`{part}` cannot be the {what} of a job.",
                f"Use an identifier other than `{RESERVED}`; `display_name` of `expose` takes any text.",
            )
    return f"{PREFIX}{section}.{name}"


def module_ref(module: str) -> str:
    """Return the ref of a module that is itself a job: its last part counts."""
    return f"{PREFIX}{module.rsplit('.', 1)[-1]}"


def is_ref(text: str) -> bool:
    """Return whether a text has the form of a ref."""
    parts = text.split(".")
    return (
        2 <= len(parts) <= 3
        and text.startswith(PREFIX)
        and len(text) <= REF_LENGTH_MAX
        and all(part and part != RESERVED for part in parts)
        and _FORBIDDEN.isdisjoint(text)
        and text.isprintable()
    )


def parse_ref(ref: str) -> tuple[str, str]:
    """Return section and name; the section of a module job is empty.

    Raises: InvalidJob if it is no ref.
    """
    if not is_ref(ref):
        raise InvalidJob(
            f"`{ref}` is no job ref.",
            f"Write `{PREFIX}SECTION.NAME` or `{PREFIX}NAME`; `{RESERVED}` is reserved.",
        )
    section, _, name = ref.removeprefix(PREFIX).rpartition(".")
    return section, name


def short_name(ref: str) -> str:
    """Return the last part of a ref."""
    return ref.rsplit(".", 1)[-1]


def resolve(text: str, refs: Iterable[str]) -> str:
    """Return the one ref that a person means by a name, `section.name`, full ref or script path.

    Raises: NotFound with the nearest names, AmbiguousName listing every ref of that bare name.
    Source: TAG-07, TAG-09, ADH-07.
    """
    known = sorted(set(refs))
    wanted = text.strip()
    if wanted.endswith(".py"):
        wanted = module_ref(wanted.removesuffix(".py").replace("/", "."))
    for exact in (wanted, PREFIX + wanted):
        if exact in known and exact.startswith(PREFIX) and "." in wanted:
            return exact
    same = [ref for ref in known if short_name(ref) == wanted]
    if len(same) == 1:
        return same[0]
    if same:
        raise AmbiguousName(
            f"Several jobs are called `{wanted}`.", f"Write one of {', '.join(same)}.", reasons=same
        )
    raise NotFound(f"There is no job `{text}`.", suggest(wanted, known))


def suggest(wanted: str, refs: Iterable[str]) -> str:
    """Return a sentence that names the refs nearest to what was wanted."""
    # Only when something is wrong: this import costs more than finding the job.
    import difflib

    known = list(refs)
    names = {short_name(ref): ref for ref in known} | {ref: ref for ref in known}
    near = list(dict.fromkeys(names[name] for name in difflib.get_close_matches(wanted, names, 3)))
    if near:
        return f"Did you mean {' or '.join(f'`{ref}`' for ref in near)}?"
    return (
        f"Known are: {', '.join(known[:20])}." if known else "No job is deployed here: run `runyard deploy`."
    )
