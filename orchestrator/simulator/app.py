"""`SimulatedGraph`: the ASGI application, in process through a transport or on a port."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from random import Random
from urllib.parse import parse_qsl

from orchestrator.simulator import replies
from orchestrator.simulator.bodies import BadBody, action_in
from orchestrator.simulator.control import Control
from orchestrator.simulator.directory import Directory
from orchestrator.simulator.entra import Entra
from orchestrator.simulator.envelope import Malformed, answer_parts, parts_of
from orchestrator.simulator.exchange import (
    Caller,
    CallerLeft,
    Receive,
    Scope,
    Send,
    TooLong,
    read_body,
    respond,
    respond_json,
)
from orchestrator.simulator.exports import DOWNLOADS, Exports
from orchestrator.simulator.fault_injector import FaultInjector
from orchestrator.simulator.handler import Asked, Handler
from orchestrator.simulator.paths import segments_of
from orchestrator.simulator.reads import Read, Reads
from orchestrator.simulator.replies import Reply
from orchestrator.simulator.responder import Responder
from orchestrator.simulator.script import FaultScript
from orchestrator.simulator.tenant import Call, Envelope, Tenant
from orchestrator.simulator.throttling import Quota, Throttle
from orchestrator.simulator.tokens import ANY_APP, TokenGate
from orchestrator.simulator.world import World

_VERSIONS = frozenset({"beta", "v1.0"})
_BATCH = frozenset({"$batch", "%24batch"})
_DOCUMENTED = Quota()
_THIS_WORLD = World()


class SimulatedGraph(FaultInjector):
    """A Graph for one tenant's devices: `graph.tenant` is what really happened, the methods are what shall go wrong."""

    def __init__(
        self,
        quota: Quota | None = _DOCUMENTED,
        *,
        seed: int = 0,
        known_devices: Iterable[str] | None = None,
        check_tokens: bool = False,
        counts_only: bool = False,
        world: World = _THIS_WORLD,
    ) -> None:
        self.tenant = Tenant(known_devices=known_devices, counts_only=counts_only)
        self.gate = TokenGate(check=check_tokens, wall=world.wall)
        self._world, self._random = world, Random(seed)
        self._responder = Responder(world, self._random)
        script = FaultScript(seed, world.clock)
        super().__init__(script, self.gate, clock=world.clock)
        self.entra = Entra(script, self._responder, wall=world.wall)
        self._handler = Handler(self.tenant, script, self.gate, seed=seed, clock=world.clock, wall=world.wall)
        self.directory = Directory()
        self.reads = Reads(self.directory, Exports(self.directory, wall=world.wall))
        self._control = Control(self)
        self._known_bodies: dict[bytes, str] = {}
        self.limit_writes(quota)

    @property
    def throttle(self) -> Throttle:
        """The quota in force, and what came too early."""
        return self._handler.throttle

    def limit_writes(self, quota: Quota | None) -> None:
        """Count writes against this quota from now on; None lifts it."""
        self._handler.throttle = Throttle(quota)

    def answer_within(self, low: float, high: float) -> None:
        """Hold every answer back for a random time between these seconds."""
        self._responder.latency = (low, high)

    def reset(self) -> None:
        """Forget every call and every fault; quota and latency stay, and counting begins anew."""
        self.tenant.forget()
        self.behave()
        self.entra.forget_counts()
        self.limit_writes(self.throttle.quota)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI entrance."""
        if scope["type"] != "http":
            return
        caller = Caller(scope, receive, send)
        path: str = (scope.get("raw_path") or scope["path"].encode()).decode("latin-1")
        version, _, below = path[1:].partition("/")
        try:
            if version in _VERSIONS and not below.strip("/") and scope["method"] == "GET":
                await self._answer_service_document(caller)
            elif version in _VERSIONS:
                await (self._answer_envelope if below in _BATCH else self._answer_call)(version, below, caller)
            elif version == "_simulator":
                await self._control.answer(below, caller)
            elif version == DOWNLOADS:
                query = dict(parse_qsl(caller.scope["query_string"].decode("latin-1")))
                status, body = self.reads.exports.download(below, query, caller.header(b"authorization"))
                await respond(caller, status, [(b"content-type", b"application/zip")], body)
            elif not await self.entra.answer(path, caller):
                await self._answer_call(version, below, caller)
        except TooLong:
            too_long = {"error": {"code": "RequestEntityTooLarge", "message": "The request is too long."}}
            await respond_json(caller, 413, too_long)
        except CallerLeft:
            return

    async def _answer_service_document(self, caller: Caller) -> None:
        """The service document, which Graph shows without a token; it is no call, and stands in no ledger."""
        client_request_id = caller.header(b"client-request-id")
        call = Call(
            self._world.clock(), self._world.wall(), "", "", "", "", self._handler.next_id(), client_request_id, None
        )
        fault, delay = self._script.pick("look", "", nth=1, total=1)
        reply = Reply(200, {"value": []}) if fault is None else fault.reply_to(call)
        await self._responder.deliver(
            replace(reply, delay=delay), request_id=call.request_id, client_request_id=client_request_id, to=caller
        )

    async def _answer_call(self, version: str, below: str, caller: Caller) -> None:
        body = await read_body(caller)
        client_request_id = caller.header(b"client-request-id")
        if await self._answer_read(version, below, body, caller):
            return
        asked = Asked(
            caller.scope["method"],
            version,
            segments_of("/" + below),
            self._action(body, caller),
            self.gate.bearer(caller.header(b"authorization")),
            client_request_id,
        )
        call, reply = self._handler.answer(asked)
        delivered = False
        try:
            delivered = await self._responder.deliver(
                reply, request_id=call.request_id, client_request_id=client_request_id, to=caller
            )
        finally:
            self.tenant.add_delivery(call, delivered=delivered)

    async def _answer_read(self, version: str, below: str, body: bytes, caller: Caller) -> bool:
        """Answer a read of the directory or a report; False for any other address."""
        bearer = self.gate.bearer(caller.header(b"authorization"))
        client_request_id = caller.header(b"client-request-id")
        app = ANY_APP if bearer is None else bearer.app
        call = Call(
            self._world.clock(), self._world.wall(), "", "", "", app, self._handler.next_id(), client_request_id, None
        )
        read = Read(
            call,
            caller.scope["method"],
            version,
            segments_of("/" + below),
            dict(parse_qsl(caller.scope["query_string"].decode("latin-1"), keep_blank_values=True)),
            f"{caller.scope.get('scheme', 'http')}://{caller.header(b'host')}",
            caller.header(b"consistencylevel"),
            None if bearer is None or not self.gate.check else bearer.claims,
            body,
        )
        if not self.reads.answers(read):
            return False
        reply = self.gate.objection_to_read(call, bearer) or self.reads.answer(read)
        await self._responder.deliver(reply, request_id=call.request_id, client_request_id=client_request_id, to=caller)
        return True

    async def _answer_envelope(self, version: str, _: str, caller: Caller) -> None:
        body = await read_body(caller)
        envelope = Envelope(self._handler.next_id(), self._world.clock())
        self.tenant.add_envelope(envelope)
        client_request_id = caller.header(b"client-request-id")
        calls, reply = self._open(envelope, version, body, client_request_id, caller)
        envelope.status, envelope.parts = reply.status, len(calls)
        try:
            envelope.delivered = await self._responder.deliver(
                reply, request_id=envelope.id, client_request_id=client_request_id, to=caller
            )
        finally:
            for call in calls:
                self.tenant.add_delivery(call, delivered=envelope.delivered)

    def _open(
        self, envelope: Envelope, version: str, body: bytes, client_request_id: str, caller: Caller
    ) -> tuple[list[Call], Reply]:
        """The calls inside, each answered, and the reply to the envelope itself."""
        # A fault of the whole envelope has no device, so a call outside the ledger lends its ids to the answer.
        request = Call(
            envelope.arrived, self._world.wall(), "", "$batch", "", "", envelope.id, client_request_id, envelope.id
        )
        bearer = self.gate.bearer(caller.header(b"authorization"))
        objection = self.gate.objection(request, bearer)
        if objection is not None:
            return [], objection
        if caller.scope["method"] != "POST":
            return [], replies.error(request, 405, "MethodNotAllowed", "The method is not allowed for this resource.")
        nth = self.tenant.envelope_total
        fault, delay = self._script.pick("envelope", "", nth=nth, total=nth)
        if fault is not None and not fault.effect:
            return [], replace(fault.reply_to(request), delay=delay)
        parts = parts_of(body)
        if isinstance(parts, Malformed):
            return [], replies.error(request, 400, "BadRequest", parts.reason)
        answered = answer_parts(
            parts,
            self._handler.answer,
            version=version,
            bearer=bearer,
            envelope=envelope.id,
            client_request_id=client_request_id,
            random=self._random,
        )
        reply = Reply(200, answered.payload)
        if fault is not None and (fault.closes or fault.answer is not None):
            reply = fault.reply_to(request)
        return answered.calls, replace(reply, delay=answered.delay + delay)

    def _action(self, body: bytes, caller: Caller) -> str | BadBody:
        """The action asked for; the same bytes are read once."""
        if body and not caller.header(b"content-type"):
            return BadBody("Write requests (excluding DELETE) must contain the Content-Type header declaration.")
        known: str | BadBody | None = self._known_bodies.get(body)
        if known is None:
            known = action_in(body)
            if isinstance(known, str) and len(self._known_bodies) < 1_000:
                self._known_bodies[body] = known
        return known
