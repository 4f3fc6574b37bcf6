"""`muster tenant list`, `check` and `add`: who we call Graph as."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from orchestrator.cli import exits
from orchestrator.cli.invocation import Format, Invocation, output_option, pass_invocation
from orchestrator.domain.errors import MusterError

if TYPE_CHECKING:
    from orchestrator.app import App
    from orchestrator.usecases.operations.check_tenant import TenantCheck


@click.group()
def tenant() -> None:
    """The tenants that Muster calls: list, add and check them."""


@tenant.command("list")
@output_option
@pass_invocation
def list_(invocation: Invocation) -> None:
    """The tenants in the settings; the default one is meant where a command names none."""
    from orchestrator.cli.output import show_rows
    from orchestrator.views.tenants import TenantFacts, tenant_objects

    rows = tenant_objects(invocation.settings())
    if not rows and invocation.output is Format.TABLE:
        click.echo("No tenant is set up. `muster tenant add NAME …` adds one to the settings file.", err=True)
        return
    show_rows(rows, invocation.output, names=TenantFacts.__annotations__)


@tenant.command()
@click.argument("name", metavar="[NAME,…]", required=False)
@click.option("--all", "is_all", is_flag=True, help="Every tenant in the settings, several at a time.")
@output_option
@pass_invocation
def check(invocation: Invocation, name: str | None, *, is_all: bool) -> int:
    """Fetch a token, read its permissions, and try the way to Graph.

    No device is called.

    Of several tenants the exit code is the highest of the codes that each alone would give.
    """
    from orchestrator.cli.output import show_facts
    from orchestrator.cli.tenant_choice import chosen_tenants
    from orchestrator.usecases.operations.check_tenant import check_tenant
    from orchestrator.views.tenants import tenant_check_object

    wanted = chosen_tenants(invocation.settings(), name, is_all=is_all)
    if len(wanted) > 1 or is_all:
        return _check_several(invocation, wanted)
    found = invocation.ask(lambda app: check_tenant(app, wanted[0]))
    if invocation.output is Format.TABLE:
        _say(found)
    else:
        show_facts(tenant_check_object(found), invocation.output)
    return _code_of(found)


@tenant.command()
@click.argument("name")
@click.option("--tenant-id", metavar="ID", help="The directory's GUID or verified domain.")
@click.option("--client-id", metavar="ID", help="The app registration to call as; [tenant_defaults] may hold it.")
@click.option("--cloud", type=click.Choice(["global", "usgov", "usgov-dod", "china"]), help="Where the tenant is.")
@click.option("--write-limit", metavar="CALLS/SECONDS", help="Its limit where that is not 200/20s.")
@click.option(
    "--client-secret",
    "takes_secret",
    is_flag=True,
    help="Sign in with a client secret: it is asked for (without a terminal: the first line of standard input) and "
    "kept in a file that only you may read. It is never taken from the command line, where others could read it.",
)
@click.option("--client-secret-file", metavar="PATH", help="Sign in with the client secret in this file.")
@click.option("--client-certificate", metavar="PATH", help="Sign in with this PEM or PFX file.")
@click.option("--client-certificate-password-file", metavar="PATH", help="The file with the certificate's password.")
@click.option("--managed-identity", metavar="true|ID", help="Sign in as the machine's identity, or an assigned one.")
@pass_invocation
def add(invocation: Invocation, /, name: str, *, takes_secret: bool, **given: str | None) -> None:
    """Add a tenant to the settings file.

    Comments and everything else in the file stay as they are.
    """
    from orchestrator.settings.settings_files import add_tenant, intended_file

    entries = {key: _absolute(key, value) for key, value in given.items() if value is not None}
    ways = [*(key for key in _WAYS if key in entries), *(["client_secret"] if takes_secret else [])]
    if len(ways) > 1:
        raise click.UsageError(f"--{ways[0].replace('_', '-')} and --{ways[1].replace('_', '-')}: name one of them.")
    secret = _asked_secret(name) if takes_secret else None
    file = intended_file(os.environ, invocation.config)
    kept_in = add_tenant(file, name, entries, secret=secret, variables=os.environ)
    click.echo(f"Tenant {name} is in {file}.")
    if kept_in is not None:
        click.echo(f"Its secret is in {kept_in}, for you alone to read.", err=True)
    click.echo(f"Next: `muster tenant check {name}` signs in as it and calls no device.", err=True)


_WAYS = ("client_secret_file", "client_certificate", "managed_identity")


def _absolute(key: str, value: str) -> str:
    # A relative path in the file begins at the file's folder, on the command line at the current one.
    return str(Path(value).expanduser().absolute()) if key.endswith(("_file", "certificate")) else value


def _asked_secret(name: str) -> str:
    if sys.stdin.isatty():
        secret = str(click.prompt(f"Client secret of {name}", hide_input=True, err=True))
    else:
        secret = sys.stdin.readline().rstrip("\r\n")
    if not secret.strip():
        raise click.UsageError("No client secret was given.")
    return secret


def _check_several(invocation: Invocation, names: tuple[str, ...]) -> int:
    from orchestrator.cli.output import show_rows
    from orchestrator.cli.tenant_choice import worst
    from orchestrator.usecases.operations.check_tenant import check_tenants

    async def look(app: App) -> dict[str, TenantCheck | MusterError]:
        return await check_tenants(app, names)

    found = invocation.ask(look)
    show_rows([_line(name, each) for name, each in found.items()], invocation.output, rank=CHECK_RANK, folds={"note"})
    return worst(exits.code_of(each) if isinstance(each, MusterError) else _code_of(each) for each in found.values())


CHECK_RANK = ("tenant", "usable", "note", "reachable", "permission")
"""The columns of a check of several tenants: the note says why one cannot be used."""


def _line(name: str, found: TenantCheck | MusterError) -> dict[str, Any]:
    if isinstance(found, MusterError):
        return {"tenant": name, "usable": False, "reachable": None, "permission": None, "note": str(found)}
    return {
        "tenant": name,
        "usable": found.is_usable,
        "reachable": found.unreachable is None,
        "permission": found.permission.value,
        "note": found.unreachable or found.doubt or "",
    }


def _code_of(found: TenantCheck) -> int:
    if not found.is_usable:
        return exits.STOPPED
    return exits.DONE if found.unreachable is None else exits.UNAVAILABLE


def _say(found: TenantCheck) -> None:
    from orchestrator.cli.output import show_facts

    show_facts({"tenant": found.tenant.name, **dict(found.facts), "permission": found.permission.value}, Format.TABLE)
    for sentence in found.advice:
        click.echo(f"\n{sentence}")
