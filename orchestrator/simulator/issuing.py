"""Tokens as Entra issues them, and the credentials it asks for."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import jwt
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA1, SHA256

from orchestrator.simulator.replies import PRIVILEGED

GRAPH = "https://graph.microsoft.com"
_ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_KEY = "a simulated authority signs with a key that is no secret"
_OPENID_SCOPES = frozenset({"openid", "profile", "offline_access", "email"})


@dataclass(frozen=True, slots=True)
class Registration:
    """One app registration: how it proves itself, and what it was granted."""

    client_id: str
    secret: str | None = None
    certificate: x509.Certificate | None = None
    roles: tuple[str, ...] = (PRIVILEGED,)
    scopes: tuple[str, ...] = (PRIVILEGED,)


@dataclass(slots=True)
class Mint:
    """Makes tokens that live for `lifetime` seconds."""

    wall: Callable[[], float]
    lifetime: int = 3599
    refresh_in: int | None = None
    _made: int = field(default=0, init=False)

    def token(self, *, tenant: str, app: Registration, audience: str, issuer: str, user: str | None) -> str:
        """A signed token; with a user it carries `scp`, without one `roles`."""
        now = int(self.wall())
        self._made += 1
        claims: dict[str, Any] = {
            "aud": audience,
            "iss": issuer,
            "iat": now,
            "nbf": now,
            "exp": now + self.lifetime,
            "appid": app.client_id,
            "tid": tenant,
            "uti": f"simulated-{self._made}",
            "ver": "1.0",
        }
        if user is None:
            claims |= {"idtyp": "app", "oid": app.client_id, "roles": list(app.roles)}
        else:
            claims |= {"idtyp": "user", "oid": user, "upn": "operator@contoso.example", "scp": " ".join(app.scopes)}
        return jwt.encode(claims, _KEY, algorithm="HS256")

    def granted(self, token: str) -> dict[str, object]:
        """The token as the endpoint hands it over."""
        granted: dict[str, object] = {
            "token_type": "Bearer",
            "expires_in": self.lifetime,
            "ext_expires_in": self.lifetime,
            "access_token": token,
        }
        if self.refresh_in is not None:
            granted["refresh_in"] = self.refresh_in
        return granted

    def id_token(
        self,
        *,
        tenant: str,
        app: Registration,
        issuer: str,
        user: str,
        name: str = "operator@contoso.example",
        roles: tuple[str, ...] = (),
        nonce: str | None = None,
        auth_time: float | None = None,
    ) -> str:
        """Who signed in, for the app itself; without app roles the claim is absent."""
        now = int(self.wall())
        claims: dict[str, Any] = {
            "aud": app.client_id,
            "iss": issuer,
            "iat": now,
            "exp": now + self.lifetime,
            "tid": tenant,
            "oid": user,
            "sub": user,
            "preferred_username": name,
            "ver": "2.0",
        }
        if roles:
            claims["roles"] = list(roles)
        if nonce is not None:
            claims["nonce"] = nonce
        if auth_time is not None:
            claims["auth_time"] = int(auth_time)
        return jwt.encode(claims, _KEY, algorithm="HS256")


def proves(app: Registration, form: dict[str, str], *, audience: str) -> bool:
    """True if the request carries the registered secret, or an assertion signed with the registered certificate."""
    if app.certificate is not None and form.get("client_assertion_type") == _ASSERTION_TYPE:
        return _is_signed_by(
            app.certificate, form.get("client_assertion", ""), client_id=app.client_id, audience=audience
        )
    return app.secret is not None and form.get("client_secret") == app.secret


def audience_of(scope: str) -> str:
    """The resource that a list of scopes is about; a bare scope belongs to Graph."""
    for each in scope.split():
        if each not in _OPENID_SCOPES and "/" in each:
            return each.rpartition("/")[0]
    return GRAPH


def client_info(tenant: str, user: str) -> str:
    """The parts of which MSAL makes the account's id."""
    return base64.urlsafe_b64encode(f'{{"uid":"{user}","utid":"{tenant}"}}'.encode()).decode().rstrip("=")


def _is_signed_by(certificate: x509.Certificate, assertion: str, *, client_id: str, audience: str) -> bool:
    key = certificate.public_key()
    if not isinstance(key, RSAPublicKey):
        return False
    try:
        header = jwt.get_unverified_header(assertion)
        jwt.decode(
            assertion,
            key,
            algorithms=["RS256", "PS256"],
            audience=audience,
            issuer=client_id,
            subject=client_id,
            options={"require": ["exp", "jti"]},
        )
    except jwt.PyJWTError:
        return False
    # Entra finds the key by its thumbprint; a wrong one fails however well the assertion is signed.
    # MSAL pads what RFC 7515 leaves unpadded, and Entra takes both.
    named = {str(header[name]).rstrip("=") for name in ("x5t", "x5t#S256") if name in header}
    return bool(named) and named <= _thumbprints(certificate)


def _thumbprints(certificate: x509.Certificate) -> set[str]:
    digests = (certificate.fingerprint(SHA1()), certificate.fingerprint(SHA256()))  # noqa: S303 - Entra's x5t is SHA-1
    return {base64.urlsafe_b64encode(digest).decode().rstrip("=") for digest in digests}
