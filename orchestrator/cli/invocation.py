"""The state of one command: its settings, its output format, how much it prints."""

from __future__ import annotations

import os
import sys
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from orchestrator.app import App
    from orchestrator.domain.access import Actor
    from orchestrator.settings import Settings

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])


class Format(StrEnum):
    """How data is written to stdout."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"
    TSV = "tsv"
    YAML = "yaml"

    @property
    def is_nested(self) -> bool:
        """Whether it shows objects as they are, and not one row of plain values each."""
        return self in {Format.JSON, Format.YAML}

    @property
    def is_flat(self) -> bool:
        """Whether it shows one row of plain values for each thing."""
        return self in {Format.CSV, Format.TSV}


FIELDS: ContextVar[tuple[str, ...]] = ContextVar("fields", default=())
"""The fields that `--fields` names, in their order; none for all."""


@dataclass(slots=True)
class Invocation:
    """One call of `muster`; click fills it in as it reads the arguments."""

    config: Path | None = None
    debug: bool = False
    output: Format = Format.TABLE
    _settings: Settings | None = None

    def settings(self, *, is_service: bool = False) -> Settings:
        """The settings in force, with logs set up by them; what is odd about them is said once."""
        from orchestrator.settings import load_settings
        from orchestrator.telemetry.logger import defer_logs

        if self._settings is not None:
            return self._settings
        settings = load_settings(os.environ, self.config)
        for note in settings.notes:
            click.echo(f"muster: note: {note}", err=True)
        level = settings.log_level
        if self.debug:
            level = "debug"
        elif not is_service and not settings.is_given("MUSTER_LOG_LEVEL"):
            # A person at a terminal wants the answer, not the events on the way to it.
            level = "error"
        self._settings = replace(settings, log_level=level)
        # Not bootstrap's own: it knows the whole product, and `muster settings` needs none of it.
        defer_logs(as_json=settings.log_format == "json", level=level)
        return self._settings

    def ask(self, question: Callable[[App], Awaitable[T]]) -> T:
        """The answer to one question to the application."""
        from orchestrator.bootstrap import open_app
        from orchestrator.cli import bridge

        settings = self.settings()

        async def inside(_: bridge.Interrupt) -> T:
            async with open_app(settings, kind="ask", sign_in_prompt=prompt_sign_in) as app:
                answer = await question(app)
                await say_stops(app)
                return answer

        return bridge.run(inside)


pass_invocation = click.make_pass_decorator(Invocation, ensure=True)


def output_option(command: F) -> F:
    """`-o` and `--fields`: every command that shows something takes them."""

    def remember(context: click.Context, _: click.Parameter, value: str) -> Format:
        invocation = context.ensure_object(Invocation)
        invocation.output = Format(value)
        return invocation.output

    option = click.option(
        "-o",
        "--output",
        type=click.Choice([each.value for each in Format]),
        default=Format.TABLE.value,
        callback=remember,
        is_eager=True,
        expose_value=False,
        help="How data is written to standard output.",
    )
    fields = click.option(
        "--fields",
        metavar="NAME,…",
        callback=_remember_fields,
        expose_value=False,
        help="Only these fields, in this order, such as id,counts.failed; with -o json, csv, tsv or yaml.",
    )
    return option(fields(command))


def _remember_fields(context: click.Context, _: click.Parameter, value: str | None) -> None:
    fields = tuple(name.strip() for name in (value or "").split(",") if name.strip())
    if fields and context.ensure_object(Invocation).output is Format.TABLE:
        raise click.UsageError("--fields goes with -o json, csv, tsv or yaml.", context)
    FIELDS.set(fields)


def confirm_change(question: str) -> None:
    """Asks before a change that nothing undoes; RequestRejected without a terminal, Abort where the answer is no."""
    from orchestrator.domain.errors import RequestRejected

    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise RequestRejected(f"{question} There is no terminal to answer on: say --yes. Nothing was done.")
    if not click.confirm(question, err=True):
        raise RequestRejected("Nothing was done.")


yes_option = click.option("--yes", "-y", is_flag=True, help="Ask no question, however many devices there are.")
reason_option = click.option("--reason", metavar="TEXT", help="Why; it is kept.")


def actor() -> Actor:
    """The actor of the command line: it may do everything, since it can reach the database, and is audited."""
    from orchestrator.domain.access import on_command_line
    from orchestrator.settings.account import account_at_machine

    return on_command_line(account_at_machine())


async def say_stops(app: App) -> None:
    """On stderr: the emergency stops in force; nothing where the database does not tell."""
    from orchestrator.domain.errors import MusterError
    from orchestrator.domain.plain_text import shown
    from orchestrator.usecases.operations.stops_in_force import stops_in_force

    try:
        stops = await stops_in_force(app)
    except MusterError:
        # The command itself says what is wrong with the database, or does not need it.
        return
    for stop in stops:
        click.echo(f"{shown(stop.sentence)} `muster halt --lift --reason TEXT` lifts it.", err=True)


def prompt_sign_in(sentence: str) -> None:
    """Show where to sign in, and with which code."""
    click.echo(sentence, err=True)
