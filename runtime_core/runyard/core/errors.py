"""Every error runyard raises on purpose, as one tree.

An error says three things: what is wrong (the cause), what to do instead (the remedy), and a code that never
changes (TRB-12). How an error becomes an HTTP status or an exit code is not here: see
`runyard_server.errors` and `runyard_server.cli.exits`.

RunyardError
├── InvalidInput               what was written cannot be accepted as it stands
│   ├── InvalidJob             a decorator or manifest entry
│   ├── InvalidTrigger         a trigger text
│   ├── InvalidInterval        an interval or split
│   ├── InvalidSelector        a selector text
│   ├── InvalidManifest        the manifest as a whole
│   ├── InvalidDeploymentModule    `__deployment__.py` cannot be imported or lists something impossible
│   ├── InvalidWorkspace       no marker, no pyproject.toml
│   ├── InvalidUpload          an archive that lies, escapes or is too large
│   ├── InvalidRequest         a parameter of an API call
│   └── InvalidTrace           what a pipeline told of itself
├── NotFound                   nothing has that name or id
├── AmbiguousName              several jobs have that name
├── Conflict                   true of the request, but not now: somebody else was first, or the state forbids it
│   └── Declined               a manual start that the job's own rules refuse
├── NotSignedIn                no or unusable credential
├── Forbidden                  a known actor who may not
├── TooLarge                   a bound on untrusted input was passed
├── StorageFull                the disk refused a write
├── Unavailable                the server is not there, or not ready
├── EnvironmentFailed          uv could not build the environment of a deployment
└── StartFailed                a run's process could not be started
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import ClassVar


class RunyardError(Exception):
    """One sentence of cause, one of remedy, and any number of single reasons.

    `input_name` is the input of a job that it is about; empty if it is about none.
    """

    code: ClassVar[str] = "RY1000"

    def __init__(
        self, cause: str, remedy: str = "", *, reasons: Sequence[str] = (), input_name: str = ""
    ) -> None:
        self.cause = cause
        self.remedy = remedy
        self.reasons = tuple(reasons)
        self.input_name = input_name
        super().__init__(f"{cause} {remedy}".strip())


class InvalidInput(RunyardError):
    """What was written cannot be accepted as it stands."""

    code = "RY1100"


class InvalidJob(InvalidInput):
    """A decorator argument or a manifest entry that makes no job."""

    code = "RY1101"


class InvalidTrigger(InvalidInput):
    """A trigger text that names no reason to run."""

    code = "RY1102"


class InvalidInterval(InvalidInput):
    """An interval or a split that describes no range of time."""

    code = "RY1103"


class InvalidSelector(InvalidInput):
    """A selector text that can never match."""

    code = "RY1104"


class InvalidManifest(InvalidInput):
    """A manifest that cannot be deployed as a whole."""

    code = "RY1105"


class InvalidDeploymentModule(InvalidInput):
    """A deployment module that cannot be imported, or lists what is no job."""

    code = "RY1106"


class InvalidWorkspace(InvalidInput):
    """A directory that is no workspace, or one that lacks what a deploy needs."""

    code = "RY1107"


class InvalidUpload(InvalidInput):
    """An archive that lies about its content or would write outside its directory."""

    code = "RY1108"


class InvalidRequest(InvalidInput):
    """A parameter or body of an API call that does not fit."""

    code = "RY1109"


class InvalidTrace(InvalidInput):
    """What a pipeline told of itself, in a form that is none we know."""

    code = "RY1111"


class NotFound(RunyardError):
    """Nothing has that name or id."""

    code = "RY1200"


class AmbiguousName(RunyardError):
    """Several jobs answer to that name."""

    code = "RY1201"


class Conflict(RunyardError):
    """The request is sound, but the present state forbids it."""

    code = "RY1300"


class Declined(Conflict):
    """A start by hand that the job's own rules refuse."""

    code = "RY1301"


class NotSignedIn(RunyardError):
    """No credential, or one that cannot be used."""

    code = "RY1400"


class Forbidden(RunyardError):
    """A known actor who may not do this."""

    code = "RY1401"


class TooLarge(RunyardError):
    """A bound on untrusted input was passed."""

    code = "RY1500"


class StorageFull(RunyardError):
    """The disk refused a write."""

    code = "RY1501"


class Unavailable(RunyardError):
    """The server is not there, or not ready."""

    code = "RY1600"


class EnvironmentFailed(RunyardError):
    """uv could not build the environment of a deployment; the installer's words are in `reasons`."""

    code = "RY1700"


class StartFailed(RunyardError):
    """A run's process could not be started."""

    code = "RY1701"
