"""Errors over HTTP: which class becomes which status, and the one shape every error has (API-04).

`{"status_code": 404, "detail": "cause remedy", "code": "RY1200", "extra": {"reasons": [...]}}`. One that is
about an input of a job names it as `input` in `extra`. What an error says is in `runyard.core.errors`; nothing of an
unexpected exception leaves the server.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import IntegrityError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from runyard.core import errors

log = logging.getLogger(__name__)

STATUS: dict[type[errors.RunyardError], int] = {
    errors.InvalidInput: 400,
    errors.InvalidTrace: 422,
    errors.NotSignedIn: 401,
    errors.Forbidden: 403,
    errors.NotFound: 404,
    errors.AmbiguousName: 409,
    errors.Conflict: 409,
    errors.TooLarge: 413,
    errors.EnvironmentFailed: 500,
    errors.StartFailed: 500,
    errors.Unavailable: 503,
    errors.StorageFull: 507,
    errors.RunyardError: 500,
}
"""Status of an error class; a class that is not here has the one of its nearest ancestor."""

_WORDS = {
    404: ("There is nothing at this address.", errors.NotFound.code),
    405: ("This address does not take that method.", errors.InvalidRequest.code),
}
"""What we say where the framework would answer with the status alone."""


def status_of(error: errors.RunyardError) -> int:
    """Return the HTTP status of an error."""
    return next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)


def body(
    status: int, detail: str, code: str, reasons: tuple[str, ...] = (), input_name: str = ""
) -> dict[str, Any]:
    """Return the one shape of an error; half a surrogate pair in what it quotes is spelled out."""
    detail, about, *told = (
        text.encode(errors="backslashreplace").decode() for text in (detail, input_name, *reasons)
    )
    extra: dict[str, Any] = {"reasons": told}
    if about:
        extra["input"] = about
    return {"status_code": status, "detail": detail, "code": code, "extra": extra if told or about else None}


def respond(error: errors.RunyardError, status: int | None = None) -> JSONResponse:
    """Return the answer that tells of an error."""
    status = status or status_of(error)
    headers = {"www-authenticate": "Bearer"} if status == 401 else None
    return JSONResponse(
        body(status, str(error), error.code, error.reasons, error.input_name), status, headers
    )


async def on_own(_request: Request, error: errors.RunyardError) -> Response:
    """Answer one of our errors."""
    return respond(error)


async def on_http(_request: Request, error: HTTPException) -> Response:
    """Answer what the framework refuses: an unknown address, a wrong method, a body that cannot be read."""
    if isinstance(error.__cause__, errors.RunyardError):
        return respond(error.__cause__)
    detail, code = _WORDS.get(error.status_code, (f"{error.detail}.", errors.InvalidRequest.code))
    return JSONResponse(body(error.status_code, detail, code), error.status_code, error.headers)


async def on_invalid(_request: Request, error: RequestValidationError) -> Response:
    """Answer parameters or a body that do not fit, one reason for each thing that is wrong."""
    reasons = tuple(_reason(item) for item in error.errors())
    return respond(
        errors.InvalidRequest(f"The request does not fit: {reasons[0]}.", "Correct it.", reasons=reasons)
    )


async def on_lost_race(_request: Request, error: IntegrityError) -> Response:
    """Answer a write that met another one; the database let one of them through."""
    log.info("a write met another one: %s", error)
    return respond(errors.Conflict("Somebody else changed the same thing just now.", "Try again."))


async def on_unexpected(_request: Request, _error: Exception) -> Response:
    """Answer our own mistakes. The server logs the traceback; the client learns that it is not theirs."""
    return respond(errors.RunyardError("The server made a mistake.", "Its log says more; please report it."))


def _reason(item: dict[str, Any]) -> str:
    where = ".".join(str(part) for part in item["loc"][1:]) or str(item["loc"][0])
    return f"`{where}`: {item['msg']}"


Handler = Callable[[Request, Any], Coroutine[Any, Any, Response]]

HANDLERS: dict[int | type[Exception], Handler] = {
    errors.RunyardError: on_own,
    HTTPException: on_http,
    RequestValidationError: on_invalid,
    IntegrityError: on_lost_race,
    Exception: on_unexpected,
}
"""Who answers which exception."""
