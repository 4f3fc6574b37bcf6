"""Waking whoever may work; a bell that nobody hears costs a few seconds and no device."""

from __future__ import annotations

from typing import Protocol


class WakeUps(Protocol):
    """How work that was committed is made known."""

    async def send(self, times: int = 1) -> None:
        """Wake up to `times` workers; never fails, since everybody also looks by himself."""
        ...

    async def check(self) -> None:
        """QueueUnavailable where nobody could hear it."""
        ...

    @property
    def described(self) -> str:
        """What it is, for people."""
        ...


class NoWakeUps:
    """The bell of an embedded installation: whoever works on the file looks into it every second."""

    async def send(self, times: int = 1) -> None:
        """Nobody is far enough away to need one."""

    async def check(self) -> None:
        """Nothing can be wrong with it."""

    @property
    def described(self) -> str:
        """What it is, for people."""
        return "none is needed: embedded"
