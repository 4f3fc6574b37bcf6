"""Signing a person in through a provider: sent there, and taken in when they come back with what we asked for."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Protocol

from orchestrator.domain.access import Asker, Limits, Person, grant_of_person
from orchestrator.domain.errors import SignInRefused
from orchestrator.usecases.app import App

_PATIENCE = timedelta(minutes=15)


class Provider(Protocol):
    """Who knows people."""

    async def begin(self) -> tuple[str, str, str]:
        """Where to send a person, the state that they come back with, and what is to be remembered meanwhile."""
        ...

    async def finish(self, remembered: str, answer: Mapping[str, str]) -> Person:
        """Who came back; SignInRefused or SignInUnreachable where nobody did."""
        ...


async def begin_person_sign_in(app: App, provider: Provider, *, to: str) -> tuple[str, str]:
    """Where to send the person, and the state that their browser must bring back."""
    where, state, remembered = await provider.begin()
    async with app.store.transaction() as tx:
        now = await tx.now()
        flow = json.dumps({"to": to, "flow": remembered})
        await tx.sessions.remember_sign_in(_hash(state), flow, expires_at=now + _PATIENCE, now=now)
    return where, state


async def finish_person_sign_in(
    app: App, provider: Provider, answer: Mapping[str, str], *, origin: str, limits: Limits
) -> tuple[Asker, str]:
    """Who came back and where they wanted to go; SignInRefused, or NotPermitted where they have no role here."""
    async with app.store.transaction() as tx:
        taken = await tx.sessions.take_sign_in(_hash(answer.get("state", "")), now=await tx.now())
    if taken is None:
        raise SignInRefused("This sign-in took too long, or was finished before. Begin again.")
    remembered = json.loads(taken)
    person = await provider.finish(remembered["flow"], answer)
    return Asker(person.name, origin, grant_of_person(person, limits)), str(remembered["to"])


def _hash(state: str) -> str:
    return hashlib.sha256(state.encode()).hexdigest()
