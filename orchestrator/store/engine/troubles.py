"""The errors of a database, sorted: an outage, a conflict with another transaction, a fault; and their sentences."""

from __future__ import annotations

from sqlalchemy.engine import URL, ExceptionContext
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from orchestrator.domain.errors import StoreUnavailable


class StatementFailed(Exception):
    """A network error or a timeout of a statement, which the driver raises as an error of the system."""


def as_statement_failed(context: ExceptionContext) -> Exception | None:
    """Tell an OSError of a statement from one of the work around it; for SQLAlchemy's event `handle_error`."""
    problem = context.original_exception
    return StatementFailed(str(problem) or type(problem).__name__) if isinstance(problem, OSError) else None


def unavailable(problem: Exception, url: URL) -> StoreUnavailable:
    """The error for an outage or a conflict; its message names no address, which strangers and logs would see."""
    if _has_sign(problem, _CONFLICTS):
        return StoreUnavailable("Another process holds what this would change in the database. Try again.")
    cause = str(getattr(problem, "orig", None) or problem or type(problem).__name__).strip().splitlines()
    return StoreUnavailable(
        f"The database cannot be used: {cause[0] if cause else type(problem).__name__}. "
        "Check MUSTER_DATABASE_URL and that the database is up; `muster doctor` tries it.",
        place=place_of(url),
    )


def place_of(url: URL) -> str:
    """Where a database is, for people: without the driver, and without anything secret."""
    # A password may be among the parameters too: postgresql://host/name?password=…
    plain = url.set(drivername=url.get_backend_name(), query={})
    return plain.render_as_string(hide_password=True)


def is_nul(problem: Exception) -> bool:
    """Whether PostgreSQL was given text that no column of it takes; SQLite finds nothing like it, and says so."""
    return isinstance(problem, DBAPIError) and "CharacterNotInRepertoire" in _signs(problem)


def is_outage(problem: Exception) -> bool:
    """Whether the same may work later: nothing is wrong with what was asked."""
    if isinstance(problem, DBAPIError):
        return problem.connection_invalidated or _has_sign(problem, (*_OUTAGES, *_CONFLICTS))
    if isinstance(problem, SQLAlchemyError):
        return isinstance(problem, PoolTimeout)
    # Errors while connecting come as the driver raised them, untranslated by SQLAlchemy.
    is_of_driver = type(problem).__module__.partition(".")[0] in {"asyncpg", "sqlite3"}
    return is_of_driver or isinstance(problem, OSError | StatementFailed)


def _has_sign(problem: Exception, signs: tuple[str, ...]) -> bool:
    return isinstance(problem, DBAPIError) and any(sign in _signs(problem) for sign in signs)


def _signs(problem: DBAPIError) -> str:
    # SQLAlchemy has one error for most of asyncpg's, and keeps what was raised as its cause.
    return f"{type(problem.orig).__name__} {type(getattr(problem.orig, '__cause__', None)).__name__} {problem.orig}"


_OUTAGES = (
    "OperationalError",
    "InterfaceError",
    "ConnectionDoesNotExist",
    "CannotConnectNow",
    "AdminShutdown",
    "CrashShutdown",
    "TooManyConnections",
    "InvalidPassword",
    "InvalidCatalogName",
    "InvalidAuthorization",
    "ConnectionFailure",
    "QueryCanceled",
    "IdleInTransactionSessionTimeout",
    "TimeoutError",
    "database is locked",
    "unable to open database file",
    "file is not a database",
    "disk is full",
    "readonly database",
)

_CONFLICTS = ("LockNotAvailable", "DeadlockDetected", "SerializationError")
