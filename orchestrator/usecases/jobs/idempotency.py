"""A request that comes again with its idempotency key makes nothing new; each caller's keys are their own."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator.domain.access import Actor
from orchestrator.domain.errors import IdempotencyConflict
from orchestrator.domain.job import Job
from orchestrator.store.engine.database import Transaction


class KeyTaken(Exception):
    """Another job was published with the same idempotency key."""


@dataclass(frozen=True, slots=True)
class Idempotency:
    """A key as it was sent, its sender, and every part of the request."""

    by: Actor
    key: str
    request: Sequence[object]

    @property
    def columns(self) -> tuple[str, str]:
        """Returns the two columns of the table: the key with its owner, and the digest of the request."""
        return _hash_of([self.by.caller, self.key]), _hash_of(self.request)


async def job_of_key(tx: Transaction, idempotency: Idempotency | None) -> Job | None:
    """The job that this request made before; IdempotencyConflict where its key came with another request."""
    if idempotency is None:
        return None
    key, request = idempotency.columns
    found = await tx.jobs.by_idempotency_key(key)
    if found is None:
        return None
    job, their_request = found
    if their_request != request:
        raise IdempotencyConflict(idempotency.key)
    return job


async def result_of_key(tx: Transaction, idempotency: Idempotency | None) -> str | None:
    """The name of the thing that this request made before, other than a job; IdempotencyConflict as for a job."""
    if idempotency is None:
        return None
    key, request = idempotency.columns
    found = await tx.sent_requests.find(key)
    if (found is not None and found[0] != request) or await tx.jobs.by_idempotency_key(key) is not None:
        raise IdempotencyConflict(idempotency.key)
    return None if found is None else found[1]


async def result_before(tx: Transaction, idempotency: Idempotency | None, result: str) -> str | None:
    """Keep the request with the name of its result; where the same request was kept before, return that one's name.

    It comes first in a transaction: a request that is sent twice at once waits here for the commit of the first.
    """
    before = await result_of_key(tx, idempotency)
    if idempotency is None or before is not None:
        return before
    added = await tx.sent_requests.add(*idempotency.columns, result, now=await tx.now())
    return None if added else await result_of_key(tx, idempotency)


def _hash_of(parts: Sequence[object]) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()
