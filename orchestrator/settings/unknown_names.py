"""Names that nothing reads, each with the one that was probably meant; pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from orchestrator.settings.channels import CHANNEL, GENERAL_NOTIFY
from orchestrator.settings.places import PREFIX
from orchestrator.settings.sign_in import PASSWORD, WAYS

TENANT = (
    "tenant_id",
    "client_id",
    "cloud",
    "graph_url",
    "authority",
    "write_limit",
    "inventory_refresh",
    "client_secret_expires",
    *WAYS,
    PASSWORD,
)
_NOT_OURS = "MUSTER_TEST_"


def unknown_variables(variables: Mapping[str, str], read: Iterable[str]) -> list[str]:
    """Returns a sentence for each variable with our prefix that is no setting; `read` are the general names."""
    known = ["MUSTER_CONFIG", *(PREFIX + name.upper() for name in _with_files(_all_of(read)))]
    return [
        _warning(name, known, "the environment")
        for name in sorted(variables)
        if name.startswith(PREFIX) and not name.startswith(_NOT_OURS) and name not in known
    ]


def unknown_entries(
    file: Path, entries: Mapping[str, Any], tenants: Mapping[str, Mapping[str, Any]], read: Iterable[str]
) -> list[str]:
    """Returns a sentence for each entry of the settings file that is no setting; `read` are the general names."""
    general = [*_with_files(_all_of(read)), "tenants", "tenant_defaults", "notify"]
    notes = [_warning(name, general, str(file)) for name in entries if name not in general]
    own = _with_files(TENANT)
    for tenant, table in tenants.items():
        notes += [_warning(name, own, f"[tenants.{tenant}] in {file}") for name in table if name not in own]
    where = f"[tenant_defaults] in {file}"
    notes += [_warning(name, own, where) for name in entries.get("tenant_defaults", {}) if name not in own]
    of_channel = _with_files(CHANNEL)
    for channel, table in entries.get("notify", {}).items():
        where = f"[notify.{channel}] in {file}"
        notes += [_warning(name, of_channel, where) for name in table if name not in of_channel]
    return notes


def _all_of(read: Iterable[str]) -> list[str]:
    return [*dict.fromkeys((*read, *GENERAL_NOTIFY, *TENANT))]


def _with_files(names: Iterable[str]) -> list[str]:
    return [form for name in names for form in (name, f"{name}_file" if name.islower() else f"{name}_FILE")]


def _warning(name: str, known: list[str], where: str) -> str:
    # Without the prefix that all variables share, or every name would be near every other.
    bare = {each.removeprefix(PREFIX): each for each in known}
    near = get_close_matches(name.removeprefix(PREFIX), bare, n=1, cutoff=0.6)
    meant = f"; {bare[near[0]]} may be meant" if near else ""
    return f"{name} (from {where}) is no setting{meant}."
