"""Triggers in a test's database that note what must never be written, whoever writes it and in whatever order."""

from __future__ import annotations

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

_FINAL = "('accepted','failed','uncertain','cancelled')"
_TOTAL = "{0}.waiting + {0}.sending + {0}.accepted + {0}.failed + {0}.uncertain + {0}.cancelled"
_RULES = (
    (
        "targets",
        "a final status changed",
        f"OLD.status IN {_FINAL} AND (NEW.status <> OLD.status OR NEW.attempts <> OLD.attempts)",
        "OLD.job_number || '/' || OLD.line || ' ' || OLD.status || ' to ' || NEW.status",
    ),
    (
        "targets",
        "an attempt was unsaid",
        "NEW.attempts < OLD.attempts OR (OLD.maybe_repeated AND NOT NEW.maybe_repeated)",
        "OLD.job_number || '/' || OLD.line",
    ),
    (
        "batches",
        "a term went back, or a batch changed hands in one",
        "NEW.term < OLD.term OR (NEW.term = OLD.term AND OLD.holder <> NEW.holder)",
        "OLD.job_number || '/' || OLD.batch",
    ),
    (
        "batches",
        "a tally lost or gained a target",
        f"{_TOTAL.format('OLD')} <> {_TOTAL.format('NEW')}",
        "OLD.job_number || '/' || OLD.batch",
    ),
)


async def set_guards(engine: AsyncEngine) -> None:
    """From now on what breaks a rule is noted."""
    async with engine.begin() as connection:
        await connection.execute(text("CREATE TABLE violations (what TEXT NOT NULL)"))
        for number, (table, rule, broken, where) in enumerate(_RULES):
            note = f"INSERT INTO violations VALUES ('{rule}: ' || {where})"  # noqa: S608 - both are written above
            if engine.dialect.name == "sqlite":
                statements = [
                    f"CREATE TRIGGER guard_{number} AFTER UPDATE ON {table} WHEN {broken} BEGIN {note}; END",
                ]
            else:
                statements = [
                    (
                        f"CREATE FUNCTION guard_{number}() RETURNS trigger LANGUAGE plpgsql AS "
                        f"$$ BEGIN {note}; RETURN NULL; END $$"
                    ),
                    (
                        f"CREATE TRIGGER guard_{number} AFTER UPDATE ON {table} FOR EACH ROW "
                        f"WHEN ({broken}) EXECUTE FUNCTION guard_{number}()"
                    ),
                ]
            for statement in statements:
                await connection.exec_driver_sql(statement)


async def noted_by_guards(engine: AsyncEngine) -> list[str]:
    """What broke a rule."""
    async with engine.connect() as connection:
        return list((await connection.execute(text("SELECT what FROM violations"))).scalars())
