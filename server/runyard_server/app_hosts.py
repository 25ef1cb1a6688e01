"""The hosts of apps: each is served at `<label>.<apps host>`, which shares no cookie and no script with others."""

from __future__ import annotations

from urllib.parse import urlsplit


def host_name(host: str) -> str:
    """Return the name in a Host header, in lower case and without its port; empty if there is none."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def label_in(name: str, apps_host: str) -> str | None:
    """Return the label of an app's host name, None for a name that is not below the apps host."""
    label, dot, rest = name.partition(".")
    return label if dot and rest == apps_host and label else None


def app_origin(origin: str, label: str, apps_host: str) -> str:
    """Return where an app is reached by somebody who reaches the server at `origin`: same scheme, same port."""
    url = urlsplit(origin)
    port = "" if url.port is None else f":{url.port}"
    return f"{url.scheme}://{label}.{apps_host}{port}"
