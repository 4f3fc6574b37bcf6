"""The options of `run` and `submit`, as one value."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar

import click

from orchestrator.cli.invocation import actor
from orchestrator.cli.spelled import Spelled
from orchestrator.cli.tenant_choice import ALL_TENANTS, TENANTS
from orchestrator.domain.action import Action
from orchestrator.domain.circuit_breaker import MOST_CANARIES, BrakeOptions
from orchestrator.domain.device import Via
from orchestrator.domain.errors import IntakeFailed, TryLater, UnknownTenant
from orchestrator.domain.inventory import Identifier
from orchestrator.domain.job import Priority
from orchestrator.domain.plain_text import shown

if TYPE_CHECKING:
    from orchestrator.app import App
    from orchestrator.domain.selection import Selection
    from orchestrator.intake.device_list import IntakeOptions
    from orchestrator.settings import Settings
    from orchestrator.usecases.jobs.submit_job import JobRequest

F = TypeVar("F", bound=Callable[..., Any])

STDIN = "-"


@dataclass(frozen=True, slots=True)
class Submission:
    """A submission as the options of the command line state it."""

    action: str
    file: str | None = None
    via: str = Via.MANAGED_DEVICES.value
    tenant: str | None = None
    name: str | None = None
    reason: str | None = None
    column: str | None = None
    skip_invalid: bool = False
    only_eligible: bool = False
    take_all: bool = False
    dry_run: bool = False
    yes: bool = False
    report: Path | None = None
    idempotency_key: str | None = None
    priority: str = Priority.NORMAL.value
    canary: int = 0
    brake_share: int = BrakeOptions().share
    brake_sample: int = BrakeOptions().sample
    match: str = "auto"
    prefer: str | None = None
    stale_ok: bool = False
    device: tuple[str, ...] = ()
    where: tuple[str, ...] = ()
    list_name: str | None = None
    group: str | None = None
    all_tenants: bool = False
    beside: tuple[str, ...] = ()
    has_bad_rows: bool = True

    def request(self, settings: Settings) -> JobRequest:
        """The request apart from the devices."""
        from orchestrator.usecases.jobs.submit_job import JobRequest

        return JobRequest(
            action=Action(self.action),
            via=Via(self.via),
            tenant=chosen_tenant(settings, self.tenant),
            by=actor(),
            name=self.name,
            reason=self.reason,
            priority=Priority(self.priority),
            idempotency_key=self.idempotency_key,
            brake=BrakeOptions(self.brake_share, self.brake_sample),
            canary=self.canary,
        )

    def intake(self, settings: Settings) -> IntakeOptions:
        """How the list is read."""
        from orchestrator.intake.device_list import IntakeOptions
        from orchestrator.settings.tenant_rows import tenant_rows

        return IntakeOptions(
            column=self.column,
            skip_invalid=self.skip_invalid,
            only_eligible=self.only_eligible,
            take_all=self.take_all,
            max_rows=settings.max_rows,
            max_bytes=settings.max_bytes,
            max_columns=settings.max_columns,
            match=matched_by(self.match),
            prefer_newest=self.prefer is not None,
            stale_ok=self.stale_ok,
            is_selection=self.file is None,
            tenants=tenant_rows(settings, self.tenant or "", beside=self.beside, has_bad_rows=self.has_bad_rows),
            # The process of a command serves one person, so it may name every bad line.
            most_problems=settings.max_rows,
        )

    @property
    def file_name(self) -> str | None:
        """The name of the list, without its folder."""
        return self.selection().label[:_LONGEST_LABEL] if self.file is None else file_name_of(self.file)

    def selection(self) -> Selection:
        """The devices that were chosen without a file; a condition that cannot be read is RequestRejected."""
        return selection_of(
            self.device,
            self.where,
            self.list_name,
            self.group,
            match=self.match,
            prefer=self.prefer,
            stale_ok=self.stale_ok,
        )

    def refuse_unclear_source(self) -> None:
        """A usage error unless exactly one source of devices was named."""
        given = [self.file is not None, bool(self.device), bool(self.where), self.list_name is not None]
        given.append(self.group is not None)
        if sum(given) != 1:
            raise click.UsageError(
                "Name the devices in one way: FILE, --list NAME, --group NAME, --device NAME or --where CONDITION."
                + (" Several were given." if sum(given) else "")
            )

    @asynccontextmanager
    async def stream(self, app: App, settings: Settings) -> AsyncIterator[BinaryIO]:
        """The bytes of the list, or of what the selection came to."""
        if self.file is not None:
            with opened_list(self.file) as opened:
                yield opened
            return
        from orchestrator.inventory.select_devices import selected

        tenant = chosen_tenant(settings, self.tenant)
        async with selected(app, tenant, self.selection(), say=say_left_out, beside=self.beside) as stream:
            yield stream


def selection_of(
    device: tuple[str, ...],
    where: tuple[str, ...],
    list_name: str | None,
    group: str | None,
    *,
    match: str,
    prefer: str | None,
    stale_ok: bool,
) -> Selection:
    """The devices that were chosen without a file; a condition that cannot be read is RequestRejected."""
    from orchestrator.domain.conditions import parse_condition
    from orchestrator.domain.selection import Selection

    return Selection(
        device,
        tuple(map(parse_condition, where)),
        list_name,
        group,
        match=matched_by(match),
        prefer_newest=prefer is not None,
        is_stale_ok=stale_ok,
    )


def matched_by(match: str) -> Identifier | None:
    """Parses `--match`; None where the header of the list decides."""
    return None if match == "auto" else Identifier(match)


def say_left_out(sentence: str) -> None:
    """On stderr: what was left out of a selection."""
    click.echo(shown(sentence), err=True)


def file_name_of(file: str) -> str | None:
    """The name of a device list as it is kept: without its folder, with symbols for control characters."""
    return None if file == STDIN else shown(Path(file).name)


@contextmanager
def opened_list(file: str) -> Iterator[BinaryIO]:
    """The bytes of a device list; `-` is standard input."""
    if file == STDIN:
        yield sys.stdin.buffer
        return
    try:
        opened = Path(file).open("rb")  # noqa: SIM115 - closed below; only the opening may be refused
    except OSError as problem:
        raise IntakeFailed(f"{file} cannot be read: {problem.strerror}.") from problem
    with opened:
        yield opened


def chosen_tenant(settings: Settings, named: str | None) -> str:
    """The tenant that was named, or the usual one; TryLater where none is set up at all."""
    if not settings.tenants:
        raise TryLater(
            "No tenant is set up. `muster tenant add NAME …` adds one to the settings file; or set MUSTER_TENANT_ID, "
            "MUSTER_CLIENT_ID and one way to sign in, such as MUSTER_CLIENT_SECRET. `muster demo` needs none."
        )
    tenant = named or settings.usual_tenant
    if tenant not in settings.tenants:
        raise UnknownTenant(tenant, tuple(settings.tenants))
    return tenant


def intake_options(command: F) -> F:
    """How a list is read, and how Graph will address its devices."""
    for option in reversed((VIA, *INTAKE_OPTIONS)):
        command = option(command)
    return command


def match_options(command: F) -> F:
    """How names are matched."""
    for option in reversed(MATCH_OPTIONS):
        command = option(command)
    return command


def submission_options(command: F) -> F:
    """The file and every option that `run` and `submit` share."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


VIA = click.option(
    "--via",
    type=Spelled(via.value for via in Via),
    default=Via.MANAGED_DEVICES.value,
    show_default=True,
    help="How Graph addresses a device.",
)
TENANT = click.option("--tenant", metavar="NAME", help="Which of the tenants in the settings.")
REQUEST_OPTIONS = (
    click.option(
        "--action",
        required=True,
        type=Spelled(action.value for action in Action),
        help="What to ask of each device's ConfigMgr client.",
    ),
    VIA,
    click.option("--reason", metavar="TEXT", help="Why; it is kept with the job."),
    click.option(
        "--priority",
        type=Spelled(each.value for each in Priority),
        default=Priority.NORMAL.value,
        show_default=True,
        help="The job's weight beside others.",
    ),
    click.option(
        "--canary",
        type=click.IntRange(0, MOST_CANARIES),
        default=0,
        metavar="N",
        help="First N devices spread over the list; the others only if those went well.",
    ),
    click.option(
        "--brake-share",
        type=click.IntRange(1, 100),
        default=BrakeOptions().share,
        show_default=True,
        metavar="PERCENT",
        help="Stop where more of the devices fail; gone and unsupported ones do not count. 100 never stops.",
    ),
    click.option(
        "--brake-sample",
        type=click.IntRange(1),
        default=BrakeOptions().sample,
        show_default=True,
        metavar="N",
        help="Devices that must have ended before that is judged.",
    ),
)
"""What is asked of the devices: a schedule takes these too."""

INTAKE_OPTIONS = (
    click.option("--column", metavar="NAME", help="Which column holds the id."),
    click.option("--skip-invalid", is_flag=True, help="Call the good rows although others are bad."),
    click.option("--only-eligible", is_flag=True, help="Leave out rows that cannot take a ConfigMgr action."),
    click.option("--all", "take_all", is_flag=True, help="Of a report of ours, take every row."),
)
"""How a list is read: a saved list takes these too."""

MATCH_OPTIONS = (
    click.option(
        "--match",
        type=Spelled(["auto", *(each.value for each in Identifier)]),
        default="auto",
        show_default=True,
        help="What the rows hold: ids, or names to be matched against the inventory.",
    ),
    click.option("--prefer", type=Spelled(["newest"]), help="Of several devices of one name, the last in contact."),
    click.option("--stale-ok", is_flag=True, help="Match against the inventory however old it is."),
)
"""How names are matched."""

_LONGEST_LABEL = 200

SELECTION_OPTIONS = (
    click.option("--list", "list_name", metavar="NAME", help="A saved list (`muster list import`)."),
    click.option("--group", metavar="NAME|ID", help="The devices of an Entra group, by name or object id."),
    click.option("--device", multiple=True, metavar="NAME", help="A device by name, serial number or id."),
    click.option(
        "--where",
        multiple=True,
        metavar="CONDITION",
        help="Devices of the inventory, such as 'name=BER-*' or 'last-contact<30d'; all must hold.",
    ),
)
"""The devices instead of a file: a schedule takes these too."""

_OPTIONS = (
    click.argument("file", metavar="[FILE]", type=click.Path(), required=False),
    *SELECTION_OPTIONS,
    TENANTS,
    ALL_TENANTS,
    *REQUEST_OPTIONS,
    *INTAKE_OPTIONS,
    *MATCH_OPTIONS,
    click.option("--yes", "-y", is_flag=True, help="Ask no question, however many devices there are."),
    click.option("--name", metavar="TEXT", help="A name for the job."),
    click.option("--dry-run", is_flag=True, help="Read the list, say what would be called, and store nothing."),
    click.option(
        "--report",
        type=click.Path(path_type=Path),
        help="Where the report goes (- is standard output); muster-<job id>.csv else.",
    ),
    click.option("--idempotency-key", metavar="KEY", help="Submitted again with the same key, it is the same job."),
)
