from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

import pytest

from orchestrator.domain.errors import MusterError, SignInRefused, SignInUnreachable
from orchestrator.graph.auth import SignIn
from orchestrator.graph.issuers import IssuedToken
from tests.support.clock import ManualClock


class ScriptedIssuer:
    """Issues token-1, token-2 … each `life` seconds long, unless told to fail; may be held back."""

    def __init__(self, life: float | None = 3600.0, refresh_in: float | None = None) -> None:
        self.life, self.refresh_in = life, refresh_in
        self.failure: MusterError | None = None
        self.asked: list[str | None] = []
        self.name: Callable[[int], str] = lambda number: f"token-{number}"
        self.gate = threading.Event()
        self.gate.set()
        self.was_abandoned = False

    def issue(self, claims: str | None) -> IssuedToken:
        self.asked.append(claims)
        number = len(self.asked)
        assert self.gate.wait(timeout=10)
        if self.failure is not None:
            raise self.failure
        return IssuedToken(self.name(number), self.life, self.refresh_in)

    def abandon(self) -> None:
        self.was_abandoned = True
        self.gate.set()


@pytest.fixture
def issuer() -> ScriptedIssuer:
    return ScriptedIssuer()


async def until_refreshed(sign_in: SignIn) -> None:
    """Until the fetch under way, which works in a thread, is done."""
    assert sign_in._fetching is not None
    await asyncio.wait({sign_in._fetching.task})


async def test_many_who_wait_share_one_token(issuer: ScriptedIssuer, clock: ManualClock) -> None:
    sign_in = SignIn(issuer, clock)

    tokens = await asyncio.gather(*(sign_in.token() for _ in range(50)))

    assert set(tokens) == {"token-1"}
    assert issuer.asked == [None]


async def test_many_who_wait_share_one_failure(issuer: ScriptedIssuer, clock: ManualClock) -> None:
    issuer.failure = SignInUnreachable("down")
    sign_in = SignIn(issuer, clock)

    results = await asyncio.gather(*(sign_in.token() for _ in range(50)), return_exceptions=True)

    assert {type(result) for result in results} == {SignInUnreachable}
    assert len(issuer.asked) == 1


async def test_one_who_leaves_takes_the_token_from_nobody(issuer: ScriptedIssuer, clock: ManualClock) -> None:
    sign_in = SignIn(issuer, clock)
    issuer.gate.clear()
    leaves, stays = asyncio.create_task(sign_in.token()), asyncio.create_task(sign_in.token())
    await asyncio.sleep(0)

    leaves.cancel()
    await asyncio.sleep(0)
    issuer.gate.set()

    assert await stays == "token-1"
    assert len(issuer.asked) == 1


async def test_a_token_is_kept_until_five_minutes_before_its_end(issuer: ScriptedIssuer, clock: ManualClock) -> None:
    sign_in = SignIn(issuer, clock)
    await sign_in.token()

    clock.advance(minutes=54, seconds=59)

    assert await sign_in.token() == "token-1"
    assert len(issuer.asked) == 1


async def test_a_token_is_renewed_ahead_of_its_end_while_the_old_one_serves(
    issuer: ScriptedIssuer, clock: ManualClock
) -> None:
    sign_in = SignIn(issuer, clock)
    await sign_in.token()
    clock.advance(minutes=55)
    issuer.gate.clear()

    meanwhile = [await sign_in.token() for _ in range(3)]
    issuer.gate.set()
    await until_refreshed(sign_in)

    assert meanwhile == ["token-1"] * 3
    assert await sign_in.token() == "token-2"
    assert len(issuer.asked) == 2


async def test_the_authority_may_ask_for_an_earlier_refresh(clock: ManualClock) -> None:
    issuer = ScriptedIssuer(life=86_400, refresh_in=43_200)
    sign_in = SignIn(issuer, clock)
    await sign_in.token()
    clock.advance(hours=12)

    await sign_in.token()
    await until_refreshed(sign_in)

    assert await sign_in.token() == "token-2"


async def test_the_old_token_serves_while_the_authority_is_unwell_and_is_not_asked_for_all_the_time(
    issuer: ScriptedIssuer, clock: ManualClock
) -> None:
    sign_in = SignIn(issuer, clock)
    await sign_in.token()
    clock.advance(minutes=55)
    issuer.failure = SignInUnreachable("down")

    for _ in range(5):
        assert await sign_in.token() == "token-1"
        await until_refreshed(sign_in)
    clock.advance(seconds=31)
    await sign_in.token()
    await until_refreshed(sign_in)

    assert len(issuer.asked) == 3


async def test_a_token_that_has_ended_is_used_no_more(issuer: ScriptedIssuer, clock: ManualClock) -> None:
    sign_in = SignIn(issuer, clock)
    await sign_in.token()
    clock.advance(hours=1)
    issuer.failure = SignInUnreachable("down")

    with pytest.raises(SignInUnreachable):
        await sign_in.token()


async def test_a_short_token_is_renewed_at_half_its_life(clock: ManualClock) -> None:
    issuer = ScriptedIssuer(life=60)
    sign_in = SignIn(issuer, clock)
    await sign_in.token()
    clock.advance(seconds=29)
    assert await sign_in.token() == "token-1"
    assert len(issuer.asked) == 1

    clock.advance(seconds=1)
    await sign_in.token()
    await until_refreshed(sign_in)

    assert len(issuer.asked) == 2


async def test_many_whose_token_was_refused_share_one_renewal(issuer: ScriptedIssuer, clock: ManualClock) -> None:
    sign_in = SignIn(issuer, clock)
    refused = await sign_in.token()

    renewed = await asyncio.gather(*(sign_in.renew(refused) for _ in range(50)))
    late = await sign_in.renew(refused)

    assert {*renewed, late} == {"token-2"}
    assert await sign_in.token() == "token-2"
    assert len(issuer.asked) == 2


async def test_a_renewal_asks_for_the_claims_that_graph_wants(issuer: ScriptedIssuer, clock: ManualClock) -> None:
    sign_in = SignIn(issuer, clock)
    refused = await sign_in.token()

    await sign_in.renew(refused, claims='{"a":1}')

    assert issuer.asked == [None, '{"a":1}']


async def test_a_refused_token_is_not_handed_out_while_another_is_fetched(
    issuer: ScriptedIssuer, clock: ManualClock
) -> None:
    sign_in = SignIn(issuer, clock)
    refused = await sign_in.token()
    issuer.gate.clear()
    renewal = asyncio.create_task(sign_in.renew(refused))
    await asyncio.sleep(0)

    waits = asyncio.create_task(sign_in.token())
    await asyncio.sleep(0)
    issuer.gate.set()

    assert (await renewal, await waits) == ("token-2", "token-2")


async def test_the_same_token_again_is_no_renewal(issuer: ScriptedIssuer, clock: ManualClock) -> None:
    issuer.name = lambda _: "given"
    issuer.life = None
    sign_in = SignIn(issuer, clock)
    refused = await sign_in.token()

    with pytest.raises(SignInRefused, match="same token"):
        await sign_in.renew(refused)


async def test_a_stop_ends_a_sign_in_that_waits_for_a_person(issuer: ScriptedIssuer, clock: ManualClock) -> None:
    sign_in = SignIn(issuer, clock)
    issuer.gate.clear()
    waits = asyncio.create_task(sign_in.token())
    await asyncio.sleep(0)
    assert sign_in._fetching is not None
    await asyncio.sleep(0)

    sign_in._fetching.task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waits

    assert issuer.was_abandoned


async def test_no_token_is_ever_shown(issuer: ScriptedIssuer, clock: ManualClock) -> None:
    sign_in = SignIn(issuer, clock)
    await sign_in.token()

    assert "token-1" not in repr(sign_in._held)
    assert "token-1" not in repr(IssuedToken("token-1"))
