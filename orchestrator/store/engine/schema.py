"""Bringing a database to the schema of this release, and refusing one that is ahead of it."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, inspect, text
from sqlalchemy.exc import SQLAlchemyError

from orchestrator.domain.errors import SchemaTooNew
from orchestrator.store.engine.engines import driver_url, make_engine
from orchestrator.store.engine.sqlite_file import copy_beside, make_private, stored_revision
from orchestrator.store.engine.troubles import StatementFailed, unavailable

if TYPE_CHECKING:
    from alembic.config import Config

HEAD = "0026"
"""The newest revision in migrations/; kept here so that a command need not load Alembic to see that all is well."""

_ADVISORY_LOCK = 0x4D555354


async def upgrade(url: str, *, to: str = "head") -> bool:
    """Bring the database to this release's schema; True if anything had to be done.

    A SQLite file is made where there is none, and an older one is copied beside itself first. Any number of processes
    may ask at once, and none waits for a writer where the schema is current. SchemaTooNew where the database is ahead
    of this program.
    """
    parsed = driver_url(url)
    if parsed.get_backend_name() == "sqlite" and parsed.database and parsed.database != ":memory:":
        make_private(file := Path(parsed.database))
        if to == "head" and stored_revision(file) == HEAD:
            return False
    engine = make_engine(url, pool_size=1)
    try:
        async with engine.begin() as connection:
            there = await connection.run_sync(_revision)
            if parsed.get_backend_name() == "postgresql" and (to != "head" or there != HEAD):
                # Several processes of a new release start at once; one migrates, the others find it done.
                await connection.execute(text(f"SELECT pg_advisory_xact_lock({_ADVISORY_LOCK})"))
                there = await connection.run_sync(_revision)
            if to == "head" and there == HEAD:
                return False
            if to == "head" and there is not None and there > HEAD:
                raise SchemaTooNew(
                    f"The database has schema {there}; this release knows {HEAD}. Upgrade Muster on this machine, "
                    "or point MUSTER_DATABASE_URL at another database."
                )
            if there is not None and parsed.get_backend_name() == "sqlite" and parsed.database:
                copy_beside(Path(parsed.database), there)
            await connection.run_sync(_run_alembic, to)
            return True
    except (SQLAlchemyError, StatementFailed, OSError) as problem:
        raise unavailable(problem, engine.url) from problem
    finally:
        await engine.dispose()


async def revision(url: str) -> str | None:
    """The revision that the database is at; None for an empty one, and for a file that is not there yet."""
    parsed = driver_url(url)
    if parsed.get_backend_name() == "sqlite" and _is_missing(parsed.database):
        return None
    engine = make_engine(url, pool_size=1)
    try:
        async with engine.connect() as connection:
            return await connection.run_sync(_revision)
    except (SQLAlchemyError, StatementFailed, OSError) as problem:
        raise unavailable(problem, engine.url) from problem
    finally:
        await engine.dispose()


def alembic_config() -> Config:
    """Alembic's configuration, wherever Muster is installed."""
    from alembic.config import Config  # noqa: PLC0415 - half a second that only a migration should cost

    config = Config()
    config.set_main_option("script_location", str(_scripts()))
    return config


def _scripts() -> Path:
    # The wheel carries the scripts inside this package; a checkout has them at its top.
    packed = Path(str(files("orchestrator.store"))) / "migrations"
    return packed if packed.is_dir() else Path(__file__).parents[3] / "migrations"


def _run_alembic(connection: Connection, to: str) -> None:
    from alembic import command  # noqa: PLC0415 - as above

    config = alembic_config()
    config.attributes["connection"] = connection
    (command.downgrade if to in {"base", "-1"} else command.upgrade)(config, to)


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()


def _is_missing(database: str | None) -> bool:
    # SQLite would make the file merely by looking.
    return bool(database) and database != ":memory:" and not Path(str(database)).exists()
