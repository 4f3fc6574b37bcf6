"""`muster demo --serve`: the dashboard on a month of simulated work, in a folder that goes with it."""

from __future__ import annotations

import asyncio
import uuid
import webbrowser
from contextlib import ExitStack
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import click

from orchestrator.cli import exits
from orchestrator.cli.lazy import load

if TYPE_CHECKING:
    from orchestrator.settings import Settings

_TENANTS = ("contoso", "fabrikam")


def serve_demo(*, port: int, opens_browser: bool) -> int:
    """Fill a fresh database, serve the dashboard and the simulated Graph behind it until Ctrl-C."""
    with ExitStack() as opened:
        folder = Path(opened.enter_context(TemporaryDirectory(prefix="muster-demo-", ignore_cleanup_errors=True)))
        url = opened.enter_context(load("orchestrator.simulator.serving:serve_in_thread")(_simulated_graph()))
        settings = _settings(folder, url)
        click.echo("Writing a month of work of two tenants; that takes some seconds.", err=True)
        asyncio.run(_fill(settings))

        def say(link: str) -> None:
            click.echo(f"Dashboard: {link}\nNothing here is real, and nothing stays. Ctrl-C ends it.", err=True)
            if opens_browser:
                webbrowser.open(link)

        try:
            asyncio.run(load("orchestrator.asgi:serve")(settings, host="127.0.0.1", port=port, say=say))
        except KeyboardInterrupt:
            return exits.DONE
    return exits.DONE


async def _fill(settings: Settings) -> None:
    from orchestrator.bootstrap import open_app
    from orchestrator.store.engine.database import open_store
    from orchestrator.usecases.operations.seed_demo import PastClock, seed_demo

    clock = PastClock()
    async with open_app(settings, kind="ask") as app, open_store(settings.database_url, clock) as past:
        await seed_demo(app, past, clock)


def _simulated_graph() -> Any:
    graph = load("orchestrator.simulator.app:SimulatedGraph")(None, seed=20)
    graph.answer_within(0.05, 0.3)
    fleet = load("orchestrator.usecases.operations.demo_plan:fleet")
    devices = [device for name in _TENANTS for device in fleet(name)]
    for status in (400, 404):
        graph.refuse(
            [each.id for each in devices if each.refused and each.refused.http_status == status], status=status
        )
    chosen = Random(5).sample([each.id for each in devices if each.refused is None], 14)  # noqa: S311 - the same devices fail in each demonstration
    graph.refuse(chosen[:10], status=503, times=1)
    graph.lose_reply(chosen[10:])
    return graph


def _settings(folder: Path, url: str) -> Settings:
    from orchestrator.bootstrap import start_logs
    from orchestrator.settings import load_settings

    file = folder / "muster.toml"
    tables = [
        f'[tenants.{name}]\ntenant_id = "{uuid.uuid5(uuid.NAMESPACE_DNS, name)}"\n'
        f'client_id = "{uuid.uuid5(uuid.NAMESPACE_URL, name)}"\ngraph_url = "{url}"\naccess_token = "demo"\n'
        for name in _TENANTS
    ]
    file.write_text("\n".join(tables), encoding="utf-8")
    database = f"sqlite:///{(folder / 'muster.db').as_posix()}"
    settings = load_settings({"MUSTER_DATABASE_URL": database, "MUSTER_LOG_LEVEL": "error"}, file)
    start_logs(settings)
    return settings
