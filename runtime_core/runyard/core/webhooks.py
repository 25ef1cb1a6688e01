"""Calls from outside that start a job: its secret address, and what becomes of a call (TRG-24).

A call is an event like any other: a paused job receives nothing but the decision. What was posted is kept as it came
for `run_context["body"]`; if it is a JSON object, its keys also fill the parameters of the same name, as `-c` does.
What a secret is made of, and whether a signature fits, is not here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, RowMapping

from runyard.core.enacting import enact
from runyard.core.errors import Conflict, InvalidRequest, Unavailable
from runyard.core.given_inputs import check_fits, check_given
from runyard.core.ids import Ids
from runyard.core.jobs import JobDefinition
from runyard.core.planning import Decision, Event, plan_event
from runyard.core.store import facts, feed, links, runs
from runyard.core.triggers import TriggerType

BODY_BYTES_MAX = 1024 * 1024
"""Size of what may be posted (TRG-24)."""

WAITING_MAX = 100
"""Runs of a job that may wait before calls are turned away: a sender that is too fast should notice."""


@dataclass(frozen=True, slots=True)
class Called:
    """What became of a call, and the number of the run that it created or joined."""

    decision: Decision
    run: RowMapping | None


def paths(job: JobDefinition) -> list[str]:
    """Return the paths of a job's webhooks, without slashes around them; empty if it has none."""
    return list(_by_path(job))


def _by_path(job: JobDefinition) -> dict[str, str]:
    """Return the webhook triggers of a job by their paths."""
    parts = ((text, *text.partition(":")) for text in job.triggers)
    return {expr.strip("/"): text for text, kind, _, expr in parts if kind == TriggerType.WEBHOOK}


def require(job: RowMapping) -> None:
    """Return if a job may have a secret address.

    Raises: InvalidRequest for a job that waits for no webhook, Conflict for one that is not deployed any more.
    """
    if not paths(facts.job_of(job)):
        raise InvalidRequest(
            f"{job['job_ref']} waits for no webhook.", "Add `trigger.webhook()` to its triggers and deploy."
        )
    if job["archived_at"] is not None:
        raise Conflict(f"{job['job_ref']} is not deployed any more.", "Deploy it again first.")


def issue(
    connection: Connection,
    job: RowMapping,
    *,
    link_id: str,
    token: str,
    is_signed: bool,
    user_id: str,
    now: int,
) -> None:
    """Give a job a new secret address; the one it may have ends. With `is_signed`, calls have to be signed."""
    current = links.webhook_of(connection, job["id"])
    if current is not None:
        links.revoke(connection, current["id"], user_id=user_id, now=now)
    kind = links.SIGNED_WEBHOOK if is_signed else links.WEBHOOK
    links.create(connection, id=link_id, job_id=job["id"], kind=kind, token=token, user_id=user_id, now=now)
    feed.append_about(connection, job, "job.webhook", now)


def call(connection: Connection, job_id: str, path: str, body: str, *, ids: Ids, now: int) -> Called | None:
    """Return what becomes of a call of a job's webhook; None if it has none at that path.

    Raises: TooLarge or InvalidRequest for a value that no parameter can take, Unavailable while too many runs wait.
    """
    job = facts.load(connection, [job_id])[job_id]
    trigger = _by_path(job.definition).get(path.strip("/"))
    if job.archived or trigger is None:
        return None
    if job.waiting_count >= WAITING_MAX:
        raise Unavailable(f"{WAITING_MAX} runs of the job wait already.", "Call again later.")
    # Calls without a body say the same, so one run may stand for several.
    event = Event(f"{trigger}@{ids.new_id()}", "Its webhook was called.", merges=not body)
    decision = plan_event(job, trigger, event, facts={"body_bytes": len(body.encode())})
    [run_id] = enact(
        connection,
        [decision],
        {job_id: job.definition},
        ids=ids,
        now=now,
        config=parameters_in(body, job.definition),
    )
    if run_id is not None and decision.run is not None and body:
        runs.keep_body(connection, run_id, body)
    return Called(decision, None if run_id is None else runs.by_id(connection, run_id))


def parameters_in(body: str, job: JobDefinition) -> Mapping[str, Any]:
    """Return what a JSON object gives the parameters of a job; nothing of any other body.

    Raises: TooLarge, InvalidRequest.
    """
    try:
        posted = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    if not isinstance(posted, dict):
        return {}
    given = {key: posted[key] for key in job.config_keys if key in posted}
    check_given(given)
    check_fits(given, [job])
    return given
