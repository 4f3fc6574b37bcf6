"""Calls with nothing around them: no job, no database, no throttle. `python -m benchmarks.bare_calls URL COUNT HOW`."""

from __future__ import annotations

import asyncio
import json
import sys
import time
import uuid
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import httpx

from orchestrator.domain.batch import split
from orchestrator.graph.transport import pooled_transport
from orchestrator.graph.trust import trust_in
from tests.support.apps import device_ids

AT_ONCE = 64
"""As many as ours has under way."""


@dataclass(frozen=True, slots=True)
class Way:
    """How a bare loop calls: over our transport or httpx's own, in envelopes or singly, so many at once."""

    is_ours: bool
    in_envelopes: bool
    at_once: int = AT_ONCE


WAYS = {
    "own-pool": Way(is_ours=False, in_envelopes=False),
    "same-pool": Way(is_ours=True, in_envelopes=False),
    # httpx's own pool is at its best with few connections.
    "own-envelopes": Way(is_ours=False, in_envelopes=True, at_once=8),
    "envelopes": Way(is_ours=True, in_envelopes=True),
}

_BODY = {"configurationManagerAction": {"action": "refreshUserPolicy"}}
_HEADERS = {"Authorization": "Bearer simulated", "Accept": "application/json", "Content-Type": "application/json"}


async def call_all(url: str, count: int, how: str) -> float:
    """Seconds for so many devices; `how` is one of `WAYS`.

    Every request is built, and every answer read, while the time runs: no loop that is of use could leave that out.
    """
    devices = device_ids(count)
    way = WAYS[how]
    client = httpx.AsyncClient(transport=pooled_transport(trust_in(None)) if way.is_ours else None)
    call: Callable[[httpx.AsyncClient, str, Sequence[str]], Awaitable[None]]
    call, size = (_call_envelope, 20) if way.in_envelopes else (_call_one, 1)
    waiting = iter(split(devices, size))

    async def runner() -> None:
        for part in waiting:
            await call(client, url, part)

    async with client:
        begun = time.perf_counter()
        async with asyncio.TaskGroup() as runners:
            for _ in range(way.at_once):
                runners.create_task(runner())
        return time.perf_counter() - begun


async def _call_one(client: httpx.AsyncClient, url: str, devices: Sequence[str]) -> None:
    (device,) = devices
    headers = {**_HEADERS, "client-request-id": str(uuid.uuid4())}
    reply = await client.post(f"{url}/beta{_path(device)}", content=json.dumps(_BODY).encode(), headers=headers)
    if reply.status_code != 204:
        raise RuntimeError(f"{device} was answered with {reply.status_code}")


async def _call_envelope(client: httpx.AsyncClient, url: str, devices: Sequence[str]) -> None:
    parts = [
        {
            "id": str(number),
            "method": "POST",
            "url": _path(device),
            "headers": {"Content-Type": "application/json", "client-request-id": str(uuid.uuid4())},
            "body": _BODY,
        }
        for number, device in enumerate(devices, 1)
    ]
    headers = {**_HEADERS, "client-request-id": str(uuid.uuid4())}
    reply = await client.post(f"{url}/beta/$batch", content=json.dumps({"requests": parts}).encode(), headers=headers)
    statuses = {answer["id"]: answer["status"] for answer in reply.json()["responses"]}
    if [statuses[part["id"]] for part in parts] != [204] * len(parts):
        raise RuntimeError(f"an envelope was answered with {statuses}")


def _path(device: str) -> str:
    return f"/deviceManagement/managedDevices/{device}/triggerConfigurationManagerAction"


if __name__ == "__main__":
    sys.stdout.write(f"{asyncio.run(call_all(sys.argv[1], int(sys.argv[2]), sys.argv[3]))}\n")
