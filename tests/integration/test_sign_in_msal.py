"""Every way to sign in, through the real MSAL, against an Entra-like authority over TLS."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    pkcs12,
)

from orchestrator.domain.errors import SignInRefused, SignInUnreachable
from orchestrator.domain.lane import Cloud
from orchestrator.domain.tenant import Permission
from orchestrator.graph.auth import SignIn, sign_in_with
from orchestrator.graph.clouds import addresses_of
from orchestrator.graph.credentials import (
    AccessToken,
    ClientCertificate,
    ClientSecret,
    Credential,
    DeviceCode,
    ManagedIdentity,
)
from orchestrator.graph.secrets import fixed, kept_in
from orchestrator.graph.tokens import is_for, permission, read_claims
from orchestrator.graph.trust import trust_in
from orchestrator.simulator.app import SimulatedGraph
from orchestrator.simulator.issuing import Registration
from orchestrator.simulator.serving import Tls, serve_in_thread
from tests.support.certificates import a_key_pair
from tests.support.clock import ManualClock
from tests.support.tcp_proxy import a_proxy
from tests.support.tls import Authority, make_authority

pytestmark = pytest.mark.enable_socket

TENANT = "aaaaaaaa-0000-4000-8000-000000000001"
APP = "bbbbbbbb-0000-4000-8000-000000000001"


@pytest.fixture
def graph() -> SimulatedGraph:
    return SimulatedGraph(None)


@pytest.fixture
def url(graph: SimulatedGraph, authority: Authority) -> Iterator[str]:
    with serve_in_thread(graph, tls=Tls(authority.certificate, authority.key)) as base:
        yield base.replace("127.0.0.1", "localhost")


@pytest.fixture(scope="module")
def strangers(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """An authority that signed nothing we talk to."""
    return make_authority(tmp_path_factory.mktemp("strangers"))


class SignInMaker:
    """Makes a sign-in of the app at the simulated authority."""

    def __init__(self, url: str, trust: ssl.SSLContext, clock: ManualClock) -> None:
        self._url, self._trust, self._clock = url, trust, clock

    def __call__(self, credential: Credential, *, cloud: Cloud = Cloud.GLOBAL, tenant: str = TENANT) -> SignIn:
        return sign_in_with(
            credential,
            addresses=addresses_of(cloud),
            tenant_id=tenant,
            client_id=APP,
            trust=self._trust,
            clock=self._clock,
            authority=self._url,
        )


@pytest.fixture
def sign_in(url: str, authority: Authority, clock: ManualClock) -> SignInMaker:
    return SignInMaker(url, trust_in(authority.bundle), clock)


async def test_a_secret_signs_the_app_in(graph: SimulatedGraph, sign_in: SignInMaker) -> None:
    graph.entra.register(Registration(APP, secret="right"))

    token = await sign_in(ClientSecret(fixed("right"))).token()

    claims = read_claims(token)
    assert claims is not None
    assert (claims.tenant_id, claims.client_id) == (TENANT, APP)
    assert permission(claims) is Permission.GRANTED
    assert is_for(claims, "https://graph.microsoft.com")
    assert graph.entra.requests == {"client_credentials": 1}


@pytest.mark.parametrize("cloud", list(Cloud))
async def test_each_cloud_gets_a_token_for_its_own_graph(sign_in: SignInMaker, cloud: Cloud) -> None:
    token = await sign_in(ClientSecret(fixed("any")), cloud=cloud).token()

    claims = read_claims(token)
    assert [each for each in Cloud if is_for(claims, addresses_of(each).root)] == [cloud]


async def test_the_permission_that_is_missing_is_seen_in_the_token(graph: SimulatedGraph, sign_in: SignInMaker) -> None:
    graph.entra.register(Registration(APP, secret="right", roles=("DeviceManagementManagedDevices.Read.All",)))

    token = await sign_in(ClientSecret(fixed("right"))).token()

    assert permission(read_claims(token)) is Permission.MISSING


async def test_a_wrong_secret_is_refused_with_what_to_mend(graph: SimulatedGraph, sign_in: SignInMaker) -> None:
    graph.entra.register(Registration(APP, secret="right"))

    with pytest.raises(SignInRefused) as refused:
        await sign_in(ClientSecret(fixed("wr0ng-s3cret"))).token()

    assert "AADSTS7000215" in str(refused.value)
    assert "take the Value of a secret" in str(refused.value)
    assert "wr0ng-s3cret" not in str(refused.value)


async def test_a_secret_that_changed_on_disk_is_taken_up(
    graph: SimulatedGraph, sign_in: SignInMaker, tmp_path: Path
) -> None:
    graph.entra.register(Registration(APP, secret="second"))
    file = tmp_path / "secret"
    file.write_text("first\n")
    app = sign_in(ClientSecret(kept_in(file)))
    with pytest.raises(SignInRefused):
        await app.token()

    file.write_text("second\n")

    assert permission(read_claims(await app.token())) is Permission.GRANTED


@pytest.mark.parametrize("kind", ["pem", "pfx"])
@pytest.mark.parametrize("password", [None, "a pass phrase"])
async def test_a_certificate_signs_the_app_in(
    graph: SimulatedGraph, sign_in: SignInMaker, tmp_path: Path, kind: str, password: str | None
) -> None:
    key, certificate = a_key_pair()
    graph.entra.register_certificate(APP, certificate.public_bytes(Encoding.PEM))
    protection = NoEncryption() if password is None else BestAvailableEncryption(password.encode())
    file = tmp_path / f"muster.{kind}"
    if kind == "pem":
        private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, protection)
        file.write_bytes(private + certificate.public_bytes(Encoding.PEM))
    else:
        file.write_bytes(pkcs12.serialize_key_and_certificates(b"muster", key, certificate, None, protection))

    token = await sign_in(ClientCertificate(file, fixed(password) if password is not None else None)).token()

    assert permission(read_claims(token)) is Permission.GRANTED


async def test_another_certificate_than_the_apps_is_refused(
    graph: SimulatedGraph, sign_in: SignInMaker, tmp_path: Path
) -> None:
    graph.entra.register_certificate(APP, a_key_pair()[1].public_bytes(Encoding.PEM))
    key, certificate = a_key_pair()
    file = tmp_path / "muster.pem"
    file.write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + certificate.public_bytes(Encoding.PEM)
    )

    with pytest.raises(SignInRefused, match="AADSTS700027"):
        await sign_in(ClientCertificate(file)).token()


@pytest.mark.parametrize("identity", [None, APP])
async def test_the_identity_of_an_azure_resource_signs_in(
    graph: SimulatedGraph, sign_in: SignInMaker, identity: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serve_in_thread(graph) as base:
        monkeypatch.setenv("IDENTITY_ENDPOINT", f"{base}/msi/token")
        monkeypatch.setenv("IDENTITY_HEADER", "right")
        monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
        app = sign_in(ManagedIdentity(identity))

        first = await app.token()
        second = await app.renew(first)

    claims = read_claims(second)
    assert first != second
    assert permission(claims) is Permission.GRANTED
    assert identity is None or (claims is not None and claims.client_id == identity)


async def test_an_identity_endpoint_that_stumbles_is_asked_again(
    graph: SimulatedGraph, sign_in: SignInMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    graph.refuse_tokens("temporarily_unavailable", status=503, times=2)
    with serve_in_thread(graph) as base:
        monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", base)

        token = await sign_in(ManagedIdentity()).token()

    assert permission(read_claims(token)) is Permission.GRANTED
    assert graph.entra.requests == {"managed-identity": 3}


async def test_a_person_signs_in_by_device_code_once_and_stays(graph: SimulatedGraph, sign_in: SignInMaker) -> None:
    graph.entra.grants.poll_interval = 0
    shown: list[str] = []
    person = sign_in(DeviceCode(shown.append))

    first = await person.token()
    second = await person.renew(first)

    assert len(shown) == 1
    assert "enter the code" in shown[0]
    claims = read_claims(second)
    assert first != second
    assert claims is not None
    assert claims.is_delegated
    assert permission(claims) is Permission.GRANTED
    assert graph.entra.requests["refresh_token"] == 1


async def test_a_stop_ends_the_wait_for_a_person(graph: SimulatedGraph, sign_in: SignInMaker) -> None:
    graph.entra.grants.polls_before_approval = 1_000_000
    shown = asyncio.Event()
    loop = asyncio.get_running_loop()

    def prompt(_: str) -> None:
        loop.call_soon_threadsafe(shown.set)

    person = sign_in(DeviceCode(prompt))
    waits = asyncio.create_task(person.token())
    await shown.wait()

    assert person._fetching is not None
    person._fetching.task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await waits
    # Ends only once the thread that polls has ended: the limit of this test is what would notice.
    await loop.shutdown_default_executor()


async def test_a_given_token_is_used_as_it_is(sign_in: SignInMaker, graph: SimulatedGraph) -> None:
    assert await sign_in(AccessToken(fixed(" opaque\n"))).token() == "opaque"
    assert not graph.entra.requests


@pytest.mark.parametrize("token", ["", "two words", "two\nlines", "t\xf6ken"])
async def test_a_given_token_that_is_none_is_refused(sign_in: SignInMaker, token: str) -> None:
    with pytest.raises(SignInRefused):
        await sign_in(AccessToken(fixed(token))).token()


async def test_a_claims_challenge_buys_another_token(graph: SimulatedGraph, sign_in: SignInMaker) -> None:
    app = sign_in(ClientSecret(fixed("any")))
    first = await app.token()

    second = await app.renew(first, claims='{"access_token":{"nbf":{"essential":true,"value":"1700000000"}}}')

    assert first != second
    assert graph.entra.requests == {"client_credentials": 2}


async def test_an_authority_that_is_unwell_is_unreachable_and_may_recover(
    graph: SimulatedGraph, sign_in: SignInMaker
) -> None:
    graph.refuse_tokens("temporarily_unavailable", status=503, retry_after="0")
    app = sign_in(ClientSecret(fixed("any")))
    with pytest.raises(SignInUnreachable):
        await app.token()
    graph.behave()

    # MSAL answers from its own memory of the failure for as long as the authority asked, here not at all.
    assert permission(read_claims(await app.token())) is Permission.GRANTED


async def test_nobody_at_home_is_unreachable(authority: Authority, clock: ManualClock) -> None:
    maker = SignInMaker("https://127.0.0.1:9", trust_in(authority.bundle), clock)

    with pytest.raises(SignInUnreachable):
        await maker(ClientSecret(fixed("any"))).token()


async def test_a_page_where_an_authority_should_be_is_refused(
    authority: Authority, clock: ManualClock, url: str
) -> None:
    maker = SignInMaker(url + "/somewhere/else", trust_in(authority.bundle), clock)

    with pytest.raises(SignInUnreachable, match="something between") as refusal:
        await maker(ClientSecret(fixed("any"))).token()
    assert "TENANT" not in str(refusal.value)


@pytest.mark.parametrize("status", [200, 302, 400, 403, 404, 407, 502])
async def test_a_page_in_place_of_a_token_is_unreachable_and_hints_at_no_tenant(
    authority: Authority, clock: ManualClock, url: str, graph: SimulatedGraph, status: int
) -> None:
    maker = SignInMaker(url, trust_in(authority.bundle), clock)

    graph.answer_tokens_with_html(status=status, title="Hotel network")
    with pytest.raises(SignInUnreachable, match="Hotel network") as at_the_end:
        await maker(ClientSecret(fixed("any"))).token()
    assert "TENANT" not in str(at_the_end.value)


@pytest.mark.parametrize("status", [200, 302, 403])
async def test_a_page_in_place_of_the_discovery_is_unreachable_too(
    authority: Authority, clock: ManualClock, url: str, graph: SimulatedGraph, status: int
) -> None:
    graph.stand_between(status=status, title="Hotel network", sign_in=True)
    maker = SignInMaker(url, trust_in(authority.bundle), clock)

    with pytest.raises(SignInUnreachable, match="Hotel network") as at_once:
        await maker(ClientSecret(fixed("any"))).token()
    assert "TENANT" not in str(at_once.value)


async def test_an_authority_without_tls_is_named_and_hints_at_no_tenant(clock: ManualClock) -> None:
    maker = SignInMaker("http://127.0.0.1:9", trust_in(None), clock)

    with pytest.raises(SignInUnreachable, match="must be https://") as refusal:
        await maker(ClientSecret(fixed("any"))).token()
    assert "TENANT" not in str(refusal.value)


async def test_a_certificate_that_is_not_trusted_is_told_with_its_issuer(
    url: str, strangers: Authority, clock: ManualClock
) -> None:
    maker = SignInMaker(url, trust_in(strangers.bundle), clock)

    with pytest.raises(SignInUnreachable, match="issued by “trustme"):
        await maker(ClientSecret(fixed("any"))).token()


@pytest.mark.parametrize(("status", "said"), [(407, "wants a sign-in"), (403, "made no connection")])
async def test_a_proxy_that_keeps_a_sign_in_away_is_named(
    url: str, clock: ManualClock, monkeypatch: pytest.MonkeyPatch, status: int, said: str
) -> None:
    async with a_proxy(b"HTTP/1.1 %d No\r\nContent-Length: 0\r\n\r\n" % status) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://user:secret@{proxy}")
        monkeypatch.setenv("NO_PROXY", "")
        maker = SignInMaker(url, trust_in(None), clock)

        with pytest.raises(
            SignInUnreachable, match=rf"through the proxy http://{proxy}: the proxy {said} \(HTTP {status}"
        ):
            await maker(ClientSecret(fixed("any"))).token()


async def test_only_the_certificates_we_were_given_are_trusted(
    url: str, authority: Authority, strangers: Authority, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    # requests would let this variable overrule what it was given.
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority.bundle))
    monkeypatch.setenv("CURL_CA_BUNDLE", str(authority.bundle))
    maker = SignInMaker(url, trust_in(strangers.bundle), clock)

    with pytest.raises(SignInUnreachable, match=r"(?i)certificate"):
        await maker(ClientSecret(fixed("any"))).token()


async def test_a_variable_of_the_environment_takes_no_trust_away(
    sign_in: SignInMaker, strangers: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(strangers.bundle))

    token = await sign_in(ClientSecret(fixed("any"))).token()

    assert permission(read_claims(token)) is Permission.GRANTED


async def test_a_secret_follows_no_redirect(authority: Authority, clock: ManualClock) -> None:
    asked: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(
            b"HTTP/1.1 302 Found\r\nlocation: https://localhost:9/\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
        )
        await writer.drain()
        writer.close()

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority.certificate, authority.key)
    async with await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context) as server:
        port = server.sockets[0].getsockname()[1]
        maker = SignInMaker(f"https://localhost:{port}", trust_in(authority.bundle), clock)

        with pytest.raises(SignInUnreachable, match="sends the call to localhost"):
            await maker(ClientSecret(fixed("any"))).token()

    assert len(asked) == 1


def test_no_secret_is_shown() -> None:
    for credential in (
        ClientSecret(fixed("s3cret")),
        ClientCertificate(Path("muster.pfx"), fixed("s3cret")),
        AccessToken(fixed("s3cret")),
    ):
        assert "s3cret" not in repr(credential)
        assert "lambda" not in repr(credential)
