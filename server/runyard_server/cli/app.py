"""The table of contents of the command line, and the way in and out of it."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Sequence
from importlib.metadata import version
from typing import Annotated

import typer
from typer import rich_utils

from runyard.core.errors import RunyardError
from runyard_server.cli import (
    check,
    deploy,
    dev,
    init,
    job,
    pipeline,
    plan,
    run,
    schedule,
    serve,
    sync,
    upcoming,
    why,
    workspace,
)
from runyard_server.cli.arguments import normalise
from runyard_server.cli.exits import Exit, exit_code_of
from runyard_server.cli.output import Output
from runyard_server.cli.session import Session
from runyard_server.cli.usage import BadUsage

app = typer.Typer(
    name="runyard",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="These options may stand before or after a command. Example: runyard job list --json",
)
app.command(epilog="Example: runyard dev --demo")(dev.dev)
app.command(epilog="Example: runyard init --example flights")(init.init)
app.command(epilog="Example: runyard check --strict")(check.check)
app.command(epilog="Example: runyard deploy --dry-run")(deploy.deploy)
app.command(epilog="Example: runyard sync --dry-run")(sync.sync)
app.command(epilog="Example: runyard run load_flights --follow")(run.run)
app.command(epilog='Example: runyard schedule reports/daily.py "0 6 * * *"')(schedule.schedule)
app.command(epilog="Example: runyard serve flights_report")(serve.serve)
app.command(epilog="Example: runyard plan --days 7")(plan.plan)
job.app.command("next", epilog="Example: runyard job next load_flights -n 20")(upcoming.upcoming)
job.app.command(epilog="Example: runyard job why load_flights")(why.why)
app.add_typer(job.app, name="job")
app.add_typer(pipeline.app, name="pipeline")
app.add_typer(workspace.app, name="workspace")

SUBCOMMANDS = {
    ("job",): frozenset({"list", "info", "trigger", "logs", "cancel", "runs"})
    | {"next", "why", "pause", "resume", "publish", "unpublish", "webhook"},
    ("job", "runs"): frozenset({"list", "info", "logs", "cancel"}),
}
"""Words that are commands, and therefore no names, in the groups where a name may stand first (CLI-41)."""


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"runyard {version('runyard')}")  # noqa: T201
        raise typer.Exit


@app.callback()
def options(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
    server: Annotated[
        str | None, typer.Option("--server", metavar="URL", help="The server; also RUNYARD_SERVER.")
    ] = None,
    workspace_name: Annotated[
        str | None,
        typer.Option("--workspace", metavar="NAME_OR_ID", help="The workspace; also RUNYARD_WORKSPACE."),
    ] = None,
    timestamps: Annotated[bool, typer.Option("--timestamps", help="ISO times, not relative ones.")] = False,
    verbose: Annotated[int, typer.Option("-v", "--verbose", count=True, help="Say more.")] = 0,
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="Say only results and errors.")] = False,
    no_color: Annotated[bool, typer.Option("--no-color", help="No colours.")] = False,
    yes: Annotated[bool, typer.Option("-y", "--yes", help="Answer questions with yes.")] = False,
    _non_interactive: Annotated[bool, typer.Option("--non-interactive", help="Never ask.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks of errors.")] = False,
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Run Python data jobs and notebooks on your own machine or cluster."""
    # No command asks: what needs a yes is refused without it, so that nothing ever waits for an answer (CLI-46).
    session: Session = context.obj
    output = Output(as_json=as_json, quiet=quiet, color=not no_color, timestamps=timestamps)
    session.output, session.server, session.workspace = output, server, workspace_name
    session.verbosity, session.debug, session.yes = verbose, debug, yes


def main(words: Sequence[str] | None = None) -> None:
    """Run one command and leave the process with its exit code (CLI-44)."""
    arguments = normalise(sys.argv[1:] if words is None else words, SUBCOMMANDS)
    # Until the options are read: where one of them is wrong, somebody waits for a document all the same.
    session = Session(Output(as_json="--json" in arguments))
    try:
        sys.exit(app(arguments, prog_name="runyard", obj=session, standalone_mode=False))
    except typer.TyperException as refused:
        rich_utils.rich_format_error(refused)  # type: ignore[arg-type] # the parser raises no other
        session.output.error_document(BadUsage.of(refused))
        sys.exit(refused.exit_code)
    except RunyardError as error:
        if session.debug:
            traceback.print_exc()
        session.output.error(error)
        sys.exit(exit_code_of(error))
    except KeyboardInterrupt:
        sys.exit(Exit.INTERRUPTED)
    finally:
        session.close()
