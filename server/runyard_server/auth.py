"""Who may do what: one function, and the default is no (SEC-02). Pure; who is asking is in `credentials`."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Action(StrEnum):
    """What can be done here."""

    READ = "read"
    """Look at workspaces, jobs, runs, versions and changes."""
    READ_DATA = "read_data"
    """Read logs and what else the data plane serves."""
    OPEN = "open"
    """Enter an app, and do there what it offers."""
    START = "start"
    CANCEL = "cancel"
    PAUSE = "pause"
    """Pause a job and resume it."""
    SCHEDULE = "schedule"
    """Set another schedule beside the code of a job, and take it away."""
    PUBLISH = "publish"
    """Give an app a public link, and take it away."""
    DEPLOY = "deploy"
    """Upload code or settings, and apply a manifest."""
    UPLOAD = "upload"
    """Send the one archive that an upload token was issued for."""
    CREATE_WORKSPACE = "create_workspace"
    """The one action on the server as a whole."""


class Role(StrEnum):
    """What a user is in a workspace."""

    OWNER = "owner"
    DEVELOPER = "developer"
    VIEWER = "viewer"


_VIEWING = frozenset({Action.READ, Action.READ_DATA, Action.OPEN})
_DEVELOPING = _VIEWING | {
    *(Action.START, Action.CANCEL, Action.PAUSE, Action.SCHEDULE, Action.PUBLISH),
    *(Action.DEPLOY, Action.UPLOAD),
}

ALLOWED = {Role.OWNER: _DEVELOPING, Role.DEVELOPER: _DEVELOPING, Role.VIEWER: _VIEWING}
"""What a role allows in its workspace. Owners differ once members can be managed (AUT-11)."""

FULL = frozenset(Action) - {Action.UPLOAD}
"""What a key or a signed-in browser can be used for; uploads have tokens of their own."""


@dataclass(frozen=True, slots=True)
class Actor:
    """Somebody with a credential: acts for a user, within what the credential is good for.

    `only_workspace`: the credential reaches no other. `upload_id`: the one upload it is for. `session_id`, `run_id`:
    the sign-in or run with which it ends, and with it every credential that it is used to get. `only_job`: it came
    with a public link, which opens this app; `user_id` then tells its viewers apart and is nobody's.
    """

    user_id: str
    actions: frozenset[Action] = FULL
    only_workspace: str | None = None
    upload_id: str | None = None
    session_id: str | None = None
    run_id: str | None = None
    only_job: str | None = None

    @property
    def is_person(self) -> bool:
        """Return whether the credential acts as a human, not as a service account or one-purpose token."""
        return self.only_workspace is None and self.only_job is None


@dataclass(frozen=True, slots=True)
class Resource:
    """What is acted on: a workspace in which the actor's user has a role, or the server (no workspace)."""

    workspace_id: str | None = None
    role: Role | None = None
    upload_id: str | None = None
    job_id: str | None = None


def may(actor: Actor, action: Action, resource: Resource) -> bool:
    """Return whether an actor may do this to a resource."""
    if action not in actor.actions:
        return False
    if actor.only_job is not None:
        return action is Action.OPEN and actor.only_job == resource.job_id
    if resource.workspace_id is None:
        return action is Action.CREATE_WORKSPACE and actor.is_person
    if actor.only_workspace not in (None, resource.workspace_id) or resource.role is None:
        return False
    if action is Action.UPLOAD and (actor.upload_id is None or actor.upload_id != resource.upload_id):
        return False
    return action in ALLOWED[resource.role]
