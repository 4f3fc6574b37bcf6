"""Taking one setting after the other, and remembering for people where each came from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

from orchestrator.domain.spans import written_span
from orchestrator.settings.places import Given, Place
from orchestrator.settings.tree import BY_DEFAULT, Shown
from orchestrator.settings.values import without_password

T = TypeVar("T")


class Reading:
    """Some places, strongest first, in which settings are looked up; `label` stands before each name."""

    def __init__(self, places: Sequence[Place], label: str) -> None:
        self.places = places
        self.shown: list[Shown] = []
        self.names: set[str] = set()
        """Every name that was looked up."""
        self._label = label

    def read(self, name: str, parse: Callable[[Given], T], default: T, *, nothing: str = "") -> T:
        """The value from the strongest place that gives it; `nothing` is how None is shown."""
        given = next((found for place in self.places if (found := place.find(name)) is not None), None)
        if given is None:
            self.show(name, nothing if default is None else _text(default), BY_DEFAULT)
            return default
        value = parse(given)
        self.show(name, nothing if value is None else _text(value), given.source)
        return value

    def show(self, name: str, value: str, source: str) -> None:
        """Records the value for `muster settings`."""
        self.names.add(name)
        self.shown.append(Shown(self._label + (name.upper() if self._label.isupper() else name), value, source))


def _text(value: object) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case Path():
            return str(value)
        case timedelta():
            return written_span(value)
        case (str(host), int(port)):
            return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        case tuple():
            return ", ".join(map(str, value))
        case frozenset():
            return ", ".join(sorted(map(str, value)))
    return without_password(str(value))
