"""The types of options, and the options that are made from those that jobs and schedules declare."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import time, timedelta
from enum import Enum
from typing import TYPE_CHECKING, Any, TypeVar

import click

from orchestrator.domain.errors import RequestRejected
from orchestrator.domain.options import REQUIRED, DeclaredOption

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

F = TypeVar("F", bound=Callable[..., Any])
Decorator = Callable[[F], F]

NONE = "none"
"""The word that takes a value away: an empty one would be lost on its way through some shells."""


class Spelled(click.Choice[str]):
    """One of these names in any letter case; a wrong one is answered with the names as they are spelled."""

    def __init__(self, names: Iterable[str]) -> None:
        super().__init__(tuple(names), case_sensitive=False)

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        """The names as they are spelled; click shows them in lower case."""
        del param, ctx
        return f"[{'|'.join(self.choices)}]"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """The names as they are spelled, for what was typed in any letter case."""
        from click.shell_completion import CompletionItem

        del ctx, param
        typed = incomplete.casefold()
        return [CompletionItem(name) for name in self.choices if name.casefold().startswith(typed)]

    def get_invalid_choice_message(self, value: Any, ctx: click.Context | None) -> str:
        """Returns the message for an unknown name, with all known ones."""
        del ctx
        return f"{value!r} is none of {', '.join(self.choices)}."

    def get_missing_message(self, param: click.Parameter, ctx: click.Context | None) -> str:
        """Returns the addition to the message for a missing option, with all names as they are spelled."""
        del param, ctx
        return f"It takes one of {', '.join(self.choices)}."


def with_options(*options: Decorator[Any]) -> Decorator[Any]:
    """Gives a command these options, in this order."""

    def decorate(command: F) -> F:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


def click_options(options: Iterable[DeclaredOption]) -> tuple[Decorator[Any], ...]:
    """Each option as click takes it; its value is read and checked where it is typed."""
    return tuple(map(_click_option, options))


def _click_option(option: DeclaredOption) -> Decorator[Any]:
    facts, flag = option.facts, f"--{option.flag}"
    if option.kind is bool:
        return click.option(f"{flag}/--no-{option.flag}", option.name, default=option.default, help=facts.help)
    is_required = option.default is REQUIRED and not facts.has_usual
    default = None if option.default in {REQUIRED, None} else option.written(option.default)
    default = default.value if isinstance(default, Enum) else default
    # To click a default that is given is a value, None too: a required option with one would never be missed.
    usual = {} if is_required else {"default": default}
    return click.option(
        flag,
        option.name,
        type=_type_of(option),
        metavar=facts.metavar or _METAVARS.get(option.kind),
        required=is_required,
        show_default=bool(default) and bool(option.default),
        help=facts.help,
        **usual,
    )


def _type_of(option: DeclaredOption) -> click.ParamType[Any]:
    if issubclass(option.kind, Enum):
        return Spelled(option.choices)
    if option.kind is str:
        return click.STRING  # as the whole tree of commands takes it: plain text
    return _Integer(option) if option.kind is int else _Text(option)


class _Text(click.ParamType[Any]):
    """A value that is written as a text; a wrong one is answered with the sentence that every edge says."""

    name = "text"

    def __init__(self, option: DeclaredOption) -> None:
        self._option = option

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Returns the value; the word `none` stays, for it takes an optional value away from a schedule."""
        return value if _takes_away(self._option, value) else _read(self, self._option, value, param, ctx)


class _Integer(click.IntRange):
    """A number whose bounds click shows, answered like every other option."""

    def __init__(self, option: DeclaredOption) -> None:
        super().__init__(option.facts.at_least, None if option.facts.at_most >= _ENDLESS else option.facts.at_most)
        self._option = option

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Returns the number."""
        return _read(self, self._option, value, param, ctx)


def _takes_away(option: DeclaredOption, value: Any) -> bool:
    return option.is_optional and isinstance(value, str) and value.casefold() == NONE


def _read(
    kind: click.ParamType[Any],
    option: DeclaredOption,
    value: Any,
    param: click.Parameter | None,
    ctx: click.Context | None,
) -> Any:
    try:
        return option.read(value)
    except RequestRejected as refused:
        kind.fail(str(refused), param, ctx)


_ENDLESS = 10**9
_METAVARS = {str: "TEXT", timedelta: "SPAN", time: "HH:MM"}
