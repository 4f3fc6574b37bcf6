from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from orchestrator.cli.questions import Agreement
from orchestrator.domain.action import Action
from orchestrator.domain.confirmation import Confirm
from orchestrator.domain.errors import RequestRejected
from orchestrator.usecases.jobs.submit_job import NotConfirmed


class Typist(io.StringIO):
    """A terminal at which these lines are typed."""

    def isatty(self) -> bool:
        return True


class Change:
    """A change that concerns so many devices at each attempt, and is done once it is confirmed."""

    def __init__(self, *counts: int, action: Action = Action.REFRESH_USER_POLICY) -> None:
        self._counts, self._action = iter(counts), action
        self.done: list[int] = []

    async def __call__(self, confirm: Confirm) -> str:
        count = next(self._counts)
        confirm(self._action, count)
        self.done.append(count)
        return "done"


def agreement(*, yes: bool = False) -> Agreement:
    return Agreement(confirm_above=1000, is_agreed=yes, is_interrupted=lambda: False)


@contextmanager
def terminal(typed: str) -> Iterator[io.StringIO]:
    told = Typist()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stderr", told)
        patch.setattr(sys, "stdin", Typist(typed))
        yield told


async def test_a_few_devices_are_not_asked_about() -> None:
    change = Change(1000)

    assert await agreement().carry_out(change) == "done"


@pytest.mark.parametrize(("action", "count"), [(Action.REFRESH_USER_POLICY, 1001), (Action.FULL_SCAN, 11)])
async def test_without_a_terminal_many_devices_need_a_yes(action: Action, count: int) -> None:
    refused, agreed = Change(count, action=action), Change(count, action=action)

    with pytest.raises(RequestRejected, match="--yes"):
        await agreement().carry_out(refused)
    await agreement(yes=True).carry_out(agreed)

    assert (refused.done, agreed.done) == ([], [count])


async def test_what_is_agreed_to_is_done() -> None:
    change = Change(1001, 1001)

    with terminal("y\n") as told:
        await agreement().carry_out(change)

    assert change.done == [1001]
    assert told.getvalue().startswith("Ask 1,001 devices for refreshUserPolicy?")


async def test_a_number_that_changed_meanwhile_is_asked_about_again() -> None:
    change = Change(1001, 5000, 5000)

    with terminal("y\ny\n") as told:
        await agreement().carry_out(change)

    assert change.done == [5000]
    assert "changed meanwhile: 1,001 before" in told.getvalue()


async def test_a_no_leaves_everything_as_it_is() -> None:
    change = Change(1001, 1002, 1002)

    with terminal("y\nn\n") as told, pytest.raises(NotConfirmed):
        await agreement().carry_out(change)

    assert change.done == []
    assert told.getvalue().count("[y/N]") == 2
