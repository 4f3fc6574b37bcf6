"""`muster notify list`, `test` and `log`: who is told how jobs end."""

from __future__ import annotations

import click

from orchestrator.cli import exits
from orchestrator.cli.invocation import Format, Invocation, actor, output_option, pass_invocation


@click.command("list")
@output_option
@pass_invocation
def list_(invocation: Invocation) -> None:
    """The channels in the settings, and what each hears of."""
    from orchestrator.cli.output import show_rows
    from orchestrator.views.notifications import ChannelFacts, channel_object

    rows = [*map(channel_object, invocation.settings().channels.values())]
    if invocation.output is Format.TABLE and not rows:
        click.echo("No channel is set up: see MUSTER_NOTIFY_WEBHOOK, _TEAMS, _SLACK and _EMAIL.", err=True)
        return
    show_rows(rows, invocation.output, names=ChannelFacts.__annotations__)


@click.command()
@click.argument("names", metavar="[CHANNEL]…", nargs=-1)
@output_option
@pass_invocation
def test(invocation: Invocation, names: tuple[str, ...]) -> int:
    """Send a test to each CHANNEL, to all of them if none is named; exits with 4 where one did not take it."""
    from orchestrator.cli.output import show_rows
    from orchestrator.usecases.operations.try_channel import try_channels
    from orchestrator.views.notifications import ChannelTestFacts, channel_test_object

    tried = invocation.ask(lambda app: try_channels(app, names, by=actor()))
    show_rows([*map(channel_test_object, tried)], invocation.output, names=ChannelTestFacts.__annotations__)
    return exits.UNAVAILABLE if any(each.problem is not None for each in tried) else exits.DONE


@click.command()
@click.option("--limit", type=click.IntRange(1, 10_000), default=20, show_default=True, help="How many.")
@output_option
@pass_invocation
def log(invocation: Invocation, *, limit: int) -> None:
    """The newest notices, whether they were taken, and if not, why and when they are tried again."""
    from orchestrator.cli.output import show_rows
    from orchestrator.usecases.operations.try_channel import list_notices
    from orchestrator.views.notifications import NoticeLogEntry, notice_object

    rows = [*map(notice_object, invocation.ask(lambda app: list_notices(app, limit=limit)))]
    if invocation.output is Format.TABLE and not rows:
        click.echo("No notification was sent yet.", err=True)
        return
    show_rows(rows, invocation.output, names=NoticeLogEntry.__annotations__)
