"""Answers one call for one device: token, path, quota, body, device, and the fault that is scripted for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from orchestrator.simulator import replies
from orchestrator.simulator.bodies import BadBody
from orchestrator.simulator.paths import ACTION_SEGMENT, Address, NoSuchSegment, NotAGuid, locate
from orchestrator.simulator.replies import Reply
from orchestrator.simulator.script import FaultScript
from orchestrator.simulator.tenant import Call, Tenant
from orchestrator.simulator.throttling import Throttle
from orchestrator.simulator.tokens import ANY_APP, Bearer, TokenGate


@dataclass(frozen=True, slots=True)
class Asked:
    """One call as it arrived, by itself or as a part of an envelope."""

    method: str
    version: str
    segments: Sequence[str]
    action: str | BadBody
    bearer: Bearer | None
    client_request_id: str
    envelope: str | None = None


class Handler:
    """Decides every answer at once and enters it into the ledger; the responder waits and sends."""

    def __init__(
        self,
        tenant: Tenant,
        script: FaultScript,
        gate: TokenGate,
        *,
        seed: int,
        clock: Callable[[], float],
        wall: Callable[[], float],
    ) -> None:
        self.tenant, self.script, self.gate = tenant, script, gate
        self.throttle = Throttle(None)
        self._clock, self._wall = clock, wall
        self._id_prefix = f"{seed & 0xFFFFFFFF:08x}-0000-4000-8000-"
        self._given = 0

    def next_id(self) -> str:
        """A GUID that no other request of this simulator has."""
        self._given += 1
        return f"{self._id_prefix}{self._given:012x}"

    def answer(self, asked: Asked) -> tuple[Call, Reply]:
        """The call as the ledger keeps it, and the reply to give."""
        place = locate(asked.segments)
        call = Call(
            arrived=self._clock(),
            arrived_at=self._wall(),
            device=place.segment if isinstance(place, NoSuchSegment) else place.device,
            via="" if isinstance(place, NoSuchSegment) else place.via,
            action=asked.action if isinstance(asked.action, str) else "",
            app=ANY_APP if asked.bearer is None else asked.bearer.app,
            request_id=self.next_id(),
            client_request_id=asked.client_request_id,
            envelope=asked.envelope,
        )
        self.tenant.add_arrival(call)
        reply = self._reply(call, asked, place)
        if reply.delivery == "closed" and asked.envelope is not None:
            # A part has no connection of its own to lose: a gateway says that it gave up waiting.
            late = replies.error(call, 504, "GatewayTimeout", "The upstream service did not answer in time.")
            reply = replace(late, effect=reply.effect, delay=reply.delay)
        self.tenant.add_answer(call, reply.status, effect=reply.effect)
        return call, reply

    def _reply(self, call: Call, asked: Asked, place: Address | NoSuchSegment | NotAGuid) -> Reply:
        objection = self.gate.objection(call, asked.bearer) or self._wrong_place(call, asked, place)
        if objection is not None:
            return objection
        # Every write counts, the ones that are refused for another reason too.
        wait = self.throttle.refuse_for(call.app, call.arrived, call.arrived_at)
        if wait is not None and self.throttle.quota is not None:
            return replies.too_many_requests(call, self.throttle.quota.retry_after, wait)
        if isinstance(place, NotAGuid):
            return replies.error(call, 400, "BadRequest", f"Id '{place.value}' is not a valid GUID.")
        if isinstance(asked.action, BadBody):
            return replies.error(call, 400, "BadRequest", asked.action.reason)
        if not self.tenant.knows(call.device):
            return replies.missing_device(call)
        fault, delay = self.script.pick(
            "call", call.device, nth=self.tenant.asked[call.device], total=self.tenant.total
        )
        reply = replies.ACCEPTED if fault is None else fault.reply_to(call)
        return replace(reply, delay=delay) if delay else reply

    def _wrong_place(self, call: Call, asked: Asked, place: Address | NoSuchSegment | NotAGuid) -> Reply | None:
        if asked.version != "beta":
            # The action exists in beta only; inside a v1.0 envelope that shows as a wrong method.
            if asked.envelope is not None:
                return replies.error(call, 405, "MethodNotAllowed", "The method is not allowed for this resource.")
            return replies.no_such_segment(call, ACTION_SEGMENT)
        if isinstance(place, NoSuchSegment):
            return replies.no_such_segment(call, place.segment)
        if asked.method != "POST":
            return replies.error(
                call, 405, "MethodNotAllowed", "Specified HTTP method is not allowed for the request target."
            )
        return None
