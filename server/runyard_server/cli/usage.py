"""Words that fit no command: what the parser says of them, as an error like every other (CLI-45)."""

from __future__ import annotations

from typing import Any

import typer
from typer.core import TyperGroup

from runyard.core.errors import RunyardError
from runyard_server.cli.session import session_of


class BadUsage(RunyardError):
    """A command, option or value that the command line does not have."""

    code = "RY1110"

    @classmethod
    def of(cls, refused: typer.TyperException) -> BadUsage:
        """Return what the parser refused."""
        context: typer.Context | None = getattr(refused, "ctx", None)
        command = context.command_path if context else "runyard"
        return cls(refused.format_message(), f"`{command} --help` says what there is.")


class Group(TyperGroup):
    """A group of commands, which alone shows its help, unless a program reads."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if not args and session_of(ctx).output.as_json:
            ctx.fail("Missing command.")
        return super().parse_args(ctx, args)
