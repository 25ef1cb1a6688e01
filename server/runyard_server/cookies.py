"""Our cookies: giving, finding and taking one away. What is in them is `credentials` and `links`.

Behind TLS each name begins with `__Host-`, which browsers accept from this very host alone. Otherwise a page on a
sibling of the server's host, an app's for one, could set a cookie for the name above both and so sign its visitor in as
somebody else. Over plain HTTP browsers refuse the prefix; nothing stands above `localhost`, where that is common.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from starlette.responses import Response

_HOST = "__Host-"


def names_of(name: str) -> Collection[str]:
    """Return what a cookie of ours may be called."""
    return (name, _HOST + name)


def find(cookies: Mapping[str, str], name: str, origin: str) -> str | None:
    """Return the value of a cookie at an origin of ours, None without it."""
    return cookies.get(_name_at(origin, name))


def give(response: Response, name: str, value: str, seconds: int, origin: str) -> None:
    """Let a browser keep a cookie for this host, where no script reads it and no other site's request sends it."""
    response.set_cookie(
        _name_at(origin, name),
        value,
        max_age=seconds,
        httponly=True,
        samesite="lax",
        secure=_is_secure(origin),
    )


def take(response: Response, name: str, origin: str) -> None:
    """Let a browser forget a cookie."""
    response.delete_cookie(_name_at(origin, name), secure=_is_secure(origin))


def _name_at(origin: str, name: str) -> str:
    return _HOST + name if _is_secure(origin) else name


def _is_secure(origin: str) -> bool:
    return origin.startswith("https:")
