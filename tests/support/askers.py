"""Who asks in tests."""

from __future__ import annotations

from orchestrator.domain.access import Asker

SOMEBODY = Asker("somebody", "tests")
