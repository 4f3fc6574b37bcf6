"""Who makes calls in the name of one tenant, as the engine sees it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from orchestrator.domain.call import Call, EnvelopesRefused, MayLeave
from orchestrator.domain.outcome import Outcome


class Caller(Protocol):
    """Makes calls in the name of one tenant."""

    async def ready(self) -> Outcome | None:
        """Wait until a call would leave at once; what every call would come to, where none can leave."""
        ...

    async def trigger(self, calls: Sequence[Call], may_leave: MayLeave) -> list[Outcome] | EnvelopesRefused | None:
        """Makes one call, or several in one envelope; returns their outcomes in the same order.

        None where `may_leave` answered False once there was a connection, and nothing was sent.
        """
        ...
