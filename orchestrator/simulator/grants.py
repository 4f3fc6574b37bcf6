"""The grants of the token endpoint: to apps, to people at a device code, and to refresh tokens."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from uuid import NAMESPACE_URL, uuid5

from orchestrator.simulator.authorizing import Authorizations, Visitor
from orchestrator.simulator.issuing import Mint, Registration, audience_of, client_info, proves
from orchestrator.simulator.refusals import oauth_refusal
from orchestrator.simulator.replies import Reply
from orchestrator.simulator.tenant import Call

DEVICE_CODE = "urn:ietf:params:oauth:grant-type:device_code"
_OPERATOR = str(uuid5(NAMESPACE_URL, "operator@contoso.example"))


@dataclass(frozen=True, slots=True)
class Place:
    """Which tenant was asked, and under which URL."""

    tenant: str
    base: str

    @property
    def issuer(self) -> str:
        """Who signs the tokens."""
        return f"{self.base}/{self.tenant}/v2.0"

    @property
    def token_endpoint(self) -> str:
        """Where tokens are asked for, and what an assertion must be addressed to."""
        return f"{self.base}/{self.tenant}/oauth2/v2.0/token"


@dataclass(slots=True)
class _DeviceFlow:
    client_id: str
    scope: str
    polls_left: int


class Grants:
    """Until an app is registered, every app with any credential is taken."""

    def __init__(self, wall: Callable[[], float]) -> None:
        self.mint = Mint(wall)
        self.apps: dict[str, Registration] = {}
        self.polls_before_approval = 1
        self.poll_interval = 1
        self.declines_people = False
        self.authorizations = Authorizations()
        self._flows: dict[str, _DeviceFlow] = {}
        self._begun = 0
        self._refresh: dict[str, _DeviceFlow] = {}
        self._refresh_of_people: dict[str, tuple[str, str]] = {}
        self._wall = wall

    def grant(self, kind: str, form: dict[str, str], place: Place, call: Call) -> Reply:
        """Tokens, or the error that Entra would answer with."""
        client_id = form.get("client_id", "")
        app = self.apps.get(client_id) if self.apps else Registration(client_id)
        if app is None:
            return oauth_refusal("unauthorized_client").reply_to(call)
        match kind:
            case "client_credentials":
                return self._to_app(app, form, place, call)
            case "devicecode":
                return self._begin(app, form, place)
            case "authorization_code":
                return self._to_visitor(app, form, place, call)
            case "refresh_token" if form.get("refresh_token", "") in self._refresh_of_people:
                return self._renew(app, form, place, call)
            case "refresh_token":
                flow = self._refresh.get(form.get("refresh_token", ""))
                return (
                    oauth_refusal("invalid_grant").reply_to(call) if flow is None else self._to_person(app, flow, place)
                )
            case _ if kind == DEVICE_CODE:
                return self._poll(app, form.get("device_code", ""), place, call)
            case _:
                text = "AADSTS70003: Unsupported grant type."
                return oauth_refusal("unsupported_grant_type", text=text).reply_to(call)

    def _to_app(self, app: Registration, form: dict[str, str], place: Place, call: Call) -> Reply:
        proven = proves(app, form, audience=place.token_endpoint) if self.apps else True
        if not proven or not {"client_secret", "client_assertion"} & form.keys():
            text = "AADSTS700027: Client assertion failed signature validation." if "client_assertion" in form else ""
            return oauth_refusal("invalid_client", text=text).reply_to(call)
        scope = form.get("scope", "")
        if not scope.endswith("/.default"):
            return oauth_refusal("invalid_scope").reply_to(call)
        token = self.mint.token(
            tenant=place.tenant, app=app, audience=audience_of(scope), issuer=place.issuer, user=None
        )
        return Reply(200, self.mint.granted(token))

    def _to_visitor(self, app: Registration, form: dict[str, str], place: Place, call: Call) -> Reply:
        proven = proves(app, form, audience=place.token_endpoint) if self.apps else "client_secret" in form
        if not proven:
            return oauth_refusal("invalid_client").reply_to(call)
        redeemed = self.authorizations.redeem(app, form, call)
        if isinstance(redeemed, Reply):
            return redeemed
        auth_time = self._wall() - redeemed.typed_ago if redeemed.tells_auth_time else None
        return self._granted_to(app, redeemed.visitor, form, place, nonce=redeemed.nonce, auth_time=auth_time)

    def _renew(self, app: Registration, form: dict[str, str], place: Place, call: Call) -> Reply:
        """New tokens for a refresh token, with the roles that the directory gives the person now."""
        if self.apps and not proves(app, form, audience=place.token_endpoint):
            return oauth_refusal("invalid_client").reply_to(call)
        client_id, name = self._refresh_of_people[form["refresh_token"]]
        person = self.authorizations.people.get(name)
        if client_id != app.client_id or person is None or person.disabled:
            return oauth_refusal("invalid_grant").reply_to(call)
        return self._granted_to(app, person, form, place)

    def _granted_to(
        self,
        app: Registration,
        person: Visitor,
        form: dict[str, str],
        place: Place,
        *,
        nonce: str | None = None,
        auth_time: float | None = None,
    ) -> Reply:
        user = person.object_id
        token = self.mint.token(tenant=place.tenant, app=app, audience=app.client_id, issuer=place.issuer, user=user)
        refresh = f"refresh-token-of-a-person-{len(self._refresh_of_people) + 1}"
        self._refresh_of_people[refresh] = (app.client_id, person.name)
        return Reply(
            200,
            {
                **self.mint.granted(token),
                "scope": form.get("scope", ""),
                "refresh_token": refresh,
                "id_token": self.mint.id_token(
                    tenant=place.tenant,
                    app=app,
                    issuer=place.issuer,
                    user=user,
                    name=person.name,
                    roles=person.roles,
                    nonce=nonce,
                    auth_time=auth_time,
                ),
                "client_info": client_info(place.tenant, user),
            },
        )

    def _begin(self, app: Registration, form: dict[str, str], place: Place) -> Reply:
        self._begun += 1
        code, user_code = f"device-code-{self._begun}", f"SIM{self._begun:06d}"
        self._flows[code] = _DeviceFlow(app.client_id, form.get("scope", ""), self.polls_before_approval)
        url = f"{place.base}/devicelogin"
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

    def _poll(self, app: Registration, code: str, place: Place, call: Call) -> Reply:
        flow = self._flows.get(code)
        if flow is None or flow.client_id != app.client_id:
            return oauth_refusal("invalid_grant").reply_to(call)
        if self.declines_people:
            text = "AADSTS65004: The person declined to sign in."
            return oauth_refusal("authorization_declined", text=text).reply_to(call)
        if flow.polls_left > 0:
            flow.polls_left -= 1
            text = "AADSTS70016: The person has not finished signing in."
            return oauth_refusal("authorization_pending", text=text).reply_to(call)
        del self._flows[code]
        return self._to_person(app, flow, place)

    def _to_person(self, app: Registration, flow: _DeviceFlow, place: Place) -> Reply:
        token = self.mint.token(
            tenant=place.tenant, app=app, audience=audience_of(flow.scope), issuer=place.issuer, user=_OPERATOR
        )
        refresh = f"refresh-token-{len(self._refresh) + 1}"
        self._refresh[refresh] = flow
        return Reply(
            200,
            {
                **self.mint.granted(token),
                "scope": flow.scope,
                "refresh_token": refresh,
                "id_token": self.mint.id_token(tenant=place.tenant, app=app, issuer=place.issuer, user=_OPERATOR),
                "client_info": client_info(place.tenant, _OPERATOR),
            },
        )
