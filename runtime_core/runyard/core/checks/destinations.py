"""Where the pipelines of a workspace load to, on one's own machine and on the server, side by side (TRB-09).

Secrets are never part of what is shown: of credentials only host, port and database are.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import SplitResult, urlsplit

from runyard.core.checks.finding import Code, Finding, Severity, Source
from runyard.core.checks.trees import full_name

LOCAL_HOSTS = frozenset({"", "localhost", "127.0.0.1", "::1"})

FILES = frozenset({"duckdb", "sqlite", "lancedb", "filesystem", "ducklake"})
"""Kinds that write to a file or folder unless told otherwise: each machine has its own."""

PLACE_FIELDS = ("host", "server_hostname", "account", "project_id", "catalog", "database", "dataset_name")
"""Settings that say where a destination is; whatever else stands there may be secret."""


@dataclass(frozen=True, slots=True)
class Place:
    """What one profile says of a destination: its kind, where it is, and whether another machine sees the same."""

    kind: str
    where: str
    is_shared: bool


@dataclass(frozen=True, slots=True)
class Row:
    """One destination under two profiles, None where a profile says nothing of it."""

    name: str
    dev: Place | None
    prod: Place | None


def named_in(source: Source) -> Iterator[str]:
    """Yield the destinations that a file names as it makes pipelines."""
    if "destination" not in source.text:
        return
    known = source.known
    for node in source.nodes(ast.Call):
        if full_name(node.func, known) != "dlt.pipeline":
            continue
        for keyword in node.keywords:
            if keyword.arg != "destination":
                continue
            value = keyword.value
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                yield value.value
            elif isinstance(value, ast.Call):
                _, found, kind = full_name(value.func, known).rpartition("dlt.destinations.")
                if found:
                    yield kind


def compare(named: Iterable[str], dev: Mapping[str, Any], prod: Mapping[str, Any]) -> list[Row]:
    """Return every destination that the code or a profile names; both are settings as merged for their profile."""
    ours, theirs = dict(_declared(dev)), dict(_declared(prod))
    names = dict.fromkeys([*named, *ours, *theirs])
    return [Row(name, _place(name, ours.get(name)), _place(name, theirs.get(name))) for name in sorted(names)]


def check(rows: Iterable[Row]) -> Iterator[Finding]:
    """Yield what is wrong between the two profiles."""
    for row in rows:
        if row.dev and not row.prod:
            yield Finding(
                Code.DESTINATION_MISSING,
                Severity.WARNING,
                f"Profile `prod` has no settings of the destination `{row.name}`; `dev` has.",
                "Batch jobs on the server would load elsewhere, or fail for want of credentials.",
                f"Add `[destination.{row.name}]` to `.dlt/prod.config.toml` or `.dlt/prod.secrets.toml`.",
            )
        if row.dev and row.prod and row.dev == row.prod and row.prod.is_shared:
            yield Finding(
                Code.DESTINATION_SHARED,
                Severity.WARNING,
                f"Profiles `dev` and `prod` load into the same place through `{row.name}`: {row.prod.where}.",
                "What is tried out on one machine changes what everybody reads.",
                f"Give `dev` a destination of its own: `[destination.{row.name}]` in `.dlt/dev.secrets.toml`.",
            )


def _declared(settings: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the tables of destinations, those of single pipelines too: `[destination.x]`, `[orders.destination.x]`."""
    for prefix, table in (("", settings), *((f"{name}.", table) for name, table in settings.items())):
        found = table.get("destination") if isinstance(table, Mapping) else None
        if isinstance(found, Mapping):
            for name, values in found.items():
                if isinstance(values, Mapping):
                    yield f"{prefix}{name}", values


def _place(name: str, table: Mapping[str, Any] | None) -> Place | None:
    if table is None:
        return None
    kind = str(table.get("destination_type") or name.rpartition(".")[2]).rpartition(".")[2]
    credentials = table.get("credentials")
    if isinstance(table.get("bucket_url"), str):
        return _of_address(kind, table["bucket_url"])
    if isinstance(credentials, str):
        return _of_address(kind, credentials)
    fields = credentials if isinstance(credentials, Mapping) else table
    said = {field: fields[field] for field in PLACE_FIELDS if isinstance(fields.get(field), str)}
    host = said.get("host", "")
    if "host" in said and isinstance(fields.get("port"), int | str):
        said["host"] = f"{host}:{fields['port']}"
    where = "/".join(said.values())
    is_shared = bool(said) and kind not in FILES and not ("host" in said and host in LOCAL_HOSTS)
    return Place(kind, where, is_shared)


def _of_address(kind: str, address: str) -> Place:
    """Return what an address says without who may: user, password and parameters are left out."""
    try:
        # What else has a colon may be a user and a password.
        parts = urlsplit(address if "://" in address or address.startswith("md:") else "")
        host = parts.hostname or ""
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        parts, host, port = SplitResult("", "", "", "", ""), "", ""
    if not parts.scheme:
        # A path is one for what keeps files; for others a text without a scheme is a key.
        return Place(kind, address.partition("?")[0] if kind in FILES else "", is_shared=False)
    is_shared = parts.scheme == "md" or (parts.scheme != "file" and host not in LOCAL_HOSTS)
    return Place(kind, f"{parts.scheme}:{'//' if parts.netloc else ''}{host}{port}{parts.path}", is_shared)
