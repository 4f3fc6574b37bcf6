"""`muster demo`: the whole product on 500 simulated devices; no tenant, no set-up."""

from __future__ import annotations

import sys
import uuid
from contextlib import ExitStack
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import click

from orchestrator.cli import exits
from orchestrator.cli.invocation import Format, Invocation, pass_invocation
from orchestrator.cli.lazy import load
from orchestrator.domain.action import Action

if TYPE_CHECKING:
    from orchestrator.cli.submission import Submission
    from orchestrator.settings import Settings

DEVICES = 500
LIMIT = "400/4s"
_ACTION = Action.REFRESH_MACHINE_POLICY
_TOKEN = "demo"  # noqa: S105 - opens nothing but the simulator


@click.command()
@click.option("--report", type=click.Path(path_type=Path), help="Where the report goes; muster-demo.csv else.")
@click.option("--serve", is_flag=True, help="The dashboard instead, on a month of simulated work of two tenants.")
@click.option("--port", type=click.IntRange(1, 65535), default=8000, show_default=True, help="Of the dashboard.")
@click.option("--browser/--no-browser", default=True, show_default=True, help="With --serve, open the browser.")
@pass_invocation
def demo(invocation: Invocation, *, report: Path | None, serve: bool, port: int, browser: bool) -> int:
    """The whole product on 500 simulated devices, faults included: no tenant, no set-up."""
    if serve:
        from orchestrator.cli.demo_serve import serve_demo

        return serve_demo(port=port, opens_browser=browser)
    from orchestrator.cli.launch import run_list
    from orchestrator.cli.report_file import refuse_unwritable

    path = report or Path("muster-demo.csv")
    refuse_unwritable(path)
    with ExitStack() as opened:
        folder = Path(opened.enter_context(TemporaryDirectory(prefix="muster-demo-", ignore_cleanup_errors=True)))
        devices = write_devices(folder / "devices.csv")
        graph = _simulated_graph(devices)
        url = opened.enter_context(load("orchestrator.simulator.serving:serve_in_thread")(graph))
        _introduce(url)
        settings = _settings(folder, url, debug=invocation.debug)
        code = run_list(settings, _submission(folder / "devices.csv", path), Format.TABLE, aside=lambda: _tell(graph))
    return code if code == exits.INTERRUPTED else exits.DONE


def write_devices(file: Path) -> list[str]:
    """A device list as Intune exports it; the ids, in order."""
    chance = Random(20)  # noqa: S311 - the same devices in each demo
    ids = [str(uuid.UUID(int=chance.getrandbits(128), version=4)) for _ in range(DEVICES)]
    rows = [f"{each},PC-{number:04},Windows,Co-managed" for number, each in enumerate(ids, start=1)]
    file.write_text("\n".join(["Device ID,Device name,OS,Managed by", *rows]) + "\n", encoding="utf-8")
    return ids


def _simulated_graph(devices: list[str]) -> Any:
    limit, seconds = load("orchestrator.simulator.throttling:parse_limit")(LIMIT)
    quota = load("orchestrator.simulator.throttling:Quota")(limit, seconds)
    graph = load("orchestrator.simulator.app:SimulatedGraph")(quota, seed=20)
    graph.answer_within(0.02, 0.12)
    chance = Random(4)  # noqa: S311 - the same devices fail in each demo
    chosen = chance.sample(devices, 35)
    missing, unfit, unwell, lost = _share_out(chosen, (6, 5, 20, 4))
    # One after the other, as a limit that is met refuses them: apart, each would close the lane once more.
    crowded = [each for each in devices[DEVICES // 2 :] if each not in chosen][:3]
    graph.refuse(missing, status=404)
    graph.refuse(unfit, status=400)
    graph.refuse(unwell, status=503, times=1)
    graph.refuse(crowded, status=429, retry_after="1", times=1)
    graph.lose_reply(lost)
    return graph


def _share_out(devices: list[str], sizes: tuple[int, ...]) -> list[list[str]]:
    rest = iter(devices)
    return [[next(rest) for _ in range(size)] for size in sizes]


def _settings(folder: Path, url: str, *, debug: bool) -> Settings:
    from orchestrator.bootstrap import start_logs
    from orchestrator.settings import load_settings

    nothing_else = folder / "muster.toml"
    nothing_else.touch()
    settings = load_settings(
        {
            "MUSTER_DATABASE_URL": f"sqlite:///{(folder / 'muster.db').as_posix()}",
            "MUSTER_GRAPH_URL": url,
            "MUSTER_ACCESS_TOKEN": _TOKEN,
            "MUSTER_WRITE_LIMIT": LIMIT,
            "MUSTER_LOG_LEVEL": "debug" if debug else "error",
        },
        nothing_else,
    )
    start_logs(settings)
    return settings


def _submission(devices: Path, report: Path) -> Submission:
    from orchestrator.cli.submission import Submission

    return Submission.of(file=str(devices), action=_ACTION, report=report, yes=True)


def _introduce(url: str) -> None:
    from rich.panel import Panel
    from rich.text import Text

    from orchestrator.cli.terminal import console

    words = Text.assemble(
        (f"{DEVICES} simulated devices", "bold"),
        f", and a small Microsoft Graph at {url} that loses replies, says 503 and 429, does not know "
        "six of the devices and refuses five others. Muster calls them all as it would call yours.\n\n",
        (f"The limit here is {LIMIT}", "bold"),
        " so that you need not wait: Microsoft's is 200 in 20 seconds, ten times slower.",
    )
    console(sys.stderr).print(Panel(words, title="muster demo", border_style="dim", expand=False))


def _tell(graph: Any) -> None:
    truth = load("orchestrator.simulator.summary:summary_of")(graph)
    peak, twice = truth["peak"], truth["repeated"]["devices"]
    click.echo(
        f"The simulated Graph saw {truth['calls']:,} calls, at most {peak['calls']:,} of them in any "
        f"{peak['seconds']:g} seconds, and {truth['devicesAffected']:,} devices acted on, {twice:,} of them twice: "
        "their first reply was lost.\n"
        "Eleven devices fail here on purpose, so this exits with 0; a `muster run` that ends like this exits with 1.\n",
        err=True,
    )
