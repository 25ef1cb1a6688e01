"""Which settings files apply under a profile, and who wins. Reads none: names and parsed tables are handed in.

Also used inside a job's process, which is why it stands apart from `profiles`.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from typing import Any

DEV = "dev"
"""The profile of whoever chose none."""


def files_for(profile: str, file_names: Collection[str]) -> list[str]:
    """Return the settings files a run under `profile` may see, the weakest first.

    Source: PRF-07, PRF-09, PRF-12.
    """
    order = ["config.toml", "secrets.toml", f"{profile}.config.toml", f"{profile}.secrets.toml"]
    return [name for name in order if name in file_names]


def merge(layers: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the settings that result from tables given weakest first; tables merge, other values replace.

    Source: PRF-08, PRF-09.
    """
    merged: dict[str, Any] = {}
    for layer in layers:
        for key, value in layer.items():
            below = merged.get(key)
            if isinstance(value, dict):
                merged[key] = merge([below if isinstance(below, dict) else {}, value])
            else:
                merged[key] = value
    return merged
