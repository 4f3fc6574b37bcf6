"""The options of `run` and `submit`, as one value."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from orchestrator.cli.invocation import actor
from orchestrator.cli.option_types import Spelled, click_options, with_options
from orchestrator.cli.tenant_choice import ALL_TENANTS, TENANTS
from orchestrator.domain.errors import IntakeFailed, TryLater, UnknownTenant
from orchestrator.domain.inventory import Identifier
from orchestrator.domain.job_spec import JobSpec
from orchestrator.domain.options import assembled, declared
from orchestrator.domain.plain_text import shown

if TYPE_CHECKING:
    from orchestrator.app import App
    from orchestrator.domain.selection import Selection
    from orchestrator.intake.device_list import IntakeOptions
    from orchestrator.settings import Settings
    from orchestrator.usecases.jobs.submit_job import JobRequest

STDIN = "-"


@dataclass(frozen=True, slots=True)
class Submission:
    """A submission as the options of the command line state it."""

    asked: Mapping[str, Any]
    file: str | None = None
    tenant: str | None = None
    column: str | None = None
    skip_invalid: bool = False
    only_eligible: bool = False
    take_all: bool = False
    dry_run: bool = False
    yes: bool = False
    report: Path | None = None
    idempotency_key: str | None = None
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

    @classmethod
    def of(cls, **options: Any) -> Submission:
        """The submission of these options; those of the job go into `asked`."""
        asked = {each.name: options.pop(each.name) for each in _ASKED if each.name in options}
        return cls(asked, **options)

    @property
    def job(self) -> JobSpec:
        """The options of the job, for the tenant that was named."""
        return assembled(JobSpec, {**self.asked, "tenant": self.tenant or ""})

    def request(self, settings: Settings) -> JobRequest:
        """The request apart from the devices."""
        from orchestrator.usecases.jobs.submit_job import JobRequest

        values = {**self.asked, "tenant": chosen_tenant(settings, self.tenant)}
        return assembled(JobRequest, values, by=actor(), idempotency_key=self.idempotency_key)

    def intake(self, settings: Settings) -> IntakeOptions:
        """Returns the options by which the list is read."""
        from orchestrator.settings.tenant_rows import intake_options, tenant_rows

        return intake_options(
            settings,
            {each.name: getattr(self, each.name) for each in fields(self)},
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
        from orchestrator.domain.selection import written_selection

        return written_selection({name: getattr(self, name) for name in _SELECTION})

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
        said = {"say": say_left_out, "say_wait": say_left_out}
        async with selected(app, tenant, self.selection(), beside=self.beside, **said) as stream:
            yield stream


def say_left_out(sentence: str) -> None:
    """On stderr: which devices were left out of a selection, and that Graph lets the command wait."""
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


_ASKED = [each for each in declared(JobSpec) if each.name != "tenant"]

INTAKE_OPTIONS = (
    click.option("--column", metavar="NAME", help="The column of the ids, or of the names that --match is about."),
    click.option("--skip-invalid", is_flag=True, help="Take the good rows although others are bad."),
    click.option("--only-eligible", is_flag=True, help="Leave out rows that cannot take a ConfigMgr action."),
    click.option("--all", "take_all", is_flag=True, help="Of a report that Muster wrote, take every row."),
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
    click.option(
        "--prefer",
        type=Spelled(["newest"]),
        help="Of several devices of one name, take the one that was in contact last.",
    ),
    click.option("--stale-ok", is_flag=True, help="Match against the inventory however old it is."),
)
"""How names are matched."""

_LONGEST_LABEL = 200
_SELECTION = ("device", "where", "list_name", "group", "match", "prefer", "stale_ok")

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

submission_options = with_options(
    click.argument("file", metavar="[FILE]", type=click.Path(), required=False),
    *SELECTION_OPTIONS,
    TENANTS,
    ALL_TENANTS,
    *click_options(_ASKED),
    *INTAKE_OPTIONS,
    *MATCH_OPTIONS,
    click.option("--yes", "-y", is_flag=True, help="Ask no question, however many devices there are."),
    click.option("--dry-run", is_flag=True, help="Read the list, say what would be called, and store nothing."),
    click.option("--idempotency-key", metavar="KEY", help="Submitted again with the same key, it is the same job."),
)
"""The file and every option that `run` and `submit` share."""

list_options = with_options(*click_options(each for each in _ASKED if each.name == "via"), *INTAKE_OPTIONS)
"""How a list is read, and how Graph will address its devices."""

match_options = with_options(*MATCH_OPTIONS)
"""How names are matched."""
