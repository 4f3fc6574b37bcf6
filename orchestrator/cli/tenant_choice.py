"""Which tenants a command is for: one, some, or all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from orchestrator.settings import Settings

F = TypeVar("F", bound=Callable[..., Any])


def tenants_options(command: F) -> F:
    """`--tenant` with several names, and `--all-tenants`."""
    for option in reversed((TENANTS, ALL_TENANTS)):
        command = option(command)
    return command


TENANTS = click.option(
    "--tenant", metavar="NAME,…", help="Tenants in the settings, with commas between; without it, the default tenant."
)
ALL_TENANTS = click.option("--all-tenants", is_flag=True, help="Every tenant in the settings.")


def chosen_tenants(settings: Settings, named: str | None, *, is_all: bool) -> tuple[str, ...]:
    """The tenants that were named, each once and in that order, or all; the usual one where none was.

    UnknownTenant for a name that is not in the settings.
    """
    from orchestrator.cli.submission import chosen_tenant

    if is_all and named is not None:
        raise click.UsageError("Name tenants or take all of them, not both.")
    if is_all:
        chosen_tenant(settings, next(iter(settings.tenants), None))
        return tuple(settings.tenants)
    names = names_of(named)
    if not names:
        return (chosen_tenant(settings, None),)
    return tuple(chosen_tenant(settings, name) for name in names)


def names_of(text: str | None) -> tuple[str, ...]:
    """The names between the commas, each once."""
    return tuple(dict.fromkeys(word.strip() for word in (text or "").split(",") if word.strip()))


def worst(codes: Iterable[int]) -> int:
    """The exit code of a command over several tenants: the highest, as the table of codes is ordered by gravity."""
    return max(codes, default=0)
