"""Signing a person in through a provider: sent there, and let in when they come back with what was asked for."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Protocol

from orchestrator.app import App
from orchestrator.domain.access import Actor
from orchestrator.domain.errors import SignInRefused
from orchestrator.domain.people import Identified, Limits, grant_of_person

_PATIENCE = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Entered:
    """A person who was let in, and the page that they wanted."""

    actor: Actor
    to: str
    refresh_token: str | None = field(default=None, repr=False)


class Provider(Protocol):
    """A directory of people."""

    async def begin(self, *, again: bool) -> tuple[str, str, str]:
        """Where to send a person, the state that they come back with, and what is to be remembered meanwhile.

        `again` makes the person prove anew who they are, however long ago they signed in elsewhere.
        """
        ...

    async def finish(self, remembered: str, answer: Mapping[str, str]) -> Identified:
        """Returns the person who signed in; SignInRefused, SignInUnreachable."""
        ...

    async def renew(self, refresh_token: str) -> Identified:
        """The person with the roles that they have now.

        SignInRefused where the directory lets them in no more, SignInUnreachable where it cannot be asked.
        """
        ...


async def begin_person_sign_in(app: App, provider: Provider, *, to: str, again: bool = False) -> tuple[str, str]:
    """Where to send the person, and the state that their browser must bring back."""
    where, state, remembered = await provider.begin(again=again)
    async with app.store.transaction() as tx:
        now = await tx.now()
        flow = json.dumps({"to": to, "flow": remembered})
        await tx.sessions.remember_sign_in(_hash(state), flow, expires_at=now + _PATIENCE, now=now)
    return where, state


async def finish_person_sign_in(
    app: App, provider: Provider, answer: Mapping[str, str], *, origin: str, limits: Limits
) -> Entered:
    """Who came back and where they wanted to go; SignInRefused, or NotPermitted where they have no role here."""
    async with app.store.transaction() as tx:
        taken = await tx.sessions.pop_sign_in(_hash(answer.get("state", "")), now=await tx.now())
    if taken is None:
        raise SignInRefused("This sign-in took too long, or was finished before. Begin again.")
    flow, to = _remembered(taken)
    identified = await provider.finish(flow, answer)
    person = identified.person
    grant = grant_of_person(person, limits)
    actor = Actor(person.name, origin, grant, person_id=person.id, signed_in_at=person.signed_in_at)
    return Entered(actor, to, identified.refresh_token)


def _remembered(text: str) -> tuple[str, str]:
    """The flow of a sign-in, and the page that its person wanted."""
    try:
        kept = json.loads(text)
        flow, to = kept["flow"], kept["to"]
    except (ValueError, TypeError, KeyError, RecursionError):
        flow, to = None, None
    if not isinstance(flow, str) or not isinstance(to, str):
        raise SignInRefused("What was kept of this sign-in cannot be read. Begin again.")
    return flow, to


def _hash(state: str) -> str:
    return hashlib.sha256(state.encode()).hexdigest()
