"""Options and arguments that several commands have, spelled and explained once."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

import typer

from runyard.core.runs import NUMBER_MAX

LIMIT_MAX = 1_000_000
"""Rows of a list that one may ask for: more than anybody reads."""

Follow = Annotated[
    bool, typer.Option("--follow", "-f", help="Show the log as it grows until the run has ended.")
]
Refresh = Annotated[bool, typer.Option("--refresh", help="Tell the job to load everything from scratch.")]
Force = Annotated[bool, typer.Option("--force", help="Start it though what it waits for is not fresh.")]
Profile = Annotated[str | None, typer.Option("--profile", "-p", help="Profile to run under.")]
Config = Annotated[
    list[str] | None,
    typer.Option("--config", "-c", metavar="KEY=VALUE", help="Override a setting of the job for this run."),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what would happen.")]
Limit = Annotated[int, typer.Option("--limit", min=1, max=LIMIT_MAX, help="At most so many.")]
Name = Annotated[str, typer.Argument(metavar="NAME", help="Name, section.name, ref or script path of a job.")]
NameOrRun = Annotated[str, typer.Argument(metavar="NAME_OR_RUN_ID", help="Name of a job, or id of a run.")]
Number = Annotated[
    int | None,
    typer.Argument(metavar="[RUN]", min=1, max=NUMBER_MAX, help="Number of the run; the latest if left out."),
]
Selectors = Annotated[
    list[str],
    typer.Argument(
        metavar="SELECTOR...", help="Names of jobs, or patterns such as `tag:demo`, `batch`, `schedule:*`."
    ),
]
MaybeSelectors = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[SELECTOR...]", help="Only jobs that a name or pattern such as `tag:demo` picks."
    ),
]


def parse_config(pairs: Iterable[str] | None) -> dict[str, str]:
    """Return what `-c KEY=VALUE` says. Raises: BadParameter if one has no `=`. Source: JCF-08."""
    config = {}
    for pair in pairs or ():
        key, equals, value = pair.partition("=")
        if not (key and equals):
            raise typer.BadParameter(f"`{pair}` is not KEY=VALUE.", param_hint="-c")
        config[key] = value
    return config
