"""A choice among names that the product spells in one way."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import click


class Spelled(click.Choice[str]):
    """One of these names in any letter case; a wrong one is answered with the names as they are spelled."""

    def __init__(self, names: Iterable[str]) -> None:
        super().__init__(tuple(names), case_sensitive=False)

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        """The names as they are spelled; click shows them in lower case."""
        del param, ctx
        return f"[{'|'.join(self.choices)}]"

    def get_invalid_choice_message(self, value: Any, ctx: click.Context | None) -> str:
        """Returns the message for an unknown name, with all known ones."""
        del ctx
        return f"{value!r} is none of {', '.join(self.choices)}."
