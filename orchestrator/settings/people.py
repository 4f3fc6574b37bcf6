"""How people sign in to the dashboard: Entra ID, and what an operator from there may do."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import urlsplit

from orchestrator.domain.action import Action, parse_action
from orchestrator.domain.errors import SettingsInvalid
from orchestrator.domain.secret import SecretText
from orchestrator.settings import values
from orchestrator.settings.places import Given
from orchestrator.settings.reading import Reading
from orchestrator.settings.tree import PeopleSettings


class People(NamedTuple):
    """How they sign in, and where they find us."""

    settings: PeopleSettings | None
    public_url: str | None


def read_people(reading: Reading) -> People:
    """Who may sign in and how; SettingsInvalid names what is missing where only a part is given."""
    address = reading.read("public_url", public_url, None, nothing="")
    tenant_id = reading.read("sign_in_tenant_id", values.directory, None)
    client_id = reading.read("sign_in_client_id", values.directory_name, None)
    secret = _secret(reading)
    authority = reading.read("sign_in_authority", values.authority, None, nothing="by cloud")
    ceiling = reading.read("operator_ceiling", values.integer(1, 10**9), None, nothing="none")
    actions = reading.read("operator_actions", action_names, None, nothing="all")
    tenants = reading.read("operator_tenants", tenant_names, None, nothing="all")
    given = {
        "MUSTER_SIGN_IN_TENANT_ID": tenant_id,
        "MUSTER_SIGN_IN_CLIENT_ID": client_id,
        "MUSTER_SIGN_IN_CLIENT_SECRET": secret,
    }
    if not any(given.values()):
        return People(None, address)
    missing = [name for name, value in {**given, "MUSTER_PUBLIC_URL": address}.items() if value is None]
    if tenant_id is None or client_id is None or secret is None or address is None:
        raise SettingsInvalid(f"Signing people in needs {' and '.join(missing)} as well.")
    settings = PeopleSettings(
        tenant_id,
        client_id,
        client_secret=None if secret.file else SecretText(secret.text),
        client_secret_file=secret.file,
        authority=authority,
        operator_ceiling=ceiling,
        operator_actions=actions,
        operator_tenants=tenants,
    )
    return People(settings, address)


def public_url(given: Given) -> str:
    """Where people reach the dashboard."""
    text = given.text.strip().rstrip("/")
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.path or parts.query or parts.fragment:
        raise given.refused(f"is {given.text!r}; it takes the address of the dashboard, https://HOST[:PORT]")
    return text


def action_names(given: Given) -> frozenset[Action]:
    """Some actions between commas."""
    words = [word.strip() for word in given.text.split(",") if word.strip()]
    actions = [parse_action(word) for word in words]
    if not words or None in actions:
        raise given.refused(f"is {given.text!r}; it takes names of actions between commas: {', '.join(Action)}")
    return frozenset(action for action in actions if action is not None)


def tenant_names(given: Given) -> frozenset[str]:
    """Some names of tenants between commas."""
    words = [word.strip() for word in given.text.split(",") if word.strip()]
    if not words:
        raise given.refused(f"is {given.text!r}; it takes names of tenants between commas, as `muster tenant list` has")
    return frozenset(words)


def _secret(reading: Reading) -> Given | None:
    for place in reading.places:
        given = place.find("sign_in_client_secret")
        if given is not None:
            reading.show("sign_in_client_secret", "set", given.source)
            return given
    reading.show("sign_in_client_secret", "", "default")
    return None
