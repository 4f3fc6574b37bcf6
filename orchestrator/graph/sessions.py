"""The blocking HTTP sessions that the sign-in library is given."""

from __future__ import annotations

import re
import ssl
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3 import Retry

from orchestrator.graph.provenance import describe_answer
from orchestrator.graph.proxies import proxy_for
from orchestrator.graph.replies import decode


class _Adapter(HTTPAdapter):
    """Trusts one TLS context whatever the environment says, and waits for no answer for ever."""

    def __init__(self, trust: ssl.SSLContext | None, retries: Retry | int, *, is_authority: bool) -> None:
        self._trust, self._is_authority = trust, is_authority
        super().__init__(max_retries=retries)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """A pool on our TLS context."""
        super().init_poolmanager(*args, ssl_context=self._trust, **kwargs)

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
        """A pool behind a proxy, on the same TLS context inside."""
        return super().proxy_manager_for(*args, ssl_context=self._trust, **kwargs)

    def cert_verify(self, conn: Any, *_: Any) -> None:
        """Add no certificates: the inherited one loads REQUESTS_CA_BUNDLE or certifi's beside those of our context."""
        conn.cert_reqs = "CERT_REQUIRED"

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        """Send with a timeout of ours where the caller named none; what to trust is decided already."""
        kwargs |= {"timeout": kwargs.get("timeout") or _TIMEOUT, "verify": True, "proxies": self._proxies(request)}
        return super().send(request, *args, **kwargs)

    def _proxies(self, request: requests.PreparedRequest) -> dict[str, str]:
        if not self._is_authority or request.url is None:
            return {}
        proxy = proxy_for(request.url)
        return {} if proxy is None else {"http": proxy, "https": proxy}


class AuthoritySession(requests.Session):
    """A session that notes in `stranger` what answered in the place of the authority, if something did."""

    stranger: str | None = None

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        """Send, and look at who answered."""
        self.stranger = None
        try:
            response = super().send(request, **kwargs)
        except requests.TooManyRedirects as redirected:
            self.stranger = stranger_in(redirected.response)
            raise
        self.stranger = stranger_in(response)
        return response


def stranger_in(response: requests.Response | None) -> str | None:
    """Returns the answer of something that is no sign-in authority; None where the JSON has an authority's members.

    https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow
    """
    if response is None:
        return None
    headers = {name.casefold(): text for name, text in response.headers.items()}
    # The body was unpacked already.
    body = decode(response.content, {"content-type": headers.get("content-type", "")})
    if _is_authoritys(body) and response.status_code not in {407, 511}:
        return None
    host = urlsplit(response.url).netloc.rpartition("@")[2]
    return (
        f"The sign-in at {host} cannot be reached: something between here and there answered "
        f"{describe_answer(response.status_code, headers, body)}."
    )


def _is_authoritys(body: object) -> bool:
    if not isinstance(body, dict):
        return False
    if any(isinstance(body.get(name), str) for name in _MEMBERS):
        return True
    # Gateways have a member of this name too, with a sentence or the phrase of the status in it.
    error = body.get("error")
    return isinstance(error, str) and (_OAUTH_ERROR.fullmatch(error) is not None or "error_description" in body)


def authority_session(trust: ssl.SSLContext) -> AuthoritySession:
    """A session for a sign-in authority."""
    session = AuthoritySession()
    _prepare(session, _Adapter(trust, retries=1, is_authority=True))
    return session


def identity_session() -> requests.Session:
    """A session for the identity endpoint of an Azure resource: link-local, so never through a proxy.

    https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token#retry-guidance
    """
    patience = Retry(
        total=4,
        backoff_factor=0.4,
        status_forcelist=(404, 410, 429, 500, 501, 502, 503, 504, 505, 507, 508, 510, 511),
        allowed_methods=None,
        raise_on_status=False,
    )
    session = requests.Session()
    _prepare(session, _Adapter(None, patience, is_authority=False))
    return session


def _prepare(session: requests.Session, adapter: HTTPAdapter) -> None:
    # Which proxy and which certificates is decided here, and no password is looked for in ~/.netrc.
    session.trust_env = False
    # A secret goes to the authority we were told of, and follows no redirect to another.
    session.max_redirects = 0
    session.mount("https://", adapter)
    session.mount("http://", adapter)


_TIMEOUT = (10.0, 30.0)
_MEMBERS = ("access_token", "id_token", "token_endpoint", "device_code", "user_code")
_OAUTH_ERROR = re.compile(r"[a-z]+(?:_[a-z]+)+")
