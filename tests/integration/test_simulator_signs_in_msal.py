"""The real MSAL against the simulated token endpoint, over TLS with a throwaway authority."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import jwt
import msal
import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    pkcs12,
)

from orchestrator.simulator.app import SimulatedGraph
from orchestrator.simulator.issuing import Registration
from orchestrator.simulator.serving import Tls, serve_in_thread
from tests.support.certificates import a_key_pair
from tests.support.tls import Authority

TENANT = "aaaaaaaa-0000-4000-8000-000000000001"
APP = "bbbbbbbb-0000-4000-8000-000000000001"
ROLE = "DeviceManagementManagedDevices.PrivilegedOperations.All"
SCOPES = ["https://graph.microsoft.com/.default"]


@dataclass(frozen=True, slots=True)
class Credential:
    """A certificate of an app, with its key."""

    key: rsa.RSAPrivateKey
    certificate: x509.Certificate

    @property
    def key_pem(self) -> str:
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()

    @property
    def certificate_pem(self) -> str:
        return self.certificate.public_bytes(Encoding.PEM).decode()


@pytest.fixture(scope="module")
def credential() -> Credential:
    return Credential(*a_key_pair())


@pytest.fixture
def graph() -> SimulatedGraph:
    return SimulatedGraph(None, check_tokens=True)


@pytest.fixture
def url(graph: SimulatedGraph, authority: Authority) -> Iterator[str]:
    with serve_in_thread(graph, tls=Tls(authority.certificate, authority.key)) as base:
        yield base.replace("127.0.0.1", "localhost")


@pytest.fixture
def session(authority: Authority) -> Iterator[requests.Session]:
    with requests.Session() as session:
        # The environment's certificates would overrule these.
        session.trust_env = False
        session.verify = str(authority.bundle)
        yield session


AppFor = Callable[[object], msal.ConfidentialClientApplication]


@pytest.fixture
def app_for(url: str, session: requests.Session) -> AppFor:
    def make(credential: object) -> msal.ConfidentialClientApplication:
        return msal.ConfidentialClientApplication(
            APP,
            client_credential=credential,
            authority=f"{url}/{TENANT}",
            instance_discovery=False,
            http_client=session,
            client_capabilities=["CP1"],
        )

    return make


def claims(granted: dict[str, str]) -> dict[str, object]:
    assert "access_token" in granted, granted
    return jwt.decode(granted["access_token"], options={"verify_signature": False})


def call(session: requests.Session, url: str, token: str) -> int:
    path = (
        "/beta/deviceManagement/managedDevices/00000000-0000-4000-8000-00000000000a/triggerConfigurationManagerAction"
    )
    body = {"configurationManagerAction": {"action": "refreshUserPolicy"}}
    return session.post(url + path, json=body, headers={"authorization": f"Bearer {token}"}).status_code


def test_msal_signs_in_with_a_secret_and_the_token_opens_graph(
    graph: SimulatedGraph, app_for: AppFor, session: requests.Session, url: str
) -> None:
    graph.entra.register(Registration(APP, secret="right"))
    app = app_for("right")

    granted = app.acquire_token_for_client(SCOPES)
    again = app.acquire_token_for_client(SCOPES)

    assert (claims(granted)["aud"], claims(granted)["tid"]) == ("https://graph.microsoft.com", TENANT)
    assert claims(granted)["roles"] == [ROLE]
    assert again["access_token"] == granted["access_token"]
    assert graph.entra.requests == {"client_credentials": 1}
    assert call(session, url, granted["access_token"]) == 204


def test_msal_hears_that_a_secret_is_wrong(graph: SimulatedGraph, app_for: AppFor) -> None:
    graph.entra.register(Registration(APP, secret="right"))

    refused = app_for("wrong").acquire_token_for_client(SCOPES)

    assert refused["error"] == "invalid_client"
    assert "AADSTS7000215" in refused["error_description"]


@pytest.mark.parametrize("named", ["sha1", "sha256", "chain"])
def test_msal_signs_in_with_a_pem_certificate(
    graph: SimulatedGraph, app_for: AppFor, credential: Credential, named: str
) -> None:
    graph.entra.register_certificate(APP, credential.certificate_pem.encode())
    thumbprint = credential.certificate.fingerprint(SHA1()).hex()  # noqa: S303 - what Entra's pages show
    how = {
        "sha1": {"thumbprint": thumbprint},
        "sha256": {"public_certificate": credential.certificate_pem},
        "chain": {"thumbprint": thumbprint, "public_certificate": credential.certificate_pem},
    }[named]

    granted = app_for({"private_key": credential.key_pem, **how}).acquire_token_for_client(SCOPES)

    assert claims(granted)["roles"] == [ROLE]


@pytest.mark.parametrize("passphrase", [None, "a pass phrase"])
def test_msal_signs_in_with_a_pfx_certificate(
    graph: SimulatedGraph, app_for: AppFor, credential: Credential, tmp_path: Path, passphrase: str | None
) -> None:
    graph.entra.register_certificate(APP, credential.certificate_pem.encode())
    encryption = NoEncryption() if passphrase is None else BestAvailableEncryption(passphrase.encode())
    path = tmp_path / "muster.pfx"
    path.write_bytes(
        pkcs12.serialize_key_and_certificates(b"muster", credential.key, credential.certificate, None, encryption)
    )
    given = {"private_key_pfx_path": str(path)} | ({} if passphrase is None else {"passphrase": passphrase})

    granted = app_for(given).acquire_token_for_client(SCOPES)

    assert claims(granted)["roles"] == [ROLE]


def test_msal_hears_that_a_certificate_is_another_one(
    graph: SimulatedGraph, app_for: AppFor, credential: Credential
) -> None:
    graph.entra.register_certificate(APP, credential.certificate_pem.encode())
    other = Credential(*a_key_pair())

    refused = app_for(
        {"private_key": other.key_pem, "public_certificate": other.certificate_pem}
    ).acquire_token_for_client(SCOPES)

    assert refused["error"] == "invalid_client"
    assert "AADSTS700027" in refused["error_description"]


def test_msal_buys_a_new_token_for_a_claims_challenge(
    graph: SimulatedGraph, app_for: AppFor, session: requests.Session, url: str
) -> None:
    app = app_for("any")
    old = app.acquire_token_for_client(SCOPES)["access_token"]
    graph.challenge_token()
    challenged = call(session, url, old)

    new = app.acquire_token_for_client(SCOPES, claims_challenge='{"access_token":{"nbf":{"essential":true}}}')

    assert challenged == 401
    assert new["access_token"] != old
    assert call(session, url, new["access_token"]) == 204


def test_msal_signs_a_person_in_by_device_code_and_stays_signed_in(
    graph: SimulatedGraph, url: str, session: requests.Session
) -> None:
    graph.entra.grants.polls_before_approval = 1
    graph.entra.mint.lifetime = 60  # under five minutes: MSAL takes it for expired and uses the refresh token
    app = msal.PublicClientApplication(APP, authority=f"{url}/{TENANT}", instance_discovery=False, http_client=session)

    flow = app.initiate_device_flow(scopes=[f"https://graph.microsoft.com/{ROLE}"])
    flow["interval"] = 0
    granted = app.acquire_token_by_device_flow(flow)
    (account,) = app.get_accounts()
    silently = app.acquire_token_silent([f"https://graph.microsoft.com/{ROLE}"], account)

    assert flow["user_code"] in flow["message"]
    assert claims(granted)["scp"] == ROLE
    assert call(session, url, granted["access_token"]) == 204
    assert silently["access_token"] != granted["access_token"]
    assert graph.entra.requests["refresh_token"] == 1


def test_msal_signs_in_with_a_managed_identity(
    graph: SimulatedGraph, url: str, session: requests.Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    graph.entra.identity_header = "right"
    monkeypatch.setenv("IDENTITY_ENDPOINT", f"{url}/msi/token")
    monkeypatch.setenv("IDENTITY_HEADER", "right")
    client = msal.ManagedIdentityClient(msal.UserAssignedManagedIdentity(client_id=APP), http_client=session)

    granted = client.acquire_token_for_client(resource="https://graph.microsoft.com")

    assert claims(granted)["appid"] == APP
    assert call(session, url, granted["access_token"]) == 204


def test_msal_signs_in_with_the_identity_of_a_virtual_machine(
    graph: SimulatedGraph, url: str, session: requests.Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("IDENTITY_ENDPOINT", raising=False)
    monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", url)
    client = msal.ManagedIdentityClient(msal.SystemAssignedManagedIdentity(), http_client=session)

    granted = client.acquire_token_for_client(resource="https://graph.microsoft.com")

    assert claims(granted)["roles"] == [ROLE]
    assert graph.entra.requests == {"managed-identity": 1}
