"""Models of JSON bodies: names in camel case, and texts without NUL."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from orchestrator.domain.plain_text import ControlCharacter, plain_text


def _plain(text: str) -> str:
    try:
        return plain_text(text)
    except ControlCharacter as problem:
        raise PydanticCustomError("control_character", "{reason}", {"reason": str(problem)}) from None


Plain = AfterValidator(_plain)
"""Refuses control characters, and makes line breaks and tabs blanks."""

Text = Annotated[str, StringConstraints(max_length=2000, pattern=r"^[^\x00]*$"), Plain]
"""Text that a person writes; PostgreSQL stores no NUL."""


class JsonModel(BaseModel):
    """camelCase outside, snake_case inside."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid")
