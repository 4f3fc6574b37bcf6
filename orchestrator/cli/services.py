"""`muster serve`, `worker`, `clock` and `simulator`: processes that stand."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from orchestrator.cli import exits
from orchestrator.cli.invocation import Invocation, pass_invocation
from orchestrator.cli.lazy import load
from orchestrator.domain.errors import RequestRejected, TryLater

if TYPE_CHECKING:
    from orchestrator.settings import Settings

_PASSED_ON = {"ignore_unknown_options": True, "help_option_names": []}


@click.command()
@click.option("--host", metavar="ADDRESS", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--port", type=click.IntRange(1, 65535), default=8000, show_default=True, help="The port to listen on.")
@pass_invocation
def serve(invocation: Invocation, *, host: str, port: int) -> int:
    """The standing service; embedded, it is also worker and clock."""
    import asyncio

    settings = invocation.settings(is_service=True)
    refuse_open_door(settings, host)
    serving = load("orchestrator.asgi:serve")(
        settings, host=host, port=port, say=lambda url: click.echo(f"Dashboard: {url}", err=True)
    )
    try:
        asyncio.run(serving)
    except KeyboardInterrupt:
        # Uvicorn has ended cleanly and only repeats what it was told: for a service that is no failure.
        return exits.DONE
    except SystemExit as end:
        raise TryLater(f"Nothing is served on {host}:{port}; the log above says why. Is the port taken?") from end
    return exits.DONE


@click.command(context_settings=_PASSED_ON)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@pass_invocation
@click.pass_context
def worker(context: click.Context, invocation: Invocation, *, arguments: tuple[str, ...]) -> int:
    """A Celery worker with the settings of Muster; its options are Celery's own.

    A team's installation has any number of workers: see docs/operations.md.
    """
    if {"-h", "--help"} & set(arguments):
        click.echo(f"{context.get_help()}\n\nOptions of Celery:\n")
        arguments = ("--help",)
    if invocation.config is not None:
        # Celery starts us from its side, where there is no command line of ours to read.
        os.environ["MUSTER_CONFIG"] = str(invocation.config)
    invocation.settings(is_service=True)
    code: int = load("workers:run_worker")(arguments)
    return code


@click.command()
@pass_invocation
def clock(invocation: Invocation) -> int:
    """Fire schedules, recover stalled work and wake workers; any number may run."""
    from orchestrator.cli import bridge

    settings = invocation.settings(is_service=True)

    async def tick(interrupt: bridge.Interrupt) -> None:
        with interrupt.gently() as stop:
            await load("workers:run_clock")(settings, stop)

    bridge.run(tick)
    return exits.DONE


@click.command(context_settings=_PASSED_ON)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def simulator(*, arguments: tuple[str, ...]) -> int:
    """A small Microsoft Graph on this machine, with faults on request."""
    code: int = load("orchestrator.simulator.__main__:main")(arguments)
    return code


def refuse_open_door(settings: Settings, host: str) -> None:
    """RequestRejected where an embedded service would let others in: it knows only the reader of its terminal."""
    from orchestrator.settings.values import is_loopback

    if settings.is_embedded and not is_loopback(host) and settings.people is None:
        raise RequestRejected(
            f"An embedded service listens on this machine only, and {host} is more than that. Set up signing in "
            "(MUSTER_SIGN_IN_TENANT_ID, MUSTER_SIGN_IN_CLIENT_ID, MUSTER_SIGN_IN_CLIENT_SECRET, MUSTER_PUBLIC_URL), "
            "or a team's installation (MUSTER_BROKER_URL)."
        )
