"""People sign in through the simulated Entra: a browser is sent there and back, over TLS and with the real MSAL."""

from __future__ import annotations

import re
import ssl
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from sqlalchemy import func, select, update

from orchestrator.http.sign_in_limits import Attempts
from orchestrator.simulator.app import SimulatedGraph
from orchestrator.simulator.authorizing import Visitor
from orchestrator.simulator.issuing import Registration
from orchestrator.simulator.serving import Tls, serve_in_thread
from orchestrator.store.access import sessions
from orchestrator.store.rows.access import SessionRow, SignInRow
from orchestrator.usecases.access.read_audit import read_audit
from orchestrator.usecases.access.sessions import list_sessions
from tests.support.actors import SOMEBODY
from tests.support.apps import devices_csv
from tests.support.tls import Authority
from tests.support.waiting import PATIENCE
from tests.support.web import Service, a_service, some_settings

pytestmark = pytest.mark.enable_socket

TENANT = "aaaaaaaa-0000-4000-8000-000000000001"
CLIENT = "bbbbbbbb-0000-4000-8000-000000000001"
HERE = "http://127.0.0.1"


@pytest.fixture
def entra() -> SimulatedGraph:
    graph = SimulatedGraph(None)
    graph.entra.register(Registration(CLIENT, secret="open sesame"))
    return graph


@pytest.fixture
def entra_url(entra: SimulatedGraph, authority: Authority) -> Iterator[str]:
    with serve_in_thread(entra, tls=Tls(authority.certificate, authority.key)) as url:
        yield url


@pytest.fixture
async def service(sqlite_url: str, entra_url: str, authority: Authority) -> AsyncIterator[Service]:
    settings = some_settings(
        sqlite_url,
        MUSTER_PUBLIC_URL=HERE,
        MUSTER_SIGN_IN_TENANT_ID=TENANT,
        MUSTER_SIGN_IN_CLIENT_ID=CLIENT,
        MUSTER_SIGN_IN_CLIENT_SECRET="open sesame",
        MUSTER_SIGN_IN_AUTHORITY=entra_url,
        MUSTER_CA_BUNDLE=str(authority.bundle),
        MUSTER_OPERATOR_CEILING="50",
    )
    async with a_service(settings) as service:
        yield service


async def sent_back(service: Service, client: httpx.AsyncClient, authority: Authority, to: str = "/audit") -> str:
    """Where Entra sends the browser of this client, as an address of the service."""
    sent = await client.get("/sign-in/entra", params={"to": to})
    async with httpx.AsyncClient(verify=ssl.create_default_context(cafile=str(authority.bundle))) as browser:
        back = await browser.get(sent.headers["location"])
    assert back.headers["location"].startswith(f"{HERE}/sign-in/done?")
    return back.headers["location"].replace(HERE, service.url)


@pytest.mark.parametrize(
    ("roles", "role"),
    [
        (("Muster.Viewer",), "viewer"),
        (("Muster.Viewer", "Muster.Operator", "Other"), "operator"),
        (("Muster.Operator", "Muster.Admin"), "admin"),
    ],
)
async def test_an_app_role_becomes_ours(
    service: Service, entra: SimulatedGraph, authority: Authority, roles: tuple[str, ...], role: str
) -> None:
    entra.entra.visitor = Visitor("alex@contoso.example", roles)
    async with httpx.AsyncClient(base_url=service.url, timeout=PATIENCE) as client:
        entered = await client.get(await sent_back(service, client, authority))
        page = await client.get("/jobs/new")
        again = await client.get("/sign-in")
    audit_entries = await read_audit(service.served.app, by=SOMEBODY, limit=5)

    assert (entered.status_code, entered.headers["location"]) == (303, "/audit")
    assert again.headers["location"] == "/"
    assert (page.status_code == 200) == (role != "viewer")
    assert [(audit_entry.what, audit_entry.who, audit_entry.facts) for audit_entry in audit_entries] == [
        (
            "session.begun",
            "alex@contoso.example",
            {"way": "entra", "role": role, "person": f"{TENANT}/{entra.entra.visitor.object_id}"},
        )
    ]


async def test_an_operator_from_entra_has_the_limits_of_the_installation(
    service: Service, entra: SimulatedGraph, authority: Authority
) -> None:
    entra.entra.visitor = Visitor("alex@contoso.example", ("Muster.Operator",))
    async with httpx.AsyncClient(base_url=service.url, timeout=PATIENCE) as client:
        await client.get(await sent_back(service, client, authority))
        page = await client.get("/jobs/new")
        (csrf,) = set(re.findall(r'name="csrf" value="([0-9a-f]+)"', page.text))
        refused = await client.post(
            "/jobs/new",
            headers={"X-CSRF-Token": csrf},
            data={"action": "quickScan"},
            files={"file": ("list.csv", devices_csv(51))},
        )

    assert refused.status_code == 403
    assert "You may ask 50 devices in one job, and these are 51." in refused.text


async def test_who_has_no_role_or_declines_stays_outside(
    service: Service, entra: SimulatedGraph, authority: Authority
) -> None:
    entra.entra.visitor = Visitor("alex@contoso.example", ("Other.Role",))
    async with httpx.AsyncClient(base_url=service.url, timeout=PATIENCE) as client:
        stranger = await client.get(await sent_back(service, client, authority))
        entra.entra.visitor = Visitor(declines=True)
        declined = await client.get(await sent_back(service, client, authority))
        inside = await client.get("/jobs")

    assert (stranger.status_code, declined.status_code, inside.status_code) == (403, 403, 303)
    assert "alex@contoso.example has no role here" in stranger.text
    assert "AADSTS65004" in declined.text


async def test_an_answer_counts_once_and_for_the_browser_that_asked(
    service: Service, entra: SimulatedGraph, authority: Authority
) -> None:
    entra.entra.visitor = Visitor("alex@contoso.example", ("Muster.Admin",))
    async with (
        httpx.AsyncClient(base_url=service.url, timeout=PATIENCE) as client,
        httpx.AsyncClient(base_url=service.url, timeout=PATIENCE) as other,
    ):
        answer = await sent_back(service, client, authority)
        stolen = await other.get(answer)
        used = await client.get(answer)
        again = await client.get(answer)

    assert (stolen.status_code, used.status_code, again.status_code) == (400, 303, 403)
    assert "finished before" in again.text


async def test_an_answer_to_another_question_is_not_taken(
    service: Service, entra: SimulatedGraph, authority: Authority
) -> None:
    entra.entra.visitor = Visitor("alex@contoso.example", ("Muster.Admin",))
    async with httpx.AsyncClient(base_url=service.url, timeout=PATIENCE) as client:
        first = await sent_back(service, client, authority)
        second = await sent_back(service, client, authority)
        code = parse_qs(urlsplit(first).query)["code"][0]
        other = parse_qs(urlsplit(second).query)["code"][0]
        mixed = await client.get(second.replace(f"code={other}", f"code={code}"))

    # The code of the first question was asked for with another proof.
    assert mixed.status_code == 403


async def test_another_site_sends_nobody_to_entra_and_makes_nobody_wait(service: Service) -> None:
    foreign = {"Sec-Fetch-Site": "cross-site"}
    async with httpx.AsyncClient(base_url=service.url, timeout=PATIENCE) as client:
        sent = [await client.get("/sign-in/entra?to=/audit", headers=foreign) for _ in range(101)]
        back = [await client.get("/sign-in/done?code=x&state=y", headers=foreign) for _ in range(Attempts.MOST + 1)]
        own = await client.get("/sign-in/entra", headers={"Sec-Fetch-Site": "same-origin"})

    assert {answer.headers["location"] for answer in sent} == {"/sign-in?to=%2Faudit"}
    assert {answer.status_code for answer in back} == {400}
    assert "/oauth2/v2.0/authorize" in own.headers["location"]


async def test_nothing_that_others_try_at_an_address_keeps_a_person_from_coming_in_through_entra(
    service: Service, entra: SimulatedGraph, authority: Authority
) -> None:
    async with httpx.AsyncClient(base_url=service.url, timeout=PATIENCE) as client:
        entra.entra.visitor = Visitor("stranger@contoso.example")
        for n in range(Attempts.MOST + 1):
            await client.post("/sign-in", data={"key": f"guess {n}"})
            await client.get("/sign-in/link", params={"token": f"guess {n}"})
            await client.get(await sent_back(service, client, authority))
        entra.entra.visitor = Visitor("alex@contoso.example", ("Muster.Admin",))
        entered = await client.get(await sent_back(service, client, authority))

    assert (entered.status_code, entered.headers["location"]) == (303, "/audit")


async def test_of_the_sign_ins_that_never_come_back_the_oldest_are_forgotten(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "MOST_SIGN_INS", 3)
    async with httpx.AsyncClient(base_url=service.url, timeout=PATIENCE) as client:
        for _ in range(6):
            await client.get("/sign-in/entra")
    async with service.served.app.store.reading() as tx:
        kept = (await tx.connection.execute(select(func.count()).select_from(SignInRow))).scalar_one()

    assert kept == 4


async def test_a_secret_that_was_renewed_in_its_file_counts_from_then_on(
    sqlite_url: str, entra: SimulatedGraph, entra_url: str, authority: Authority, tmp_path: Path
) -> None:
    entra.entra.visitor = Visitor("alex@contoso.example", ("Muster.Viewer",))
    file = tmp_path / "secret"
    file.write_text("open sesame\n", encoding="utf-8")
    settings = some_settings(
        sqlite_url,
        MUSTER_PUBLIC_URL=HERE,
        MUSTER_SIGN_IN_TENANT_ID=TENANT.upper(),
        MUSTER_SIGN_IN_CLIENT_ID=CLIENT.upper(),
        MUSTER_SIGN_IN_CLIENT_SECRET_FILE=str(file),
        MUSTER_SIGN_IN_AUTHORITY=entra_url,
        MUSTER_CA_BUNDLE=str(authority.bundle),
    )
    async with a_service(settings) as service, httpx.AsyncClient(base_url=service.url, timeout=PATIENCE) as client:
        before = await client.get(await sent_back(service, client, authority))
        entra.entra.register(Registration(CLIENT, secret="open barley"))
        file.write_text("open barley", encoding="utf-8")
        client.cookies.clear()
        after = await client.get(await sent_back(service, client, authority))
        file.unlink()
        gone = await client.get("/sign-in/entra")

    assert (before.status_code, after.status_code) == (303, 303)
    assert gone.status_code == 403
    assert "cannot be read" in gone.text
    assert str(tmp_path) not in gone.text


async def again(service: Service, client: httpx.AsyncClient, authority: Authority) -> httpx.Response:
    """The answer to a person who proves anew who they are."""
    sent = await client.get("/sign-in/entra", params={"to": "/keys", "again": "true"})
    async with httpx.AsyncClient(verify=ssl.create_default_context(cafile=str(authority.bundle))) as browser:
        back = await browser.get(sent.headers["location"])
    return await client.get(back.headers["location"].replace(HERE, service.url))


async def test_whoever_signs_in_again_types_their_password_and_a_browser_that_drops_the_question_is_refused(
    service: Service, entra: SimulatedGraph, authority: Authority
) -> None:
    entra.entra.visitor = Visitor("alex@contoso.example", ("Muster.Admin",), typed_ago=3600)
    async with httpx.AsyncClient(base_url=service.url) as client:
        await client.get(await sent_back(service, client, authority))
        door = await client.get("/sign-in/again", params={"to": "/keys"})
        typed = await again(service, client, authority)
        (session,) = await list_sessions(service.served.app, by=SOMEBODY)
        entra.entra.visitor = Visitor("alex@contoso.example", ("Muster.Admin",), typed_ago=3600, types_no_password=True)
        dropped = await again(service, client, authority)

    assert "/sign-in/entra?to=/keys&amp;again=true" in door.text
    assert (typed.status_code, typed.headers["location"]) == (303, "/keys")
    assert session.person_id == f"{TENANT}/{entra.entra.visitor.object_id}"
    assert dropped.status_code == 403
    assert "Entra did not ask who you are" in dropped.text


async def test_a_role_that_is_taken_away_under_an_open_session_ends_it(
    service: Service, entra: SimulatedGraph, authority: Authority
) -> None:
    entra.entra.visitor = Visitor("alex@contoso.example", ("Muster.Admin",))
    async with httpx.AsyncClient(base_url=service.url) as client:
        await client.get(await sent_back(service, client, authority))
        await let_a_quarter_of_an_hour_pass(service)
        entra.entra.visitor = Visitor("alex@contoso.example", ("Muster.Viewer",))
        lesser = [(await client.get(page)).status_code for page in ("/jobs", "/audit")]
        await let_a_quarter_of_an_hour_pass(service)
        entra.entra.visitor = Visitor("alex@contoso.example", ("Muster.Viewer",), disabled=True)
        ended = await client.get("/jobs")

    assert lesser == [200, 403]
    assert (ended.status_code, ended.headers["location"]) == (303, "/sign-in?to=%2Fjobs")


async def let_a_quarter_of_an_hour_pass(service: Service) -> None:
    """Let every session look as if Entra had last been asked so long ago."""
    async with service.served.app.store.transaction() as tx:
        past = await tx.now() - timedelta(minutes=15)
        await tx.connection.execute(update(SessionRow).values(checked_at=past, next_check_at=past))
