"""Who asks in tests."""

from __future__ import annotations

from orchestrator.domain.access import Actor

SOMEBODY = Actor("somebody", "tests")
