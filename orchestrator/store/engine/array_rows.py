"""Very many rows as one array a column, which PostgreSQL's driver sends fastest; JSON where there are no arrays."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import ARRAY, DateTime, FromClause, bindparam, column, func, select
from sqlalchemy.types import TypeEngine

from orchestrator.store.engine.json_rows import PARAMETER, Columns
from orchestrator.store.engine.json_rows import plain as as_plain
from orchestrator.store.engine.times import UtcDateTime


def table_of(dialect: str, columns: Columns, *, name: str = "given") -> FromClause:
    """Returns the rows of `payload` as a table with these columns."""
    if dialect == "postgresql":
        arrays = (bindparam(f"each_{key}", type_=ARRAY(_native(kind))) for key, kind in columns.items())
        derived = func.unnest(*arrays).table_valued(*(column(key, kind) for key, kind in columns.items()), name=name)
        return derived.render_derived()
    each = func.json_each(bindparam(PARAMETER)).table_valued("value", name="each_row")
    extracted = (
        func.json_extract(each.c.value, f"$[{place}]", type_=kind).label(key)
        for place, (key, kind) in enumerate(columns.items())
    )
    return select(*extracted).subquery(name)


def _native(kind: TypeEngine[Any]) -> TypeEngine[Any]:
    # Our own type would be asked about each value, and changes none here.
    return DateTime(timezone=True) if isinstance(kind, UtcDateTime) else kind


def payload(dialect: str, columns: Columns, rows: Iterable[Sequence[Any]]) -> dict[str, Any]:
    """The parameters that carry these rows, each with its values in the order of the columns."""
    if dialect != "postgresql":
        return {PARAMETER: json.dumps(list(rows), default=as_plain, separators=(",", ":"))}
    by_column = list(zip(*rows, strict=True)) or [()] * len(columns)
    return {f"each_{key}": values for key, values in zip(columns, by_column, strict=True)}
