"""A key that is made in one request of the dashboard and shown in the next one: once, and only to that session.

Neither the key's text nor the session's secret is stored. The text is derived from a nonce, which is stored until it is
shown, and from the session's secret, which only the browser has.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets

from orchestrator.app import App
from orchestrator.usecases.access.keys import NewKey, ShownLater, key_id_of, key_text
from orchestrator.usecases.access.sign_in import hash_of_session


def shown_later(session: str, *, once: str | None = None) -> ShownLater:
    """How a key is made whose text the session with this secret can take once; one key for each `once` of a form."""
    nonce = secrets.token_hex(32)
    key_id = once and key_id_of(hmac.digest(session.encode(), f"id of key {once}".encode(), hashlib.sha256))
    return ShownLater(hash_of_session(session), nonce, _derived(session, nonce), key_id)


async def pop_new_keys(app: App, *, session: str) -> list[NewKey]:
    """The keys that were made in this session and not shown yet; the next call does not return them again."""
    session_hash = hash_of_session(session)
    async with app.store.reading() as tx:
        if not await tx.keys.any_to_show(session_hash):
            return []
    async with app.store.transaction() as tx:
        taken = await tx.keys.pop_for_display(session_hash, now=await tx.now())
        return [
            NewKey(await tx.keys.find(key_id), key_text(key_id, _derived(session, nonce))) for key_id, nonce in taken
        ]


def _derived(session: str, nonce: str) -> str:
    digest = hmac.digest(session.encode(), f"new key {nonce}".encode(), hashlib.sha256)
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")
