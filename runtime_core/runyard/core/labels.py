"""The host labels of interactive jobs: each is served at `<label>.<apps host>`, a host of its own (SEC-07)."""

from __future__ import annotations

import re

NAME_MAX_CHARS = 40
"""What is taken of a name; a label of the domain name system has at most 63 characters."""

DISTINCT_CHARS = 8
"""What is taken of an id, so that jobs of one name in several workspaces differ."""


def make_label(name: str, id: str) -> str:
    """Return the label of a job called `name`: lower-case letters, digits and hyphens; `id` is a fresh UUID."""
    slug = re.sub(r"[^a-z0-9]+", "-", name.lower())[:NAME_MAX_CHARS].strip("-")
    return f"{slug or 'app'}-{id.replace('-', '')[:DISTINCT_CHARS]}"
