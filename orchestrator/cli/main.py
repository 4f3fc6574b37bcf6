"""The command tree."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from orchestrator import __version__
from orchestrator.cli import exits, terminal
from orchestrator.cli.invocation import Invocation
from orchestrator.cli.lazy import LazyGroup, Named, load

_HERE = "orchestrator.cli"
_COMPLETION = "_MUSTER_COMPLETE"
_COMMANDS = {
    "run": Named(f"{_HERE}.run:run", "call every device of a list, here and now, and write a report"),
    "submit": Named(f"{_HERE}.run:submit", "store a job for the running workers"),
    "job": Named(f"{_HERE}.main:job", "look at jobs, and pause, resume, cancel or retry them"),
    "schedule": Named(f"{_HERE}.main:schedule", "jobs that are submitted at set times"),
    "halt": Named(f"{_HERE}.halt:halt", "the emergency stop: no call of one tenant, or of any, until it is lifted"),
    "list": Named(f"{_HERE}.main:list_", "saved device lists, which schedules refer to by name"),
    "inventory": Named(
        f"{_HERE}.inventory:inventory", "what is known of a tenant's devices: names, serial numbers, ids"
    ),
    "device": Named(f"{_HERE}.devices:device", "one device: what it is, and everything that was asked of it"),
    "notify": Named(f"{_HERE}.main:notify", "notification channels, a test of each, and the log"),
    "tenant": Named(f"{_HERE}.tenants:tenant", "the tenants that Muster calls: list, add and check them"),
    "lane": Named(f"{_HERE}.lanes:lane", "the write limits of Graph, how far each is used, and which jobs wait"),
    "key": Named(f"{_HERE}.keys:key", "API keys: make, list and revoke them"),
    "session": Named(f"{_HERE}.sessions:session", "who is signed in to the dashboard, and ending that"),
    "audit": Named(f"{_HERE}.audit:audit", "who did what, when and why"),
    "serve": Named(f"{_HERE}.services:serve", "the standing service; embedded, it is also worker and clock"),
    "worker": Named(f"{_HERE}.services:worker", "a Celery worker with our settings"),
    "clock": Named(f"{_HERE}.services:clock", "starts scheduled jobs and recovers stalled work; any number may run"),
    "simulator": Named(
        f"{_HERE}.services:simulator", "a small Microsoft Graph on this machine, with faults on request"
    ),
    "demo": Named(f"{_HERE}.demo:demo", "the whole product on 500 simulated devices: no tenant, no set-up"),
    "status": Named(f"{_HERE}.status:status", "what needs attention, what runs and why it waits, and what is next"),
    "doctor": Named(f"{_HERE}.doctor:doctor", "check everything that a job needs, and say how to mend a fault"),
    "db": Named(f"{_HERE}.database:db", "upgrade and check the database, remove old jobs"),
    "completion": Named(f"{_HERE}.completion:completion", "the completion script of bash, zsh, fish or powershell"),
    "settings": Named(f"{_HERE}.settings:settings", "the settings in force, and where each comes from"),
}
_JOB_COMMANDS = {
    "list": Named(f"{_HERE}.jobs:list_", "the newest jobs"),
    "show": Named(f"{_HERE}.jobs:show", "how one job stands"),
    "watch": Named(f"{_HERE}.follow:watch", "follow jobs to their end, live"),
    "wait": Named(f"{_HERE}.follow:wait", "wait for the end of jobs, quietly"),
    "targets": Named(f"{_HERE}.jobs:targets", "every device of a job with its outcome"),
    "errors": Named(f"{_HERE}.jobs:errors", "what went wrong, grouped by cause, with what to do"),
    "report": Named(f"{_HERE}.jobs:report", "the report as CSV"),
    "pause": Named(f"{_HERE}.job_moves:pause", "start no new call of a job until it is resumed"),
    "resume": Named(f"{_HERE}.job_moves:resume", "go on with a job that was paused, stopped or interrupted"),
    "cancel": Named(f"{_HERE}.job_moves:cancel", "end a job: devices that wait are never called"),
    "retry": Named(f"{_HERE}.job_moves:retry", "a new job of the devices that failed"),
    "delete": Named(f"{_HERE}.job_moves:delete", "remove a job at rest for good"),
    "priority": Named(f"{_HERE}.job_moves:priority", "change the priority of a job"),
}
_SCHEDULE_COMMANDS = {
    "add": Named(f"{_HERE}.schedules:add", "by a cron expression, every so often, or once"),
    "list": Named(f"{_HERE}.schedules:list_", "every schedule with its next run"),
    "show": Named(f"{_HERE}.schedules:show", "one schedule with its rules and its next ten runs"),
    "preview": Named(f"{_HERE}.schedules:preview", "the next runs, with marks for what is not as usual"),
    "change": Named(f"{_HERE}.schedules:change", "another recurrence, list, action or rule"),
    "pause": Named(f"{_HERE}.schedules:pause", "start no further run"),
    "resume": Named(f"{_HERE}.schedules:resume", "go on with one that was paused or set aside"),
    "run": Named(f"{_HERE}.schedules:run", "a job of it now"),
    "remove": Named(f"{_HERE}.schedules:remove", "remove it; its jobs stay"),
    "history": Named(f"{_HERE}.schedules:history", "every occurrence with its result and the reason"),
    "blackout": Named(f"{_HERE}.main:blackout", "times in which no schedule starts a job"),
}
_BLACKOUT_COMMANDS = {
    "add": Named(f"{_HERE}.blackouts:add", "days, ranges, or the events of a calendar file"),
    "list": Named(f"{_HERE}.blackouts:list_", "every blackout, and for whom it holds"),
    "remove": Named(f"{_HERE}.blackouts:remove", "remove one"),
}
_LIST_COMMANDS = {
    "import": Named(f"{_HERE}.saved_lists:import_", "keep a checked device list under a name"),
    "list": Named(f"{_HERE}.saved_lists:list_", "every saved list"),
    "show": Named(f"{_HERE}.saved_lists:show", "one list with its versions"),
    "remove": Named(f"{_HERE}.saved_lists:remove", "remove a list"),
}
_NOTIFY_COMMANDS = {
    "list": Named(f"{_HERE}.notify:list_", "the channels in the settings"),
    "test": Named(f"{_HERE}.notify:test", "send a test now"),
    "log": Named(f"{_HERE}.notify:log", "what was told, and whether it was taken"),
}


_EXAMPLES = """\b
Examples:
  muster demo
  muster run devices.csv --action refreshMachinePolicy --dry-run
  muster status"""


@click.group(cls=LazyGroup, table=_COMMANDS, epilog=_EXAMPLES, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--config", type=click.Path(path_type=Path), help="The settings file to read.")
@click.option("--debug", is_flag=True, help="Log everything, and show tracebacks.")
@click.version_option(__version__, "--version", prog_name="muster", message="%(prog)s %(version)s")
@click.pass_context
def muster(context: click.Context, config: Path | None, debug: bool) -> None:  # noqa: FBT001 - click calls it so
    """Ask the ConfigMgr client of every device in a list to do something, through Microsoft Graph."""
    invocation: Invocation = context.ensure_object(Invocation)
    invocation.config, invocation.debug = config, debug


@click.group(cls=LazyGroup, table=_JOB_COMMANDS)
def job() -> None:
    """Look at jobs, and pause, resume, cancel or retry them.

    A job is named by its id, by any unambiguous beginning of it, or as `latest`.
    """


@click.group(cls=LazyGroup, table=_SCHEDULE_COMMANDS)
def schedule() -> None:
    """Jobs that are submitted at set times, of a saved list or a selection of devices."""


@click.group(cls=LazyGroup, table=_BLACKOUT_COMMANDS)
def blackout() -> None:
    """Times in which no schedule starts a job: for all of them, a tenant's, or one."""


@click.group("list", cls=LazyGroup, table=_LIST_COMMANDS)
def list_() -> None:
    """Saved device lists, which schedules refer to by name."""


@click.group(cls=LazyGroup, table=_NOTIFY_COMMANDS)
def notify() -> None:
    """Notification channels, a test of each, and the log."""


def run(arguments: Sequence[str]) -> int:
    """Run one command; the exit code is the contract's."""
    if _COMPLETION in os.environ:
        # A shell asks, and click answers it in bytes. Its list of shells gets one more with this module.
        load(f"{_HERE}.completion:completion")
        return _run(arguments)
    with terminal.guarded_streams():
        return _run(arguments)


def _run(arguments: Sequence[str]) -> int:
    invocation = Invocation()
    try:
        code = muster.main(list(arguments), prog_name="muster", standalone_mode=False, obj=invocation)
        sys.stdout.flush()
    except BaseException as problem:  # noqa: BLE001 - the one place where every problem becomes an exit code
        code = exits.explain(problem, invocation)
    if code == exits.INTERRUPTED:
        # A prompt may still hold standard input in a thread that nothing can wake.
        _leave(code)
    return code if isinstance(code, int) else exits.DONE


def _leave(code: int) -> None:
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            continue
    os._exit(code)
