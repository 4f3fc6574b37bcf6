"""Environment and settings file to one frozen tree."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import platformdirs

from orchestrator.domain.errors import SettingsInvalid
from orchestrator.settings import values
from orchestrator.settings.channels import channel_tables, read_channels, read_smtp
from orchestrator.settings.people import read_people
from orchestrator.settings.places import PREFIX, Environment, Given, Place, Table, read_settings_file, settings_file
from orchestrator.settings.proxies import GRAPH_ANYWHERE, check_proxies
from orchestrator.settings.reading import Reading
from orchestrator.settings.sign_in import WAYS, read_way
from orchestrator.settings.tree import DEFAULT_TENANT, Settings, Shown, TenantSettings
from orchestrator.settings.unknown_names import unknown_entries, unknown_variables


def load_settings(variables: Mapping[str, str], config_path: Path | None = None) -> Settings:
    """The settings in force; SettingsInvalid names the setting, where it comes from and what it takes."""
    file = settings_file(variables, config_path)
    entries = read_settings_file(file) if file else {}
    tables = _tenant_tables(entries, file)
    shared = _tenant_defaults(entries, file)
    general: list[Place] = [Environment(variables)]
    if file is not None:
        general.append(Table(entries, "", file))
    reading = Reading(general, PREFIX)
    tenants, shown_tenants = _tenants(general, tables, shared, file)
    check_proxies(variables, _addresses(tenants.values()))
    people = read_people(reading)
    channels = read_channels(reading, channel_tables(entries, file), file)
    smtp = read_smtp(reading, channels)
    settings = Settings(
        database_url=reading.read("database_url", values.database_url, _embedded_database()),
        broker_url=reading.read("broker_url", values.broker_url, None, nothing="none: embedded"),
        queue_per=reading.read("queue_per", values.one_of("nothing", "tenant", "priority"), _DEFAULTS.queue_per),
        task_events=reading.read("task_events", values.switch, _DEFAULTS.task_events),
        tenants=MappingProxyType(tenants),
        default_tenant=_default_tenant(reading, tenants),
        ca_bundle=_ca_bundle(reading, variables),
        batching=reading.read("batching", values.one_of("auto", "on", "off"), _DEFAULTS.batching),
        attempts=reading.read("attempts", values.integer(1, 100), _DEFAULTS.attempts),
        inventory_max_age=reading.read("inventory_max_age", values.span_of_time, _DEFAULTS.inventory_max_age),
        keep_days=reading.read("keep_days", values.integer(1, 36_500), _DEFAULTS.keep_days),
        key_max_days=reading.read("key_max_days", values.integer(1, 36_500), _DEFAULTS.key_max_days),
        max_rows=reading.read("max_rows", values.integer(1, 10**9), _DEFAULTS.max_rows),
        max_columns=reading.read("max_columns", values.integer(1, 100_000), _DEFAULTS.max_columns),
        max_bytes=reading.read("max_bytes", values.integer(1, 10**15), _DEFAULTS.max_bytes),
        header_timeout=reading.read("header_timeout", values.integer(1, 3_600), _DEFAULTS.header_timeout),
        body_timeout=reading.read("body_timeout", values.integer(1, 86_400), _DEFAULTS.body_timeout),
        max_connections=reading.read("max_connections", values.integer(1, 100_000), _DEFAULTS.max_connections),
        confirm_above=reading.read("confirm_above", values.integer(0, 10**9), _DEFAULTS.confirm_above),
        people=people.settings,
        public_url=people.public_url,
        trusted_proxies=reading.read("trusted_proxies", values.networks, _DEFAULTS.trusted_proxies),
        metrics_address=reading.read("metrics_address", values.address, None, nothing="none"),
        channels=MappingProxyType(channels),
        smtp=smtp,
        log_level=reading.read("log_level", values.log_level, _DEFAULTS.log_level),
        log_format=reading.read("log_format", values.one_of("text", "json"), _DEFAULTS.log_format),
        config_file=file,
        shown=(*reading.shown, *shown_tenants),
    )
    # After everything was read: the names that were looked up are the settings that there are.
    notes = unknown_variables(variables, reading.names)
    if file is not None:
        notes += unknown_entries(file, entries, tables, reading.names)
    return replace(settings, notes=tuple(notes))


def settings_of_this_process() -> Settings:
    """The settings in force for a process that was started without a command line of ours."""
    return load_settings(os.environ)


def _tenants(
    general: list[Place], tables: Mapping[str, Mapping[str, Any]], shared: Table | None, file: Path | None
) -> tuple[dict[str, TenantSettings], list[Shown]]:
    """The default tenant where anything says who that is, and those that have a table."""
    found: dict[str, TenantSettings] = {}
    shown: list[Shown] = []
    for name in (DEFAULT_TENANT, *(each for each in tables if each != DEFAULT_TENANT)):
        own: list[Place] = []
        if file is not None and name in tables:
            own = [Table(tables[name], f"tenants.{name}.", file)]
        is_default = name == DEFAULT_TENANT
        if is_default:
            own = [general[0], *own, *general[1:]]
        if shared is not None and (name in tables or _is_anybody(own)):
            own.append(shared)
        reading = Reading(own, PREFIX if is_default else f"tenants.{name}.")
        tenant = _tenant(name, reading, own if is_default else [*own, *general])
        if name in tables or tenant.is_identified:
            found[name] = tenant
        shown += reading.shown
    return found, shown


def _tenant_defaults(entries: Mapping[str, Any], file: Path | None) -> Table | None:
    """The table [tenant_defaults]; SettingsInvalid where it names a tenant, which each has for itself."""
    table = entries.get("tenant_defaults")
    if table is None or file is None:
        return None
    if not isinstance(table, dict):
        raise SettingsInvalid(f"tenant_defaults (from {file}) is no table; write [tenant_defaults] above its entries.")
    for name in ("tenant_id", "tenant_id_file"):
        if name in table:
            raise SettingsInvalid(f"tenant_defaults.{name} (from {file}) cannot be shared: write it in [tenants.NAME].")
    return Table(table, "tenant_defaults.", file)


def _is_anybody(places: Iterable[Place]) -> bool:
    """Whether one of these places says who a tenant is: an id, an app, or a way to sign in."""
    return any(place.find(name) is not None for place in places for name in ("tenant_id", "client_id", *WAYS))


def _default_tenant(reading: Reading, tenants: Mapping[str, TenantSettings]) -> str | None:
    def known(given: Given) -> str:
        name = given.text.strip()
        if name not in tenants:
            raise given.refused(f"is {name!r}; there is no such tenant in the settings")
        return name

    return reading.read("default_tenant", known, None)


def _addresses(tenants: Iterable[TenantSettings]) -> set[str]:
    """Where calls and sign-ins go, as far as proxies tell addresses apart; a cloud's own stand for all clouds."""
    found = {GRAPH_ANYWHERE}
    for tenant in tenants:
        found.update(url for url in (tenant.graph_url, tenant.authority) if url is not None)
    return found


def _tenant(name: str, reading: Reading, anywhere: list[Place]) -> TenantSettings:
    tenant_id = reading.read("tenant_id", values.directory, None)
    client_id = reading.read("client_id", values.directory_name, None)
    own_refresh = reading.read("inventory_refresh", values.inventory_refresh, None, nothing="by hand")
    secret_expires = reading.read("client_secret_expires", values.day, None, nothing="not known")
    way = read_way(reading)
    # Where and how fast is the same for every tenant that does not say otherwise; who is not.
    reading.places = anywhere
    return TenantSettings(
        name=name,
        tenant_id=tenant_id,
        client_id=client_id,
        cloud=reading.read("cloud", values.cloud, _NOBODY.cloud),
        graph_url=reading.read("graph_url", values.graph_url, None, nothing="by cloud"),
        authority=reading.read("authority", values.authority, None, nothing="by cloud"),
        write_limit=reading.read("write_limit", values.write_limit, _NOBODY.write_limit, nothing="none"),
        inventory_refresh=own_refresh,
        client_secret_expires=secret_expires,
        **way,
    )


def _tenant_tables(entries: Mapping[str, Any], file: Path | None) -> Mapping[str, Mapping[str, Any]]:
    tables = entries.get("tenants", {})
    if not isinstance(tables, dict) or not all(isinstance(table, dict) for table in tables.values()):
        raise SettingsInvalid(f"tenants (from {file}) holds no tables; write [tenants.NAME] above each one's entries.")
    for name in tables:
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", name):
            raise SettingsInvalid(
                f"[tenants.{name}] (from {file}) is no name for a tenant; it takes letters, digits, '.', '_' and '-'."
            )
    return tables


def _ca_bundle(reading: Reading, variables: Mapping[str, str]) -> Path | None:
    """Ours, else what other programs on the machine were told."""
    own = reading.read("ca_bundle", values.path, None, nothing="the system's trust")
    if own is not None:
        return own
    for name in ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"):
        if variables.get(name):
            reading.shown.pop()
            reading.show("ca_bundle", variables[name], name)
            return Path(variables[name])
    return None


def _embedded_database() -> str:
    folder = platformdirs.user_data_path("muster", appauthor=False)
    return f"sqlite:///{(folder / 'muster.db').as_posix()}"


_DEFAULTS = Settings(database_url="")
_NOBODY = TenantSettings("")
