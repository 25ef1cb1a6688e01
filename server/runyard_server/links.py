"""What opens an app without an account, or starts a job: the tokens in links, and the cookie that one becomes.

Both follow from the id of the link and a key that lies beside the database, so that members can see an address again
while the database has nothing that opens anything. Whether a link still works is asked of the store, see `app_door`.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from pathlib import Path

from sqlalchemy import RowMapping

from runyard.core.ids import Ids
from runyard.core.key_files import read_or_make
from runyard.core.store.accounts import hash_token

LINK_COOKIE = "runyard_link"
"""The cookie of an app's host that names one viewer of one link; a member's own cookie goes before it."""

COOKIE_SECONDS = 30 * 86400
"""How long a viewer may come back without the address; whether the link works is asked every time."""

HOOK_PATH = "/hooks/"
"""Where others call to start a job."""

LINK_PATH = "/-/link/"
"""Where a token becomes a cookie."""

KEY_FILE = "links.key"


class Links:
    """Makes and reads what visitors of public links carry."""

    def __init__(self, keys_dir: Path, ids: Ids) -> None:
        self._ids = ids
        self._key = read_or_make(keys_dir / KEY_FILE, lambda: ids.new_token().encode())

    def token(self, link_id: str) -> str:
        """Return the token of a link: 256 bits that nobody can tell without the key (PUB-06)."""
        return self._sign(f"link:{link_id}")

    def hook_token(self, link_id: str) -> str:
        """Return the token of a webhook: 256 bits that nobody can tell without the key."""
        return self._sign(f"webhook:{link_id}")

    def signing_key(self, link_id: str) -> str:
        """Return the key that calls of a signed webhook are signed with."""
        return self._sign(f"webhook-signature:{link_id}")

    def opens(self, token: str, job: RowMapping) -> bool:
        """Return whether a token is that of the link which an app has now."""
        known = job["link_token_hash"]
        return known is not None and hmac.compare_digest(known, hash_token(token))

    def new_cookie(self, link_id: str) -> str:
        """Return the cookie of a viewer nobody has seen before."""
        viewer_id = self._ids.new_id()
        return f"{viewer_id}.{self._sign(f'viewer:{link_id}:{viewer_id}')}"

    def viewer(self, cookie: str, job: RowMapping) -> str | None:
        """Return whom a cookie names, None unless it was given for the link which an app has now."""
        viewer_id, _, signature = cookie.partition(".")
        expected = self._sign(f"viewer:{job['link_id']}:{viewer_id}")
        is_right = hmac.compare_digest(signature.encode(), expected.encode())
        return viewer_id if is_right and job["link_id"] is not None else None

    def _sign(self, text: str) -> str:
        digest = hmac.digest(self._key, text.encode(), hashlib.sha256)
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
