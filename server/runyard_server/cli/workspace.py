"""`runyard workspace`: what this directory is connected to, and connecting it."""

from __future__ import annotations

from collections import Counter
from itertools import islice
from typing import Annotated

import typer

from runyard.core import workspace
from runyard_server.cli import manifests, output
from runyard_server.cli.session import session_of
from runyard_server.cli.usage import Group
from runyard_server.client import Client, Version
from runyard_server.client.deploying import Drift

app = typer.Typer(
    cls=Group,
    no_args_is_help=True,
    help="Connect this directory to a workspace on a server.",
    epilog="Example: runyard workspace info",
)
app.add_typer(manifests.app, name="manifest")


@app.command(epilog="Example: runyard workspace info")
def info(context: typer.Context) -> None:
    """Show the workspace: its server, its jobs, its latest run and versions."""
    session = session_of(context)
    out, client = session.output, session.client
    mine = client.workspace
    kinds = Counter(job.job_type for job in client.jobs())
    latest = next(islice(client.runs(), 1), None)
    code, settings = client.latest_deployment(), client.latest_configuration()
    drift = session.deployer.drift() if session.is_here else None
    last = out.time(latest.created_at) if latest else None
    shown = output.facts(
        [
            ("workspace", mine.name),
            ("id", mine.id),
            ("server", client.target.server),
            ("description", mine.description),
            ("jobs", ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items())) or "none"),
            (
                "latest run",
                f"{latest.job_ref} #{latest.number} {latest.status}, {last}" if latest else "none",
            ),
            ("code", _version(out, code)),
            ("settings", _version(out, settings)),
            ("here", None if drift is None else _drift(drift)),
        ]
    )
    document = {"workspace": mine, "server": client.target.server, "jobs": kinds, "latest_run": latest}
    out.result({**document, "deployment": code, "configuration": settings, "drift": drift}, shown)


@app.command(epilog="Example: runyard workspace connect flights")
def connect(
    context: typer.Context,
    name: Annotated[str | None, typer.Argument(metavar="[NAME_OR_ID]", help="Which workspace.")] = None,
) -> None:
    """Write the workspace into `.dlt/config.toml`, so that commands here mean it."""
    session = session_of(context)
    root, target = session.root, session.client.target
    with Client(target.server, target.api_key, name or target.workspace) as client:
        found = client.workspace
    workspace.write_workspace_id(root, found.id)
    session.output.result(found, f"Connected to {found.name} ({found.id}) at {target.server}.")


def _drift(drift: Drift) -> str:
    """Return in what the files here differ from what is deployed, in numbers (RCN-17)."""
    if not drift.is_there:
        return "the same as what is deployed"
    code = drift.code
    kinds = {"added": code.added, "changed": code.updated, "deleted": code.deleted}
    counts = [f"{len(paths)} {kind}" for kind, paths in kinds.items() if paths]
    said = [f"files {', '.join(counts)}"] if counts else []
    return "; ".join([*said, *(["other settings"] if drift.settings else [])])


def _version(out: output.Output, version: Version | None) -> str:
    return f"version {version.version}, {out.time(version.created_at)}" if version else "none yet"
