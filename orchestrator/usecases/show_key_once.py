"""A key that is made in one request of the dashboard and shown in the next one: once, and only to that session."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from datetime import timedelta

from orchestrator.domain.access import Asker, Grant
from orchestrator.usecases.app import App
from orchestrator.usecases.keys import NewKey, create_key, key_text
from orchestrator.usecases.sign_in import hash_of_session

SHOWN_WITHIN = timedelta(minutes=5)
"""A browser follows a redirect at once; a key that was not shown by then is revoked and made again."""


async def create_key_to_show(
    app: App,
    grant: Grant,
    *,
    session: str,
    name: str | None,
    expires_in_days: int | None = None,
    by: Asker,
    reason: str | None = None,
) -> None:
    """Make a key whose text the session with this secret can take once.

    Neither the key's text nor the session's secret is stored. The text is derived from a nonce, which is stored until
    it is shown, and from the session's secret, which only the browser has.
    """
    nonce = secrets.token_hex(32)
    await create_key(
        app,
        grant,
        name=name,
        expires_in_days=expires_in_days,
        by=by,
        reason=reason,
        secret=_derived(session, nonce),
        to_show=(hash_of_session(session), nonce, SHOWN_WITHIN),
    )


async def take_new_keys(app: App, *, session: str) -> list[NewKey]:
    """The keys that were made in this session and not shown yet; the next call does not return them again."""
    session_hash = hash_of_session(session)
    async with app.store.reading() as tx:
        if not await tx.keys.any_to_show(session_hash):
            return []
    async with app.store.transaction() as tx:
        taken = await tx.keys.take_to_show(session_hash, now=await tx.now())
        return [
            NewKey(await tx.keys.find(key_id), key_text(key_id, _derived(session, nonce))) for key_id, nonce in taken
        ]


def _derived(session: str, nonce: str) -> str:
    digest = hmac.digest(session.encode(), f"new key {nonce}".encode(), hashlib.sha256)
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")
