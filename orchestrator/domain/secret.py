"""A secret of the settings."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class SecretText:
    """A text that its own repr does not show, so that no log and no traceback does."""

    value: str = field(repr=False)
