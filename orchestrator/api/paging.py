"""Pages that hold still while rows change: a cursor names the last thing seen."""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import StrEnum
from typing import Annotated, Any

from fastapi import Query
from pydantic import BeforeValidator, Field

MOST = 1000
TIME_HELP = "How long ago (`24h`, `7d`), a day, or a time, in UTC where it names no offset."


def cursor_after(number: int) -> str:
    """The cursor of the page that begins after this."""
    return str(number)


def read_cursor(cursor: str) -> int | None:
    """Parses a cursor into the position that the page begins after; None for the first page."""
    return int(cursor) if cursor else None


def _words(given: Any) -> Any:
    """`?status=failed,uncertain` is `?status=failed&status=uncertain`, in any case; `?status=` asks for nothing."""
    texts = given if isinstance(given, list) else [given]
    return [word.casefold() for text in texts for word in str(text).split(",") if word]


def _or_usual(given: Any) -> Any:
    return 100 if given == "" else given


Words = BeforeValidator(_words)


def any_case(kind: type[StrEnum]) -> BeforeValidator:
    """A query parameter that takes the names of an enumeration in any letter case, as the command line does."""
    spelled = {each.value.casefold(): each.value for each in kind}
    return BeforeValidator(lambda given: spelled.get(str(given).casefold(), given))


def several(words: Iterable[str], description: str) -> Any:
    """A query parameter that takes some of these words, repeated or between commas."""
    word = "|".join(map(re.escape, words))
    items = {"type": "string", "pattern": f"^(({word})(,({word}))*)?$"}
    return Query(description=description, json_schema_extra={"items": items})


Cursor = Annotated[str, Query(pattern=r"^[0-9]{0,18}$", description="`nextCursor` of the page before.")]
Limit = Annotated[int, Field(ge=1, le=MOST), BeforeValidator(_or_usual), Query(description="How many at most.")]
