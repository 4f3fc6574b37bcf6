"""Brings a reply to its caller: late, never, or with the headers every answer of Graph has."""

from __future__ import annotations

from random import Random

from orchestrator.simulator import exchange
from orchestrator.simulator.exchange import Caller, RawHeaders
from orchestrator.simulator.replies import Reply, http_date
from orchestrator.simulator.world import World

_DIAGNOSTIC = (
    b"x-ms-ags-diagnostic",
    b'{"ServerInfo":{"DataCenter":"Simulator","Slice":"E","Ring":"1","ScaleUnit":"001","RoleInstance":"SIM01"}}',
)
_JSON = (b"content-type", b"application/json")


class Responder:
    """Delivers replies, each held back for a random time within `latency`."""

    def __init__(self, world: World, random: Random) -> None:
        self.latency = (0.0, 0.0)
        self._world, self._random = world, random
        self._second, self._date = -1, b""

    async def deliver(self, reply: Reply, *, request_id: str, client_request_id: str, to: Caller) -> bool:
        """True if the reply left for a caller who was still there."""
        low, high = self.latency
        delay = reply.delay + (self._random.uniform(low, high) if high else 0.0)
        if delay and not await exchange.caller_stays(to, self._world.pause(delay)):
            return False
        if reply.delivery == "closed":
            await exchange.hang_up(to, self._world.lost)
            return False
        await exchange.respond(to, reply.status, self._headers(reply, request_id, client_request_id), reply.encoded())
        return True

    def _headers(self, reply: Reply, request_id: str, client_request_id: str) -> RawHeaders:
        if reply.stands_between:
            return [(b"date", self._now()), *((name.encode(), text.encode("latin-1")) for name, text in reply.headers)]
        headers: RawHeaders = [(b"date", self._now()), (b"request-id", request_id.encode()), _DIAGNOSTIC]
        if client_request_id:
            headers.append((b"client-request-id", client_request_id.encode("latin-1")))
        if reply.payload is not None:
            headers.append(_JSON)
        if reply.headers:
            own = [(name.encode(), text.encode("latin-1")) for name, text in reply.headers]
            replaced = {name for name, _ in own}
            headers = [each for each in headers if each[0] not in replaced] + own
        return headers

    def _now(self) -> bytes:
        second = int(self._world.wall())
        if second != self._second:
            self._second, self._date = second, http_date(second).encode()
        return self._date
