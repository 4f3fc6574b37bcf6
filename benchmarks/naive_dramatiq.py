"""One Dramatiq message a device: `dramatiq benchmarks.naive_dramatiq`."""

from __future__ import annotations

import os

import dramatiq
from dramatiq.brokers.redis import RedisBroker

from benchmarks.naive_call import BROKER, call

dramatiq.set_broker(RedisBroker(url=os.environ[BROKER]))  # type: ignore[no-untyped-call] # ships no types for it


@dramatiq.actor
def trigger(device: str) -> None:
    """One device."""
    call(device)
