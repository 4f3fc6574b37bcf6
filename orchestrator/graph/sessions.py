"""The blocking HTTP sessions that the sign-in library is given."""

from __future__ import annotations

import ssl
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3 import Retry


class _Adapter(HTTPAdapter):
    """Trusts one TLS context whatever the environment says, and waits for no answer for ever."""

    def __init__(self, trust: ssl.SSLContext | None, retries: Retry | int) -> None:
        self._trust = trust
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
        kwargs |= {"timeout": kwargs.get("timeout") or _TIMEOUT, "verify": True}
        return super().send(request, *args, **kwargs)


def authority_session(trust: ssl.SSLContext) -> requests.Session:
    """A session for a sign-in authority."""
    return _session(_Adapter(trust, retries=1))


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
    session = _session(_Adapter(None, patience))
    session.trust_env = False
    return session


def _session(adapter: HTTPAdapter) -> requests.Session:
    session = requests.Session()
    # A secret goes to the authority we were told of, and follows no redirect to another.
    session.max_redirects = 0
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    return session


_TIMEOUT = (10.0, 30.0)
