"""Time, waiting and lost connections, as the simulator finds them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class World:
    """The parts of the simulator that a test may replace.

    `lost` makes what is raised where an in-process caller would see its connection close; who calls through httpx
    brings `httpx.ReadError`, which the simulator itself does not know.
    """

    clock: Callable[[], float] = time.monotonic
    wall: Callable[[], float] = time.time
    pause: Callable[[float], Awaitable[None]] = asyncio.sleep
    lost: Callable[[str], Exception] = ConnectionResetError
