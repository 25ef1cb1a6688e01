"""What feeds a widget: the state now, changes later, answers to what the browser asks for.

Here is only the shape. A widget knows nothing of servers, clients or files: whoever has data binds it to this
protocol. How frames reach the browser is in `live_widget`; what a head holds is said by each widget.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Frame:
    """One piece of state: `head` is JSON with a "kind", `body` the bulk that JSON would slow down."""

    head: Mapping[str, Any]
    body: bytes = b""


class Feed(Protocol):
    """Where a widget's frames come from. Instants in heads are milliseconds, UTC."""

    def now(self) -> Frame:
        """The state at this moment, so that neither a widget nor an export of it is ever blank. May raise."""
        ...

    def frames(self) -> AsyncIterator[Frame]:
        """The full state, then changes as they come; ends when no more can come.

        It reconnects by itself. What nobody pulled for a while is skipped, not queued. Called anew, it starts
        over with the full state.
        """
        ...

    async def ask(self, request: Mapping[str, Any]) -> Frame:
        """The answer to what the browser asks for. Raises `ValueError` for what it does not know."""
        ...
