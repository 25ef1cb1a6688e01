"""`runyard sync`: code and settings to the server, the jobs left as they are (RCN-14)."""

from __future__ import annotations

import typer

from runyard_server.cli import deploy
from runyard_server.cli.options import DryRun
from runyard_server.cli.session import session_of


def sync(context: typer.Context, dry_run: DryRun = False) -> None:
    """Upload the code and the settings of this workspace; which jobs there are stays as it is."""
    session = session_of(context)
    deploy.head_for(session, "Syncing to")
    code, settings = deploy.sync(session, session.deployer, dry_run=dry_run)
    session.output.result({"dry_run": dry_run, "code": code, "settings": settings})
    if dry_run:
        session.output.note("Nothing was changed.")
