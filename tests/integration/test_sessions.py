"""Sessions are listed and ended, and a role that was taken away ends them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field

import pytest

from orchestrator.app import App
from orchestrator.domain.access import Actor, Grant, Role
from orchestrator.domain.errors import NotPermitted, SignInRefused, SignInUnreachable, UnknownSession
from orchestrator.domain.people import Identified, Limits, Person
from orchestrator.domain.sessions import Session, Way
from orchestrator.usecases.access.keys import create_key
from orchestrator.usecases.access.read_audit import read_audit
from orchestrator.usecases.access.sessions import end_sessions, list_sessions
from orchestrator.usecases.access.sign_in import Directory, begin_session, session_of
from tests.support.actors import SOMEBODY
from tests.support.apps import an_app
from tests.support.clock import ManualClock

pytestmark = pytest.mark.enable_socket

ALEX = Actor("alex@contoso.example", "10.0.0.1", Grant(Role.ADMIN), person_id="tenant/alex")
VIEWER = Actor("viewer", "tests", Grant(Role.VIEWER))


@dataclass
class Entra:
    """A directory of one person; `problem` is raised instead of an answer."""

    roles: frozenset[str] = frozenset({"Muster.Admin"})
    problem: Exception | None = None
    person_id: str = "tenant/alex"
    asked: list[str] = field(default_factory=list)

    async def begin(self, *, again: bool) -> tuple[str, str, str]:
        raise NotImplementedError

    async def finish(self, remembered: str, answer: Mapping[str, str]) -> Identified:
        raise NotImplementedError

    async def renew(self, refresh_token: str) -> Identified:
        self.asked.append(refresh_token)
        await asyncio.sleep(0)
        if self.problem is not None:
            raise self.problem
        person = Person("alexandra@contoso.example", self.roles, self.person_id)
        return Identified(person, f"{refresh_token}+")


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def app(sqlite_url: str, clock: ManualClock) -> AsyncIterator[App]:
    async with an_app(sqlite_url, "http://127.0.0.1:9", clock=clock) as app:
        yield app


@pytest.fixture
def entra() -> Entra:
    return Entra()


async def signed_in(app: App) -> str:
    return await begin_session(app, ALEX, way=Way.ENTRA, refresh_token="token")


async def looked_at(app: App, secret: str, entra: Entra | None) -> Session | None:
    return await session_of(app, secret, directory=Directory(entra, Limits(ceiling=5)))


async def test_the_directory_is_asked_again_after_ten_minutes_and_what_it_says_counts(
    app: App, clock: ManualClock, entra: Entra
) -> None:
    secret = await signed_in(app)
    clock.advance(minutes=9)
    await looked_at(app, secret, entra)
    asked_early = [*entra.asked]
    entra.roles = frozenset({"Muster.Operator"})
    clock.advance(minutes=2)
    lesser = await looked_at(app, secret, entra)
    clock.advance(minutes=10)
    await looked_at(app, secret, entra)

    assert asked_early == []
    assert lesser is not None
    assert (lesser.grant, lesser.name) == (Grant(Role.OPERATOR, ceiling=5), "alexandra@contoso.example")
    assert entra.asked == ["token", "token+"]


@pytest.mark.parametrize(
    "change",
    [
        {"roles": frozenset({"Other"})},
        {"problem": SignInRefused("the account is disabled")},
        {"person_id": "tenant/somebody-else"},
    ],
)
async def test_a_session_ends_within_fifteen_minutes_once_the_role_is_gone(
    app: App, clock: ManualClock, entra: Entra, change: dict[str, object]
) -> None:
    secret = await signed_in(app)
    for name, value in change.items():
        setattr(entra, name, value)
    clock.advance(minutes=15)

    assert await looked_at(app, secret, entra) is None
    assert await looked_at(app, secret, Entra()) is None
    assert await list_sessions(app, by=SOMEBODY) == []
    (ended, _) = await read_audit(app, by=SOMEBODY, limit=5, what="session")
    assert (ended.what, ended.who, ended.reason is not None) == ("session.ended", "alex@contoso.example", True)


async def test_while_entra_is_away_a_session_goes_on_for_an_hour_and_no_longer(
    app: App, clock: ManualClock, entra: Entra
) -> None:
    secret = await signed_in(app)
    entra.problem = SignInUnreachable("away")
    stands = []
    for _ in range(12):
        clock.advance(minutes=5)
        stands.append(await looked_at(app, secret, entra) is not None)

    assert stands == [True] * 11 + [False]


async def test_an_outage_of_entra_that_ends_leaves_no_trace(app: App, clock: ManualClock, entra: Entra) -> None:
    secret = await signed_in(app)
    entra.problem = SignInUnreachable("away")
    clock.advance(minutes=11)
    await looked_at(app, secret, entra)
    await looked_at(app, secret, entra)
    entra.problem = None
    clock.advance(minutes=40)
    confirmed = await looked_at(app, secret, entra)

    assert confirmed is not None
    assert confirmed.checked_at == clock.now()
    assert entra.asked == ["token", "token"]


async def test_of_many_requests_at_once_one_asks_and_none_goes_on_with_a_role_that_is_gone(
    app: App, clock: ManualClock, entra: Entra
) -> None:
    secret = await signed_in(app)
    entra.roles = frozenset()
    clock.advance(minutes=16)
    look_count = [asyncio.ensure_future(looked_at(app, secret, entra)) for _ in range(5)]
    while not all(look.done() for look in look_count):
        await clock.run_for(seconds=0.25)
        await asyncio.wait(look_count, timeout=0.05)

    assert [await look for look in look_count] == [None] * 5
    assert entra.asked == ["token"]


async def test_the_refresh_token_is_in_the_database_only_sealed(app: App) -> None:
    await signed_in(app)

    async with app.store.reading() as tx:
        rows = (await tx.connection.exec_driver_sql("SELECT * FROM sessions")).all()

    assert len(rows) == 1
    assert "token" not in str(rows)


async def test_sessions_are_listed_and_ended_one_or_all_of_a_person(app: App) -> None:
    first, second = await signed_in(app), await signed_in(app)
    other = await begin_session(app, Actor("bo", "10.0.0.2", Grant(Role.VIEWER)), way=Way.KEY)
    listed = await list_sessions(app, by=SOMEBODY)
    one = next(each for each in listed if each.name != "bo")

    await end_sessions(app, session_id=one.id, by=SOMEBODY, reason="lost laptop")
    left = [await looked_at(app, each, None) is not None for each in (first, second)]
    ended = await end_sessions(app, person="TENANT/alex", by=SOMEBODY)

    assert sorted(each.name for each in listed) == ["alex@contoso.example", "alex@contoso.example", "bo"]
    assert sorted(left) == [False, True]
    assert len(ended) == 1
    assert await looked_at(app, other, None) is not None
    for wrong in ({"session_id": one.id}, {"session_id": "%"}, {"person": "nobody"}, {"person": ""}):
        with pytest.raises(UnknownSession):
            await end_sessions(app, by=SOMEBODY, **wrong)
    for attempt in (list_sessions(app, by=VIEWER), end_sessions(app, by=VIEWER)):
        with pytest.raises(NotPermitted):
            await attempt


async def test_a_person_makes_keys_for_ten_minutes_after_signing_in(app: App, clock: ManualClock) -> None:
    secret = await begin_session(app, Actor("owner", "127.0.0.1"), way=Way.LINK)
    clock.advance(minutes=10)
    fresh = await looked_at(app, secret, None)
    assert fresh is not None
    made = await create_key(app, Grant(Role.VIEWER), name="tool", by=fresh.actor("127.0.0.1"))
    clock.advance(minutes=1)

    with pytest.raises(NotPermitted, match="younger than ten minutes"):
        await create_key(app, Grant(Role.VIEWER), name="tool", by=fresh.actor("127.0.0.1"))
    assert made.key.creator == "person owner"
