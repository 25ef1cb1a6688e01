"""What several nouns have in common: names of formats, pages of lists, refusals."""

from __future__ import annotations

from typing import Annotated, Any, Generic, TypeVar

from pydantic import WithJsonSchema
from typing_extensions import TypedDict

Uuid = Annotated[str, WithJsonSchema({"type": "string", "format": "uuid"})]
Instant = Annotated[str, WithJsonSchema({"type": "string", "format": "date-time"})]
JsonObject = dict[str, Any]

T = TypeVar("T")


class ErrorBody(TypedDict):
    """What every refusal looks like."""

    status_code: int
    detail: str
    code: str
    extra: JsonObject | None


class Page(TypedDict, Generic[T]):
    """Part of a list. `total` counts no further than 10,001."""

    items: list[T]
    total: int
    limit: int
    offset: int
    next_cursor: str | None


class BulkFailure(TypedDict):
    """An item of a bulk request that names nothing."""

    ref: str
    detail: str
