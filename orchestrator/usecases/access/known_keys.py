"""The keys that this process has seen in the database, for the time in which the database is away."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from orchestrator.app import App
from orchestrator.domain.errors import MusterError
from orchestrator.domain.keys import ApiKey
from orchestrator.engine.stop import StopSignal
from orchestrator.telemetry.logger import get_logger
from orchestrator.usecases.access.keys import key_parts, opens

log = get_logger(__name__)

_READ_EVERY = 10.0
_PATIENCE = 20.0


class KnownKeys:
    """Distinguishes keys that were valid a moment ago from unknown ones, which are refused also without a database."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._keys: dict[str, tuple[ApiKey, str]] = {}

    def is_known(self, text: str) -> bool:
        """Whether this key was valid when the keys were last read."""
        parts = key_parts(text)
        if parts is None or parts[0] not in self._keys:
            return False
        return opens(self._keys[parts[0]], parts[1], self._app.clock.now())

    async def reload_for(self, text: str) -> None:
        """Reads the keys again where this one, which opens something, was made since they were read."""
        parts = key_parts(text)
        if parts is not None and parts[0] not in self._keys:
            with suppress(MusterError):
                await self.read()

    async def read(self) -> None:
        """Reads every key that was not revoked; of a secret only the hash."""
        async with self._app.store.reading() as tx:
            self._keys = {key.id: (key, secret_hash) for key, secret_hash in await tx.keys.all_hashes()}

    async def run(self, stop: StopSignal) -> None:
        """Reads them every ten seconds until the stop is requested."""
        while not stop.is_requested:
            try:
                async with asyncio.timeout(_PATIENCE):
                    await self.read()
            except (MusterError, TimeoutError) as problem:
                log.warning("keys.unread", reason=str(problem))
            except Exception:
                log.exception("keys.broke")
            await stop.wait(_READ_EVERY)
