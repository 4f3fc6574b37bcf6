"""Sign-in: the token endpoint of a tenant, and the endpoints of managed identities."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from urllib.parse import parse_qsl
from uuid import NAMESPACE_URL, uuid5

from cryptography import x509

from orchestrator.simulator.authorizing import Visitor
from orchestrator.simulator.exchange import Caller, read_body
from orchestrator.simulator.grants import Grants, Place
from orchestrator.simulator.issuing import GRAPH, Registration
from orchestrator.simulator.replies import Reply
from orchestrator.simulator.responder import Responder
from orchestrator.simulator.script import FaultScript
from orchestrator.simulator.tenant import Call

_SYSTEM_ASSIGNED = str(uuid5(NAMESPACE_URL, "system-assigned.contoso.example"))
_HOME_TENANT = str(uuid5(NAMESPACE_URL, "contoso.example"))


class Entra:
    """Signs apps and people in; `requests` counts what was asked for, by kind of grant."""

    def __init__(self, script: FaultScript, responder: Responder, *, wall: Callable[[], float]) -> None:
        self.grants = Grants(wall)
        self.mint = self.grants.mint
        self.identity_header: str | None = None
        self.requests: Counter[str] = Counter()
        self._script, self._responder, self._wall = script, responder, wall

    def register(self, app: Registration) -> None:
        """From now on only registered apps are known, and each must prove itself."""
        self.grants.apps[app.client_id] = app

    def register_certificate(self, client_id: str, pem: bytes) -> None:
        """Register an app that proves itself with this certificate."""
        self.register(Registration(client_id, certificate=x509.load_pem_x509_certificate(pem)))

    @property
    def visitor(self) -> Visitor:
        """Who sits at the browsers that are sent here."""
        return self.grants.authorizations.visitor

    @visitor.setter
    def visitor(self, visitor: Visitor) -> None:
        self.grants.authorizations.visitor = visitor
        # The directory changed: refresh tokens of this person are answered with the roles that they have now.
        self.grants.authorizations.people[visitor.name] = visitor

    def forget_counts(self) -> None:
        """Count token requests from zero again."""
        self.requests.clear()

    async def answer(self, path: str, caller: Caller) -> bool:
        """Answer if the path is one of ours; False leaves it to another handler."""
        match path.split("/")[1:]:
            case [tenant, "v2.0", ".well-known", "openid-configuration"]:
                reply = self._discovered(_place(tenant, caller), caller)
            case [tenant, "oauth2", "v2.0", ("token" | "devicecode") as wanted]:
                form = dict(parse_qsl((await read_body(caller)).decode("latin-1")))
                kind = form.get("grant_type", "") if wanted == "token" else "devicecode"
                place = _place(tenant, caller)
                reply = self._judge(kind, caller, lambda call: self.grants.grant(kind, form, place, call))
            case [_, "oauth2", "v2.0", "authorize"]:
                query = caller.scope["query_string"].decode("latin-1")
                reply = self._judge("authorize", caller, lambda _: self.grants.authorizations.authorize(query))
            case ["msi", "token"]:
                reply = self._judge("managed-identity", caller, lambda call: self._app_service(caller, call))
            case ["metadata", "identity", "oauth2", "token"]:
                reply = self._judge("managed-identity", caller, lambda call: self._virtual_machine(caller, call))
            case _:
                return False
        correlation = caller.header(b"client-request-id")
        await self._responder.deliver(reply, request_id=correlation, client_request_id=correlation, to=caller)
        return True

    def _discovered(self, place: Place, caller: Caller) -> Reply:
        """Where everything is; it is asked for once and counts as no request for a token."""
        fault, _ = self._script.pick("discovery", "", nth=1, total=1)
        if fault is None:
            return _discovery(place)
        correlation = caller.header(b"client-request-id")
        return fault.reply_to(Call(0.0, self._wall(), "", "discovery", "", "", "discovery", correlation, None))

    def _judge(self, kind: str, caller: Caller, decide: Callable[[Call], Reply]) -> Reply:
        self.requests[kind] += 1
        nth = self.requests.total()
        correlation = caller.header(b"client-request-id")
        call = Call(0.0, self._wall(), "", "token", kind, "", f"token-{nth}", correlation, None)
        fault, delay = self._script.pick("token", kind, nth=nth, total=nth)
        reply = decide(call) if fault is None else fault.reply_to(call)
        return replace(reply, delay=delay) if delay else reply

    def _app_service(self, caller: Caller, call: Call) -> Reply:
        # https://learn.microsoft.com/azure/app-service/overview-managed-identity#rest-endpoint-reference
        shown = caller.header(b"x-identity-header")
        if not shown or (self.identity_header is not None and shown != self.identity_header):
            return Reply(401, {"statusCode": 401, "message": "The identity header is missing or wrong."})
        return self._to_identity(caller, call)

    def _virtual_machine(self, caller: Caller, call: Call) -> Reply:
        # https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token
        if caller.header(b"metadata").lower() != "true":
            text = "Required metadata header not specified"
            return Reply(400, {"error": "invalid_request", "error_description": text})
        return self._to_identity(caller, call)

    def _to_identity(self, caller: Caller, call: Call) -> Reply:
        query = dict(parse_qsl(caller.scope["query_string"].decode("latin-1")))
        app = Registration(query.get("client_id", _SYSTEM_ASSIGNED))
        resource = query.get("resource", GRAPH)
        issuer = f"https://sts.windows.net/{_HOME_TENANT}/"
        token = self.mint.token(tenant=_HOME_TENANT, app=app, audience=resource, issuer=issuer, user=None)
        return Reply(
            200,
            {
                "access_token": token,
                "client_id": app.client_id,
                "expires_in": str(self.mint.lifetime),
                "expires_on": str(int(call.arrived_at) + self.mint.lifetime),
                "resource": resource,
                "token_type": "Bearer",
            },
        )


def _place(tenant: str, caller: Caller) -> Place:
    return Place(tenant, f"{caller.scope['scheme']}://{caller.header(b'host')}")


def _discovery(place: Place) -> Reply:
    root = f"{place.base}/{place.tenant}"
    return Reply(
        200,
        {
            "issuer": place.issuer,
            "authorization_endpoint": f"{root}/oauth2/v2.0/authorize",
            "token_endpoint": place.token_endpoint,
            "device_authorization_endpoint": f"{root}/oauth2/v2.0/devicecode",
            "jwks_uri": f"{root}/discovery/v2.0/keys",
            "response_types_supported": ["code", "id_token"],
            "subject_types_supported": ["pairwise"],
            "id_token_signing_alg_values_supported": ["RS256"],
        },
    )
