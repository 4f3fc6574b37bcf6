"""Calls with nothing around them: no job, no database, no throttle. `python -m benchmarks.bare_calls URL COUNT HOW`."""

from __future__ import annotations

import asyncio
import json
import sys
import time
import uuid
from collections.abc import Iterable

import httpx

from orchestrator.domain.batch import split
from orchestrator.graph.transport import pooled_transport
from orchestrator.graph.trust import trust_in
from tests.support.apps import device_ids

AT_ONCE = 64
"""As many as ours has under way."""

_BODY = {"configurationManagerAction": {"action": "refreshUserPolicy"}}
_SINGLE = json.dumps(_BODY).encode()
_HEADERS = {"Authorization": "Bearer simulated", "Accept": "application/json", "Content-Type": "application/json"}


async def call_all(url: str, count: int, how: str) -> float:
    """Seconds for so many devices; how: `own-pool` (httpx as it comes), `same-pool` or `envelopes` (our transport)."""
    devices = device_ids(count)
    requests: list[tuple[str, bytes]]
    if how == "envelopes":
        requests = [("/beta/$batch", _envelope(part)) for part in split(devices, 20)]
    else:
        requests = [("/beta" + _path(device), _SINGLE) for device in devices]
    wanted = 200 if how == "envelopes" else 204
    client = httpx.AsyncClient(transport=None if how == "own-pool" else pooled_transport(trust_in(None)))
    waiting = iter(requests)

    async def runner() -> None:
        for path, body in waiting:
            headers = {**_HEADERS, "client-request-id": str(uuid.uuid4())}
            reply = await client.post(url + path, content=body, headers=headers)
            if reply.status_code != wanted:
                raise RuntimeError(f"{path} was answered with {reply.status_code}")

    async with client:
        begun = time.perf_counter()
        async with asyncio.TaskGroup() as runners:
            for _ in range(AT_ONCE):
                runners.create_task(runner())
        return time.perf_counter() - begun


def _path(device: str) -> str:
    return f"/deviceManagement/managedDevices/{device}/triggerConfigurationManagerAction"


def _envelope(devices: Iterable[str]) -> bytes:
    parts = [
        {
            "id": str(number),
            "method": "POST",
            "url": _path(device),
            "headers": {"Content-Type": "application/json"},
            "body": _BODY,
        }
        for number, device in enumerate(devices, 1)
    ]
    return json.dumps({"requests": parts}).encode()


if __name__ == "__main__":
    sys.stdout.write(f"{asyncio.run(call_all(sys.argv[1], int(sys.argv[2]), sys.argv[3]))}\n")
