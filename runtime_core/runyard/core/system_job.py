"""The control panel as a job: made at every start of a server, in a workspace that nobody is a member of.

It is an interactive job like any other: deployed, started, logged, limited and found again as all are. Two things
follow from its workspace, never from anything uploaded: its runs use the server's own interpreter (`executor`), and
they get no key of their own (`preparing`), because the panel acts with the rights of whoever looks at it.
"""

from __future__ import annotations

from functools import cached_property

from sqlalchemy import Connection, RowMapping

from runyard.core.clock import Clock
from runyard.core.deploying import Deploying, DeployRequest
from runyard.core.ids import Ids
from runyard.core.jobs import ENGINE_VERSION
from runyard.core.manifest import build_manifest, manifest_hash
from runyard.core.run_control import RunControl
from runyard.core.runs import OPEN
from runyard.core.snapshots import content_hash, text_digest
from runyard.core.store import jobs, shown_runs, snapshots, workspaces
from runyard.core.store.engine import Database

SYSTEM_WORKSPACE = "00000000-0000-4000-8000-72756e796172"
"""The same on every server, and no id that one is ever given: those are random."""

PANEL_REF = "jobs.runyard.control_panel"

_DEFINITION = {
    "job_ref": PANEL_REF,
    "entry_point": {
        "module": "runyard_notebooks.panel_app",
        "function": "app",
        "job_type": "interactive",
        "launcher": "runyard.core.launchers.asgi",
    },
    "triggers": ["http:"],
    "execute": {},
    "description": "The control panel of this server.",
}


class SystemJob:
    """The panel's job. `code` names what it runs: another text is another version."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        ids: Ids,
        deploying: Deploying,
        run_control: RunControl,
        code: str,
    ) -> None:
        self._database, self._clock, self._ids = database, clock, ids
        self._deploying, self._run_control, self._code = deploying, run_control, code

    def install(self, user_id: str) -> None:
        """Create what is missing in the name of a user; ask a run of other code to stop. Call it at every start."""
        self._database.write(lambda connection: self._put_snapshots(connection, user_id))
        manifest = build_manifest([_DEFINITION], deployment_module=None, created_at="")
        request = DeployRequest(
            ENGINE_VERSION, manifest_hash(manifest), [_DEFINITION], {}, None, None, dry_run=False
        )
        self._deploying.deploy(SYSTEM_WORKSPACE, request, user_id)
        run = self.newest_run()
        if run is not None and run["deployment_id"] != self._deployment()["id"]:
            self.stop()

    def start(self, user_id: str | None) -> None:
        """Start the panel unless it runs or is on its way."""
        self._run_control.start(SYSTEM_WORKSPACE, job_ids=[self.job["id"]], selectors=None, user_id=user_id)

    def stop(self) -> None:
        """Ask the panel to stop; nothing happens if it does not run."""
        run = self.newest_run()
        if run is not None:
            self._run_control.cancel(SYSTEM_WORKSPACE, [run["id"]], dry_run=False, user_id=None)

    @cached_property
    def job(self) -> RowMapping:
        """Return the job's row, which stays what it is while the server runs: each request to the panel asks for it."""
        [row] = self._database.read(lambda connection: jobs.all_of(connection, SYSTEM_WORKSPACE))
        return row

    def newest_run(self) -> RowMapping | None:
        """Return the newest run of the panel, None before the first."""
        job_id = self.job["id"]
        return self._database.read(lambda connection: shown_runs.latest_of(connection, [job_id]).get(job_id))

    @property
    def is_open(self) -> bool:
        """Return whether the panel runs, or is on its way there or to its end."""
        run = self.newest_run()
        return run is not None and run["status"] in OPEN

    def _deployment(self) -> RowMapping:
        row = self._database.read(
            lambda connection: snapshots.latest(connection, snapshots.deployments, SYSTEM_WORKSPACE)
        )
        assert row is not None, "written before anything is deployed"
        return row

    def _put_snapshots(self, connection: Connection, user_id: str) -> None:
        """Write the workspace, settings without files, and the present code as a deployment without files."""
        now = self._clock.now()
        if workspaces.get(connection, SYSTEM_WORKSPACE) is None:
            workspaces.create(
                connection, id=SYSTEM_WORKSPACE, name="runyard", description=None, user_id=user_id, now=now
            )
        # The files are the server's own, so the hash is of what names them.
        for table, content, own_columns in (
            (
                snapshots.deployments,
                text_digest(self._code),
                {"requirements": {}, "requirements_size_bytes": 0},
            ),
            (snapshots.configurations, content_hash([]), {"profiles": []}),
        ):
            current = snapshots.latest(connection, table, SYSTEM_WORKSPACE)
            if current is None or current["content_hash"] != content:
                values = {
                    "id": self._ids.new_id(),
                    "workspace_id": SYSTEM_WORKSPACE,
                    "content_hash": content,
                    "comparison_hash": content,
                    "file_count": 0,
                    "size_bytes": 0,
                    "created_by": user_id,
                    "created_at": now,
                    **own_columns,
                }
                snapshots.create(connection, table, values=values, snapshot_files=[])
