"""A server with two interactive jobs that nothing runs yet, for stories about the way to them."""

from __future__ import annotations

from pathlib import Path

import httpx
from sqlalchemy import Connection
from tests.support.api import JSON, OWNER_KEY, Api

from runyard.core.runs import RunStatus
from runyard.core.store import jobs, runs

REPORT: JSON = {
    "job_ref": "jobs.nb.report",
    "entry_point": {"module": "nb", "function": None, "job_type": "interactive", "launcher": "l.marimo"},
    "triggers": ["http:"],
    "execute": {},
}
OTHER: JSON = {**REPORT, "job_ref": "jobs.nb.other"}


class TwoApps:
    """Two apps of a server, `report` and `other` by the ids of their jobs, and browsers that visit them."""

    def __init__(self, api: Api, root: Path) -> None:
        self.api = api
        self.report, self.other = (job["id"] for job in api.prepare(root, REPORT, OTHER))

    def host(self, job_id: str) -> str:
        def work(connection: Connection) -> str:
            return str(jobs.by_ids(connection, [job_id])[job_id]["label"])

        return f"{self.api.runtime.database.read(work)}.localhost"

    def runs(self) -> list[str]:
        return [run["status"] for run in self.api.get(f"{self.api.here}/job-runs")["items"]]

    def ask(
        self, path: str = "/", *, job_id: str = "", method: str = "GET", **headers: str
    ) -> httpx.Response:
        """Ask the host of an app without a key."""
        sent = {"host": self.host(job_id or self.report)}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        response = self.api.request(method, path, key=None, headers=sent)
        self.api.forget_cookies()
        return response

    def ticket(self, job_id: str = "", key: str = OWNER_KEY) -> str:
        """Return the address that the server sends a member to."""
        response = self.api.request("GET", f"/apps/open/{job_id or self.report}", key=key)
        assert response.status_code == 303, response.text
        return response.headers["location"]

    def cookie(self, job_id: str = "", key: str = OWNER_KEY) -> str:
        """Return the cookie header of a member's browser that entered an app."""
        address = httpx.URL(self.ticket(job_id, key))
        assert address.host == self.host(job_id or self.report)
        entered = self.ask(address.raw_path.decode(), job_id=job_id)
        assert (entered.status_code, entered.headers["location"]) == (303, "/")
        return entered.headers["set-cookie"].partition(";")[0]

    def give_access(self, root: Path) -> None:
        """Deploy settings for the profile under which public links show an app."""
        files = {"config.toml": "", "access.config.toml": ""}
        response = self.api.upload("configurations", root / "access", files)
        assert response.status_code == 200, response.text

    def publish(self) -> httpx.URL:
        """Return a new public link of the report."""
        return httpx.URL(self.api.post(f"{self.api.here}/jobs/{self.report}/-publish")["public_url"])

    def enter(self, link: httpx.URL) -> str:
        """Return the cookie header of a browser without an account that opened a link."""
        entered = self.ask(link.path)
        assert (entered.status_code, entered.headers["location"]) == (303, "/")
        return entered.headers["set-cookie"].partition(";")[0]

    def start(self) -> str:
        """Let a run of the report go as far as the executor would; return its id."""
        run_id = str(self.api.start_job(self.report)["id"])
        self.api.move(run_id, RunStatus.STARTING, RunStatus.RUNNING)
        return run_id

    def listen(self, run_id: str, port: int) -> None:
        """Let a run serve on a port."""
        self.api.runtime.database.write(lambda connection: runs.set_port(connection, run_id, port))
