"""`runyard dev`: everything in the foreground with one command, for one's own machine (CLI-30, AUT-09)."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import time
import webbrowser
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from runyard.core import workspace
from runyard.core.errors import Conflict, InvalidWorkspace, RunyardError, Unavailable
from runyard_server.cli import demo as demonstration
from runyard_server.cli import output
from runyard_server.cli.exits import Exit
from runyard_server.cli.session import Session, session_of
from runyard_server.client import Client
from runyard_server.client.connection import DEFAULT_SERVER, project_name, store_credential
from runyard_server.client.deploying import Deployer

STOPPING_SECONDS = 10.0
"""How long Ctrl-C waits for jobs that were asked to stop; their supervisors see to the rest."""

STOPPING_PAUSE_SECONDS = 0.2
"""Between two looks at what still runs."""


class Terminated(BaseException):
    """SIGTERM arrived: stop the server, leave the jobs running (SCH-04)."""


def dev(
    context: typer.Context,
    path: Annotated[
        Path, typer.Argument(help="The workspace directory.", exists=True, file_okay=False)
    ] = Path(),
    demo: Annotated[bool, typer.Option("--demo", help="Run the example in a directory of its own.")] = False,
    host: Annotated[str | None, typer.Option("--host", help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option("--port", min=0, max=65535, help="Port to listen on.")] = None,
    data_dir: Annotated[Path | None, typer.Option("--data-dir", help="Where everything is kept.")] = None,
    no_open: Annotated[bool, typer.Option("--no-open", help="Do not open a browser.")] = False,
    exit_when_done: Annotated[
        bool, typer.Option("--exit-when-done", help="With --demo: end after it, with 1 if it went wrong.")
    ] = False,
) -> None:
    """Start the server, the scheduler and the runs here, and deploy the workspace."""
    if exit_when_done and not demo:
        raise typer.BadParameter("It only goes with --demo.", param_hint="--exit-when-done")
    session = session_of(context)
    signal.signal(signal.SIGTERM, _terminate)
    try:
        with _places(path.absolute(), demo, data_dir) as (root, place):
            if demo:
                session.output.note("Building the Python environment of the example.")
                demonstration.prepare(root, os.environ)
            _serve(
                session, root, place, host, port, demo=demo, no_open=no_open, exit_when_done=exit_when_done
            )
    except Terminated:
        session.output.note("Stopped. Jobs that were running go on; the next start finds them again.")


@contextmanager
def _places(path: Path, demo: bool, data_dir: Path | None) -> Iterator[tuple[Path, Path | None]]:
    """Offer the workspace and the data directory; those of a demo vanish with it unless a place is given."""
    if not demo:
        yield path, data_dir
        return
    scratch = Path(tempfile.mkdtemp(prefix="runyard-demo-"))
    place = (data_dir or scratch / "data").absolute()
    try:
        _make(place)
        yield demonstration.copy(place.with_name(f"{place.name}-workspace")), place
    except Terminated:
        raise  # its jobs go on and need their files
    except BaseException:
        shutil.rmtree(scratch, ignore_errors=True)
        raise
    shutil.rmtree(scratch, ignore_errors=True)


def _serve(
    session: Session,
    path: Path,
    data_dir: Path | None,
    host: str | None,
    port: int | None,
    *,
    demo: bool,
    no_open: bool,
    exit_when_done: bool,
) -> None:
    from runyard_server.cli.serving import owner_key, serving
    from runyard_server.settings import Settings
    from runyard_server.sign_in import PANEL

    root, is_workspace = _root_of(session, path)
    python = root / ".venv" / "bin" / "python"
    defaults = {"RUNYARD_ENVIRONMENT": "workspace", "RUNYARD_WORKSPACE_PYTHON": str(python)}
    settings = Settings.from_environment(
        {**(defaults if python.exists() else {}), **os.environ},
        host=host,
        port=port,
        data_dir=data_dir and data_dir.absolute(),
    )
    _make(settings.data_dir)
    key = owner_key(settings)
    settings = replace(settings, bootstrap_api_key=key)
    with serving(settings, os.environ) as served:
        store_credential({served.origin, served.origin.replace("localhost", "127.0.0.1")}, key, os.environ)
        name = project_name(root) or root.name or "workspace"
        with Client(served.origin, key, _workspace_id(served.origin, key, name)) as client:
            facts = {
                "server": served.origin,
                "panel": served.origin + PANEL,
                "owner_url": served.owner_url,
                "workspace": client.workspace.name,
            }
            shown = output.facts([*facts.items(), ("data", settings.data_dir.as_posix())])
            if not (exit_when_done and session.output.as_json):
                session.output.result({**facts, "data_dir": settings.data_dir.as_posix()}, shown)
            if not no_open:
                webbrowser.open(served.owner_url)
            try:
                if is_workspace:
                    _deploy(session, client, root, is_optional=not demo)
                if demo and not demonstration.show(session, client, is_result=exit_when_done):
                    raise typer.Exit(Exit.FAILED)
                if exit_when_done:
                    raise typer.Exit
                # A fresh one: the first scrolled away, and is spent or too old by now.
                address = served.server.owner_url(served.origin)
                session.output.note(f"Open the panel with this address, which signs in once: {address}")
                if served.origin != DEFAULT_SERVER:
                    session.output.note(f"In other terminals: export RUNYARD_SERVER={served.origin}")
                session.output.note("Ctrl-C stops the server and its jobs.")
                served.ended.wait()
            except (KeyboardInterrupt, typer.Exit):
                panel = served.server.runtime.panel
                try:
                    panel.stop()
                    _stop_jobs(session, client, lambda: panel.is_open)  # pressed again, it waits no longer
                finally:
                    # What is left takes a second or two, and must not be cut into by more presses.
                    signal.signal(signal.SIGINT, signal.SIG_IGN)
                raise


def _make(data_dir: Path) -> None:
    """Make the data directory unless it is there. Raises: Conflict."""
    try:
        data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise Conflict(
            f"`{data_dir}` cannot be the data directory: {os.strerror(error.errno or 0)}.",
            "Choose another one with `--data-dir`.",
        ) from None


def _root_of(session: Session, path: Path) -> tuple[Path, bool]:
    """Return the workspace a path is in; a directory that is none is served all the same."""
    try:
        return workspace.find_root(path), True
    except InvalidWorkspace as error:
        session.output.warn(f"{error.cause} Nothing is deployed. {error.remedy}")
        return path, False


def _deploy(session: Session, client: Client, root: Path, *, is_optional: bool) -> None:
    """Deploy the workspace; what is wrong with it is said and, unless it must work, leaves the server up."""
    deployer = Deployer(client, root, env=os.environ)
    if not deployer.has_deployment_module:
        session.output.note("There is no `__deployment__.py` yet, so nothing is deployed.")
        return
    try:
        receipt = deployer.deploy(session.output.note)
    except Unavailable:
        raise
    except RunyardError as error:
        if not is_optional:
            raise
        session.output.error(error)
        session.output.note("The server is up; correct it and run `runyard deploy`.")
        return
    for row in receipt.jobs if receipt else ():
        session.output.note(f"  {row.job.job_ref} {row.outcome}", "dim")


def _stop_jobs(session: Session, client: Client, is_panel_open: Callable[[], bool]) -> None:
    """Ask everything that runs to stop, and wait a little for it, and for the panel, which was asked before."""
    runs = list(client.open_runs())
    if runs:
        session.output.note(f"Stopping {output.counted(len(runs), 'run')}.")
        client.cancel([run.id for run in runs])
    until = time.monotonic() + STOPPING_SECONDS
    while (is_panel_open() or any(client.open_runs())) and time.monotonic() < until:
        time.sleep(STOPPING_PAUSE_SECONDS)


def _workspace_id(origin: str, key: str, name: str) -> str:
    """Return the workspace of this name, after creating it if it is not there."""
    with Client(origin, key) as client:
        mine = (each for each in client.workspaces() if each.role == "owner")
        found = next((workspace for workspace in mine if workspace.name == name), None)
        return (found or client.create_workspace(name)).id


def _terminate(_number: int, _frame: object) -> NoReturn:
    raise Terminated
