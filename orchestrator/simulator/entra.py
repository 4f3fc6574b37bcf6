"""A token endpoint like Entra's: secrets, certificates, device codes, and managed identities."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from urllib.parse import parse_qsl
from uuid import NAMESPACE_URL, uuid5

from cryptography import x509

from orchestrator.simulator.courier import Courier
from orchestrator.simulator.exchange import Caller, read_body
from orchestrator.simulator.faults import oauth_refusal
from orchestrator.simulator.issuing import GRAPH, Mint, Registration, audience_of, client_info, proves
from orchestrator.simulator.replies import Reply
from orchestrator.simulator.script import FaultScript
from orchestrator.simulator.tenant import Call

_DEVICE_CODE = "urn:ietf:params:oauth:grant-type:device_code"
_USER = str(uuid5(NAMESPACE_URL, "operator@contoso.example"))


@dataclass(slots=True)
class _DeviceFlow:
    client_id: str
    scope: str
    polls_left: int
    declined: bool = False


@dataclass(frozen=True, slots=True)
class _Place:
    """Which tenant was asked, and under which URL."""

    tenant: str
    base: str

    @property
    def issuer(self) -> str:
        return f"{self.base}/{self.tenant}/v2.0"

    @property
    def token_endpoint(self) -> str:
        return f"{self.base}/{self.tenant}/oauth2/v2.0/token"


class Entra:
    """Signs apps and people in. Until an app is registered, every app with any credential is taken."""

    def __init__(self, script: FaultScript, courier: Courier, *, wall: Callable[[], float]) -> None:
        self.mint = Mint(wall)
        self.polls_before_approval = 1
        self.poll_interval = 1
        self.declines_people = False
        self.identity_header: str | None = None
        self.requests: Counter[str] = Counter()
        self._script, self._courier, self._wall = script, courier, wall
        self._apps: dict[str, Registration] = {}
        self._flows: dict[str, _DeviceFlow] = {}
        self._refresh: dict[str, _DeviceFlow] = {}

    def register(self, app: Registration) -> None:
        """From now on only registered apps are known, and each must prove itself."""
        self._apps[app.client_id] = app

    def register_certificate(self, client_id: str, pem: bytes) -> None:
        """Register an app that proves itself with this certificate."""
        self.register(Registration(client_id, certificate=x509.load_pem_x509_certificate(pem)))

    def forget_counts(self) -> None:
        """Count token requests from zero again."""
        self.requests.clear()

    async def answer(self, path: str, caller: Caller) -> bool:
        """Answer if the path is one of ours; False leaves it to somebody else."""
        scheme, host = caller.scope["scheme"], caller.header(b"host")
        match path.split("/")[1:]:
            case [tenant, "v2.0", ".well-known", "openid-configuration"]:
                reply = _discovery(_Place(tenant, f"{scheme}://{host}"))
            case [tenant, "oauth2", "v2.0", ("token" | "devicecode") as wanted]:
                place = _Place(tenant, f"{scheme}://{host}")
                form = dict(parse_qsl((await read_body(caller)).decode("latin-1")))
                grant = form.get("grant_type", "") if wanted == "token" else "devicecode"
                reply = self._judge(grant, caller, lambda call: self._grant(grant, form, place, call))
            case ["msi", "token"]:
                reply = self._judge("managed-identity", caller, lambda call: self._app_service(caller, call))
            case ["metadata", "identity", "oauth2", "token"]:
                reply = self._judge("managed-identity", caller, lambda call: self._virtual_machine(caller, call))
            case _:
                return False
        correlation = caller.header(b"client-request-id")
        await self._courier.deliver(reply, request_id=correlation, client_request_id=correlation, to=caller)
        return True

    def _judge(self, grant: str, caller: Caller, decide: Callable[[Call], Reply]) -> Reply:
        self.requests[grant] += 1
        nth = self.requests.total()
        correlation = caller.header(b"client-request-id")
        call = Call(0.0, self._wall(), "", "token", grant, "", f"token-{nth}", correlation, None)
        fault, delay = self._script.pick("token", grant, nth=nth, total=nth)
        reply = decide(call) if fault is None else fault.reply_to(call)
        return replace(reply, delay=delay) if delay else reply

    def _grant(self, grant: str, form: dict[str, str], place: _Place, call: Call) -> Reply:
        app = self._app(form.get("client_id", ""))
        if app is None:
            return oauth_refusal("unauthorized_client").reply_to(call)
        match grant:
            case "client_credentials":
                return self._to_app(app, form, place, call)
            case "devicecode":
                return self._begin_flow(app, form, place)
            case "refresh_token" if form.get("refresh_token") in self._refresh:
                return self._to_person(app, self._refresh[form["refresh_token"]], place)
            case "refresh_token":
                return oauth_refusal("invalid_grant").reply_to(call)
            case _ if grant == _DEVICE_CODE:
                return self._continue_flow(app, form.get("device_code", ""), place, call)
            case _:
                return oauth_refusal("unsupported_grant_type", text="AADSTS70003: Unsupported grant type.").reply_to(
                    call
                )

    def _app(self, client_id: str) -> Registration | None:
        return self._apps.get(client_id) if self._apps else Registration(client_id)

    def _to_app(self, app: Registration, form: dict[str, str], place: _Place, call: Call) -> Reply:
        proven = proves(app, form, audience=place.token_endpoint) if self._apps else True
        if not proven or not {"client_secret", "client_assertion"} & form.keys():
            text = "AADSTS700027: Client assertion failed signature validation." if "client_assertion" in form else ""
            return oauth_refusal("invalid_client", text=text).reply_to(call)
        scope = form.get("scope", "")
        if not scope.endswith("/.default"):
            return oauth_refusal("invalid_scope").reply_to(call)
        token = self.mint.token(
            tenant=place.tenant, app=app, audience=audience_of(scope), issuer=place.issuer, user=None
        )
        return Reply(200, self._granted(token))

    def _begin_flow(self, app: Registration, form: dict[str, str], place: _Place) -> Reply:
        code = f"device-code-{len(self._flows) + 1}"
        self._flows[code] = _DeviceFlow(
            app.client_id, form.get("scope", ""), self.polls_before_approval, self.declines_people
        )
        url = f"{place.base}/devicelogin"
        user_code = f"SIM{len(self._flows):06d}"
        return Reply(
            200,
            {
                "device_code": code,
                "user_code": user_code,
                "verification_uri": url,
                "expires_in": 900,
                "interval": self.poll_interval,
                "message": f"To sign in, open the page {url} and enter the code {user_code}.",
            },
        )

    def _continue_flow(self, app: Registration, code: str, place: _Place, call: Call) -> Reply:
        flow = self._flows.get(code)
        if flow is None or flow.client_id != app.client_id:
            return oauth_refusal("invalid_grant").reply_to(call)
        if flow.declined:
            text = "AADSTS65004: The person declined to sign in."
            return oauth_refusal("authorization_declined", text=text).reply_to(call)
        if flow.polls_left > 0:
            flow.polls_left -= 1
            text = "AADSTS70016: The person has not finished signing in."
            return oauth_refusal("authorization_pending", text=text).reply_to(call)
        del self._flows[code]
        return self._to_person(app, flow, place)

    def _to_person(self, app: Registration, flow: _DeviceFlow, place: _Place) -> Reply:
        token = self.mint.token(
            tenant=place.tenant, app=app, audience=audience_of(flow.scope), issuer=place.issuer, user=_USER
        )
        refresh = f"refresh-token-{len(self._refresh) + 1}"
        self._refresh[refresh] = flow
        return Reply(
            200,
            {
                **self._granted(token),
                "scope": flow.scope,
                "refresh_token": refresh,
                "id_token": self.mint.id_token(tenant=place.tenant, app=app, issuer=place.issuer, user=_USER),
                "client_info": client_info(place.tenant, _USER),
            },
        )

    def _granted(self, token: str) -> dict[str, object]:
        granted: dict[str, object] = {
            "token_type": "Bearer",
            "expires_in": self.mint.lifetime,
            "ext_expires_in": self.mint.lifetime,
            "access_token": token,
        }
        if self.mint.refresh_in is not None:
            granted["refresh_in"] = self.mint.refresh_in
        return granted

    def _app_service(self, caller: Caller, call: Call) -> Reply:
        shown = caller.header(b"x-identity-header")
        if not shown or (self.identity_header is not None and shown != self.identity_header):
            return Reply(401, {"statusCode": 401, "message": "The identity header is missing or wrong."})
        return self._to_identity(caller, call)

    def _virtual_machine(self, caller: Caller, call: Call) -> Reply:
        if caller.header(b"metadata").lower() != "true":
            return Reply(
                400, {"error": "invalid_request", "error_description": "Required metadata header not specified"}
            )
        return self._to_identity(caller, call)

    def _to_identity(self, caller: Caller, call: Call) -> Reply:
        query = dict(parse_qsl(caller.scope["query_string"].decode("latin-1")))
        app = Registration(query.get("client_id", str(uuid5(NAMESPACE_URL, "system-assigned.contoso.example"))))
        tenant = str(uuid5(NAMESPACE_URL, "contoso.example"))
        resource = query.get("resource", GRAPH)
        token = self.mint.token(
            tenant=tenant, app=app, audience=resource, issuer=f"https://sts.windows.net/{tenant}/", user=None
        )
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


def _discovery(place: _Place) -> Reply:
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
