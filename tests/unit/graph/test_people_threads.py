from __future__ import annotations

import threading

import pytest

from orchestrator.domain.errors import SignInRefused, SignInUnreachable
from orchestrator.engine.system_clock import SystemClock
from orchestrator.graph.people import PeopleSignIn
from orchestrator.graph.trust import trust_in


async def test_people_are_signed_in_in_threads_that_nothing_else_waits_for() -> None:
    seen: list[str] = []

    def no_secret() -> str:
        seen.append(threading.current_thread().name)
        raise SignInRefused("nothing is kept there")

    people = PeopleSignIn(
        "contoso.example",
        "app",
        no_secret,
        authority="https://login.example",
        back_to="https://muster.example/sign-in/done",
        trust=trust_in(None),
        clock=SystemClock(),
    )
    with pytest.raises(SignInRefused):
        await people.begin()
    with pytest.raises(SignInUnreachable):
        await people.renew("refresh token")
    with pytest.raises(SignInRefused):
        await people.finish("{}", {})

    assert len(seen) == 3
    assert all(name.startswith("sign-in-") for name in seen)
