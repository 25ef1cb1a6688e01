"""Webhooks: where others call to start a job. Who knows the address may call; nothing else is asked or told."""

from __future__ import annotations

import hashlib
import hmac

from fastapi import APIRouter, Request
from sqlalchemy import Connection
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from runyard.core import webhooks
from runyard.core.errors import Forbidden, InvalidRequest, NotFound
from runyard.core.store import links
from runyard_server import schemas
from runyard_server.context import Server, reply, server_of
from runyard_server.links import HOOK_PATH

router = APIRouter(prefix=HOOK_PATH.rstrip("/"), tags=["webhooks"])

SIGNATURE = "x-hub-signature-256"
"""The header of a signature, in the form that many senders use: `sha256=` and the HMAC of the body in hex."""


@router.post("/{token}", response_model=schemas.CalledWebhook, status_code=202)
async def call_webhook(request: Request, token: str) -> Response:
    """Start the job that waits at this address, with the body as its input."""
    return await _call(request, token, "")


@router.post("/{token}/{path:path}", response_model=schemas.CalledWebhook, status_code=202)
async def call_webhook_at(request: Request, token: str, path: str) -> Response:
    """Start the job that waits at this address for this path, with the body as its input."""
    return await _call(request, token, path)


async def _call(request: Request, token: str, path: str) -> Response:
    body = await request.body()
    signature = request.headers.get(SIGNATURE, "")
    return await run_in_threadpool(_start, server_of(request), token, path, body, signature)


def _start(server: Server, token: str, path: str, body: bytes, signature: str) -> Response:
    runtime = server.runtime

    def work(connection: Connection) -> schemas.CalledWebhook:
        link = links.webhook_with(connection, token)
        if link is None:
            raise _nothing_here()
        if link["kind"] == links.SIGNED_WEBHOOK:
            _check(signature, body, server.links.signing_key(link["id"]))
        called = webhooks.call(
            connection, link["job_id"], path, _text(body), ids=runtime.ids, now=runtime.clock.now()
        )
        if called is None:
            raise _nothing_here()
        return {
            "outcome": called.decision.outcome,
            "because": called.decision.because,
            "job_run_id": None if called.run is None else called.run["id"],
            "job_run_number": None if called.run is None else called.run["number"],
        }

    return reply(runtime.database.write(work), 202)


def _check(signature: str, body: bytes, key: str) -> None:
    """Return if a body was signed with a key. Raises: Forbidden."""
    expected = f"sha256={hmac.new(key.encode(), body, hashlib.sha256).hexdigest()}"
    if not hmac.compare_digest(signature.encode(), expected.encode()):
        raise Forbidden("The signature does not fit.", f"Sign the body and send it as `{SIGNATURE}`.")


def _text(body: bytes) -> str:
    try:
        text = body.decode()
    except UnicodeDecodeError:
        text = "\0"
    # PostgreSQL stores no text with a zero in it.
    if "\0" in text:
        raise InvalidRequest("The body is no UTF-8 text.", "Send JSON, or other text.")
    return text


def _nothing_here() -> NotFound:
    """Return the one answer to whoever guesses, so that guessing tells nothing."""
    return NotFound("There is nothing at this address.")
