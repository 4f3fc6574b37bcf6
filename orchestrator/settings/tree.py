"""The settings as the rest of the program is told them; no secret shows in their text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

from orchestrator.domain.action import Action
from orchestrator.domain.lane import GRAPH_WRITE_LIMIT, Cloud, WriteLimit
from orchestrator.domain.notice_kinds import ChannelKind, Event
from orchestrator.domain.secret import SecretText

if TYPE_CHECKING:
    from orchestrator.domain.recurrence import Cron

DEFAULT_TENANT = "default"
"""The tenant that the variables describe."""

BY_DEFAULT = "default"
"""The source of a value that is not set."""


@dataclass(frozen=True, slots=True)
class TenantSettings:
    """Whom we call Graph as, where, and the one way to sign in; a secret in a file is read whenever it is needed."""

    name: str
    tenant_id: str | None = None
    client_id: str | None = None
    cloud: Cloud = Cloud.GLOBAL
    graph_url: str | None = None
    authority: str | None = None
    write_limit: WriteLimit | None = GRAPH_WRITE_LIMIT
    inventory_refresh: Cron | None = None
    client_secret: SecretText | None = None
    client_secret_file: Path | None = None
    client_secret_expires: date | None = None
    client_certificate: Path | None = None
    client_certificate_password: SecretText | None = None
    client_certificate_password_file: Path | None = None
    managed_identity: bool | str = False
    device_code: bool = False
    access_token: SecretText | None = None
    access_token_file: Path | None = None

    @property
    def way_to_sign_in(self) -> str | None:
        """The one way, in words; None where there is none."""
        ways = (
            (self.client_secret or self.client_secret_file, "client secret"),
            (self.client_certificate, "client certificate"),
            (self.managed_identity, "managed identity"),
            (self.device_code, "device code"),
            (self.access_token or self.access_token_file, "access token"),
        )
        return next((words for given, words in ways if given), None)

    @property
    def is_identified(self) -> bool:
        """Whether anything says who this is, and not only where and how fast."""
        return any((self.tenant_id, self.client_id, self.way_to_sign_in))


@dataclass(frozen=True, slots=True)
class PeopleSettings:
    """How people sign in to the dashboard, and where the limits of operators among them are."""

    tenant_id: str
    client_id: str
    client_secret: SecretText | None = None
    client_secret_file: Path | None = None
    authority: str | None = None
    operator_ceiling: int | None = None
    operator_actions: frozenset[Action] | None = None
    operator_tenants: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class ChannelSettings:
    """One channel for notifications; its address is a secret, because knowing it lets one in."""

    name: str
    kind: ChannelKind
    events: frozenset[Event]
    is_general: bool
    url: SecretText | None = None
    secret: SecretText | None = None
    recipients: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SmtpSettings:
    """The mail server, and as whom we send; `is_wrapped` means TLS from the first byte."""

    host: str
    port: int
    is_wrapped: bool
    user: str | None
    password: SecretText | None
    sender: str


@dataclass(frozen=True, slots=True)
class Shown:
    """One setting for people: a secret is only `set`, and a URL has lost its password."""

    name: str
    value: str
    source: str


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings of this process; `notes` are sentences about them for a person."""

    database_url: str
    broker_url: str | None = None
    queue_per: Literal["nothing", "tenant", "priority"] = "nothing"
    task_events: bool = False
    tenants: Mapping[str, TenantSettings] = field(default_factory=lambda: MappingProxyType({}))
    default_tenant: str | None = None
    ca_bundle: Path | None = None
    batching: Literal["auto", "on", "off"] = "auto"
    attempts: int = 6
    keep_days: int = 90
    inventory_max_age: timedelta = timedelta(days=7)
    key_max_days: int = 365
    max_rows: int = 1_000_000
    max_columns: int = 1_000
    max_bytes: int = 1024**3
    header_timeout: int = 10
    body_timeout: int = 60
    max_connections: int = 500
    confirm_above: int = 1_000
    people: PeopleSettings | None = None
    public_url: str | None = None
    trusted_proxies: tuple[str, ...] = ("127.0.0.1", "::1")
    metrics_address: tuple[str, int] | None = None
    channels: Mapping[str, ChannelSettings] = field(default_factory=lambda: MappingProxyType({}))
    smtp: SmtpSettings | None = None
    log_level: str = "info"
    log_format: Literal["text", "json"] = "text"
    config_file: Path | None = None
    shown: tuple[Shown, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def is_embedded(self) -> bool:
        """Whether one process is all there is: no broker."""
        return self.broker_url is None

    def is_given(self, name: str) -> bool:
        """Whether it is set, and not a default."""
        return any(each.name == name and each.source != BY_DEFAULT for each in self.shown)

    @property
    def usual_tenant(self) -> str:
        """The tenant that is meant where none is named."""
        if self.default_tenant is not None:
            return self.default_tenant
        if DEFAULT_TENANT not in self.tenants and len(self.tenants) == 1:
            return next(iter(self.tenants))
        return DEFAULT_TENANT

    @property
    def tenant_names(self) -> dict[str, str]:
        """Names and directory ids of tenants in lower case, and the name that each leads to.

        The id of a directory that several tenants are in leads nowhere.
        """
        from orchestrator.intake.tenant_column import names_of_tenants  # noqa: PLC0415 - most commands read no list

        return names_of_tenants((name, each.tenant_id) for name, each in self.tenants.items())

    def __repr__(self) -> str:
        return f"Settings({', '.join(f'{each.name}={each.value}' for each in self.shown)})"
