"""Descriptions of single fields of what is shown."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Description:
    """A text about a field for the OpenAPI document: `Annotated[int, Description("…")]`.

    Pydantic calls the method where it is loaded. Its own `Field` would load pydantic into every short command.
    """

    text: str

    def __get_pydantic_json_schema__(self, core: object, handler: Callable[[object], dict[str, Any]]) -> dict[str, Any]:
        """Returns the schema of the field with the description."""
        return {**handler(core), "description": self.text}
