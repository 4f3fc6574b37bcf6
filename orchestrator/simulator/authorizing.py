"""The authorization endpoint: where a browser is sent, and the codes that it comes back with.

No password is typed here: it is as if the person were signed in to Entra already, which then answers at once.
https://learn.microsoft.com/entra/identity-platform/v2-oauth2-auth-code-flow
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode, urlsplit
from uuid import NAMESPACE_URL, uuid5

from orchestrator.simulator.issuing import Registration
from orchestrator.simulator.refusals import oauth_refusal
from orchestrator.simulator.replies import Reply
from orchestrator.simulator.tenant import Call


@dataclass(slots=True)
class Visitor:
    """The person at the browser, with the app roles that the directory gave them; `declines` sends them back at once.

    The person typed a password `typed_ago` seconds ago, and does so anew where `prompt=login` asks for it, unless
    `types_no_password` (a browser that dropped the prompt). A `disabled` account gets nothing for a refresh token.
    """

    name: str = "operator@contoso.example"
    roles: tuple[str, ...] = ()
    declines: bool = False
    typed_ago: float = 0.0
    types_no_password: bool = False
    disabled: bool = False

    @property
    def object_id(self) -> str:
        """The id of the person in the directory."""
        return str(uuid5(NAMESPACE_URL, self.name))


@dataclass(frozen=True, slots=True)
class Authorization:
    """The sign-in that a code stands for until it is redeemed."""

    client_id: str
    redirect_uri: str
    nonce: str
    challenge: str
    visitor: Visitor
    typed_ago: float = 0.0
    tells_auth_time: bool = False


class Authorizations:
    """Codes, each good for one redemption by the app that asked."""

    def __init__(self) -> None:
        self.visitor = Visitor()
        self.people: dict[str, Visitor] = {}
        self._codes: dict[str, Authorization] = {}
        self._issued = 0

    def authorize(self, query: str) -> Reply:
        """Send the browser back with a code, or with what is wrong; only an unusable address is answered here."""
        asked = dict(parse_qsl(query))
        back_to = asked.get("redirect_uri", "")
        if not urlsplit(back_to).netloc or not asked.get("client_id"):
            return Reply(400, {"error": "invalid_request", "error_description": "AADSTS900144: no redirect_uri."})
        answer = {"state": asked.get("state", "")}
        if self.visitor.declines:
            answer |= {"error": "access_denied", "error_description": "AADSTS65004: The person declined to sign in."}
        elif asked.get("response_type") != "code" or asked.get("code_challenge_method") != "S256":
            answer |= {"error": "invalid_request", "error_description": "AADSTS9002325: a code with PKCE is required."}
        else:
            self._issued += 1
            code = f"code-{self._issued}"
            nonce, challenge = asked.get("nonce", ""), asked.get("code_challenge", "")
            typed_now = asked.get("prompt") == "login" and not self.visitor.types_no_password
            self._codes[code] = Authorization(
                asked["client_id"],
                back_to,
                nonce,
                challenge,
                self.visitor,
                typed_ago=0.0 if typed_now else self.visitor.typed_ago,
                # https://openid.net/specs/openid-connect-core-1_0.html#AuthRequest: max_age asks for auth_time.
                tells_auth_time="max_age" in asked,
            )
            self.people[self.visitor.name] = self.visitor
            answer["code"] = code
        return Reply(302, headers=(("location", f"{back_to}?{urlencode(answer)}"),))

    def redeem(self, app: Registration, form: dict[str, str], call: Call) -> Authorization | Reply:
        """Returns the sign-in that the code stands for, or the error that Entra would answer with."""
        found = self._codes.pop(form.get("code", ""), None)
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        verified = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        if (
            found is None
            or found.client_id != app.client_id
            or found.redirect_uri != form.get("redirect_uri")
            or not hmac.compare_digest(found.challenge.encode(), verified.encode())
        ):
            return oauth_refusal("invalid_grant").reply_to(call)
        return found
