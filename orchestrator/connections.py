"""The connections of one process to Graph: one a tenant, over one pool, made from the settings."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, time
from pathlib import Path
from random import SystemRandom
from typing import TYPE_CHECKING

from orchestrator import __version__
from orchestrator.app import Connection, Reads
from orchestrator.domain.clock import Clock
from orchestrator.domain.errors import SettingsInvalid, SignInRefused
from orchestrator.domain.ids import LaneKey
from orchestrator.domain.secret import SecretText
from orchestrator.domain.tenant import Tenant
from orchestrator.graph.clouds import addresses_of
from orchestrator.graph.secrets import Secret, fixed, kept_in
from orchestrator.settings import Settings, TenantSettings

if TYPE_CHECKING:
    from orchestrator.domain.attention import CredentialFacts
    from orchestrator.graph.auth import SignIn
    from orchestrator.graph.certificates import KeyFiles
    from orchestrator.graph.credentials import ClientCertificate, Credential
    from orchestrator.graph.sign_in_threads import SignInThreads
    from orchestrator.graph.transport import Http
    from orchestrator.throttle.protocol import Throttle

Prompt = Callable[[str], None]


class Connections:
    """One connection a tenant for the life of the process, over one pool, made when it is first needed."""

    def __init__(self, settings: Settings, throttle: Throttle, clock: Clock, prompt: Prompt | None) -> None:
        self._settings, self._throttle, self._clock = settings, throttle, clock
        self._prompt = prompt
        self._threads: SignInThreads | None = None
        self._key_files: KeyFiles | None = None
        self._trust: ssl.SSLContext | None = None
        self._http: Http | None = None
        self._made: dict[str, Connection] = {}
        self._reads: dict[str, Reads] = {}
        self._sign_ins: dict[str, SignIn] = {}

    async def to(self, tenant: Tenant) -> Connection:
        """The connection of a tenant."""
        if tenant.name not in self._made:
            self._made[tenant.name] = self._make(tenant)
        return self._made[tenant.name]

    async def reads(self, tenant: Tenant) -> Reads:
        """The read side of a tenant, with the token and the connections of its calls."""
        if tenant.name not in self._reads:
            from orchestrator.engine.read_pace import ReadPace  # noqa: PLC0415
            from orchestrator.graph.export_jobs import EXPORT_LIMIT, ExportJobs  # noqa: PLC0415
            from orchestrator.graph.reads import READ_LIMIT, GraphReader  # noqa: PLC0415

            sign_in, http = self._sign_in(tenant)
            agent, clock, chance = f"muster/{__version__}", self._clock, SystemRandom()
            reads = ReadPace(self._throttle, LaneKey(f"reads/{tenant.lane}"), READ_LIMIT, clock)
            exports = ReadPace(self._throttle, LaneKey(f"exports/{tenant.lane}"), EXPORT_LIMIT, clock)
            reader = GraphReader(http, sign_in, tenant.root, agent, clock=clock, chance=chance, pace=reads)
            self._reads[tenant.name] = Reads(reader, ExportJobs(reader, http, clock, pace=exports))
        return self._reads[tenant.name]

    def prepare(self) -> None:
        """Read now what every connection needs; SettingsInvalid where a service would wait for ever otherwise."""
        from orchestrator.graph.proxies import proxy_for  # noqa: PLC0415
        from orchestrator.graph.trust import trust_in  # noqa: PLC0415

        self._trust = self._trust or trust_in(self._settings.ca_bundle)
        for each in self._settings.tenants.values():
            proxy_for(each.graph_url or addresses_of(each.cloud).root)

    def credential_ends(self) -> list[CredentialFacts]:
        """When the certificates of the tenants end, and the secrets of which the settings say so."""
        from orchestrator.domain.attention import CredentialFacts  # noqa: PLC0415 - only who looks for attention

        found = []
        for each in self._settings.tenants.values():
            if each.client_certificate is not None:
                from orchestrator.graph.certificates import KeyFiles  # noqa: PLC0415

                self._key_files = self._key_files or KeyFiles()
                password = secret_of(each.client_certificate_password, each.client_certificate_password_file)
                # A fault of the file is reported where it is used to sign in.
                with suppress(SignInRefused, SettingsInvalid):
                    pair = self._key_files.read(each.client_certificate, password() if password is not None else None)
                    found.append(CredentialFacts(each.name, "certificate", pair.certificate.not_valid_after_utc))
            elif each.client_secret_expires is not None and (each.client_secret or each.client_secret_file):
                ends_at = datetime.combine(each.client_secret_expires, time(), UTC)
                found.append(CredentialFacts(each.name, "client secret", ends_at))
        return found

    async def close(self) -> None:
        """Closes the connections of the pool."""
        if self._http is not None:
            await self._http.aclose()

    def _make(self, tenant: Tenant) -> Connection:
        # A command that only reads does not load the libraries that call Graph.
        from orchestrator.engine.tenant_connection import TenantConnection  # noqa: PLC0415
        from orchestrator.graph.client import GraphClient  # noqa: PLC0415

        sign_in, http = self._sign_in(tenant)
        client = GraphClient(http, sign_in, tenant.root, f"muster/{__version__}", self._clock)
        root = addresses_of(tenant.cloud).root
        return TenantConnection(client, sign_in, root, tenant.tenant_id)

    def _sign_in(self, tenant: Tenant) -> tuple[SignIn, Http]:
        """The one sign-in of a tenant, and the pool of connections that all tenants share."""
        from orchestrator.graph.auth import sign_in_with  # noqa: PLC0415
        from orchestrator.graph.certificates import KeyFiles  # noqa: PLC0415
        from orchestrator.graph.credentials import ClientCertificate  # noqa: PLC0415
        from orchestrator.graph.sign_in_threads import SignInThreads  # noqa: PLC0415
        from orchestrator.graph.transport import open_http  # noqa: PLC0415
        from orchestrator.graph.trust import trust_in  # noqa: PLC0415

        settings = self._settings.tenants[tenant.name]
        if self._trust is None:
            # Once for all tenants: reading the system's certificates takes longer than a hundred calls.
            self._trust = trust_in(self._settings.ca_bundle)
        if self._http is None:
            self._http = open_http(self._trust)
        if tenant.name in self._sign_ins:
            return self._sign_ins[tenant.name], self._http
        self._threads = self._threads or SignInThreads()
        self._key_files = self._key_files or KeyFiles()
        credential = _credential(settings, self._prompt)
        if isinstance(credential, ClientCertificate):
            _refuse_unusable(credential, self._key_files)
        sign_in = self._sign_ins[tenant.name] = sign_in_with(
            credential,
            addresses=addresses_of(tenant.cloud),
            tenant_id=tenant.tenant_id or "",
            client_id=tenant.client_id or "",
            trust=self._trust,
            clock=self._clock,
            authority=settings.authority,
            run=self._threads.run,
            key_files=self._key_files,
        )
        return sign_in, self._http


def _credential(settings: TenantSettings, prompt: Prompt | None) -> Credential:
    from orchestrator.graph.credentials import (  # noqa: PLC0415
        AccessToken,
        ClientCertificate,
        ClientSecret,
        DeviceCode,
        ManagedIdentity,
    )

    token = secret_of(settings.access_token, settings.access_token_file)
    if token is not None:
        return AccessToken(token)
    client_secret = secret_of(settings.client_secret, settings.client_secret_file)
    if client_secret is not None:
        return ClientSecret(client_secret)
    if settings.client_certificate is not None:
        password = secret_of(settings.client_certificate_password, settings.client_certificate_password_file)
        return ClientCertificate(settings.client_certificate, password)
    if settings.managed_identity:
        return ManagedIdentity(settings.managed_identity if isinstance(settings.managed_identity, str) else None)
    if settings.device_code:
        if prompt is None:
            raise SettingsInvalid(
                "The device code is for the foreground of `muster run` and `muster tenant check` only: a standing "
                "service needs a client secret, a certificate or a managed identity."
            )
        return DeviceCode(prompt)
    raise SettingsInvalid(
        f"Tenant {settings.name!r} has no way to sign in. Set one of MUSTER_CLIENT_SECRET, MUSTER_CLIENT_CERTIFICATE, "
        "MUSTER_MANAGED_IDENTITY, MUSTER_DEVICE_CODE or MUSTER_ACCESS_TOKEN."
    )


def _refuse_unusable(credential: ClientCertificate, key_files: KeyFiles) -> None:
    """SettingsInvalid for a certificate that cannot sign, before any request is made."""
    try:
        key_files.read(credential.path, credential.password() if credential.password is not None else None)
    except SignInRefused as problem:
        raise SettingsInvalid(str(problem)) from problem


def secret_of(given: SecretText | None, file: Path | None) -> Secret | None:
    """Returns the secret of a file, which is read anew for each use, or the one that the settings hold."""
    if file is not None:
        return kept_in(file)
    return fixed(given.value) if given is not None else None
