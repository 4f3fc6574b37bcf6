"""The one way to sign in that a place gives for a tenant."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TypedDict

from orchestrator.domain.errors import SettingsInvalid
from orchestrator.domain.secret import SecretText
from orchestrator.settings import values
from orchestrator.settings.places import Given, Place
from orchestrator.settings.reading import Reading
from orchestrator.settings.tree import BY_DEFAULT, Shown

WAYS = ("client_secret", "client_certificate", "managed_identity", "device_code", "access_token")
PASSWORD = "client_certificate_password"  # noqa: S105 - the name of a setting


class Way(TypedDict, total=False):
    """The fields of TenantSettings that say how to sign in."""

    client_secret: SecretText
    client_secret_file: Path
    client_certificate: Path
    client_certificate_password: SecretText
    client_certificate_password_file: Path
    managed_identity: bool | str
    device_code: bool
    access_token: SecretText
    access_token_file: Path


def read_way(reading: Reading) -> Way:
    """How to sign in by the strongest place that says so; SettingsInvalid names two ways where two are given.

    Together they are one setting: a token in the environment takes the place of a secret in the file.
    """
    for place in reading.places:
        ways = _ways(place)
        if len(ways) > 1:
            first, second = ways[0].source, ways[1].source
            raise SettingsInvalid(f"{first} and {second} are two ways to sign in. Keep one.")
        for way in ways:
            return _read_from(reading, place, way)
    reading.shown.append(Shown("sign-in", "none", BY_DEFAULT))
    return {}


def _ways(place: Place) -> Sequence[Given]:
    found = [(name, given) for name in WAYS if (given := place.find(name)) is not None]
    return [given for name, given in found if _is_meant(name, given)]


def _is_meant(name: str, given: Given) -> bool:
    match name:
        case "managed_identity":
            return values.identity(given) is not False
        case "device_code":
            return values.switch(given)
    return True


def _read_from(reading: Reading, place: Place, given: Given) -> Way:
    name = next(name for name in WAYS if place.find(name) == given)
    match name:
        case "managed_identity":
            who = values.identity(given)
            reading.show(name, who if isinstance(who, str) else "true", given.source)
            return {"managed_identity": who}
        case "device_code":
            reading.show(name, "true", given.source)
            return {"device_code": True}
        case "client_certificate":
            return _certificate(reading, place, given)
    reading.show(name, "set", given.source)
    if name == "client_secret":
        return {"client_secret_file": given.file} if given.file else {"client_secret": SecretText(given.text)}
    return {"access_token_file": given.file} if given.file else {"access_token": SecretText(given.text.strip())}


def _certificate(reading: Reading, place: Place, given: Given) -> Way:
    certificate = values.path(given)
    if not certificate.is_file():
        raise given.refused(f"names {certificate}, which is no file; it takes the path of a PEM or PFX file")
    way: Way = {"client_certificate": certificate}
    reading.show("client_certificate", str(certificate), given.source)
    password = place.find(PASSWORD)
    if password is not None:
        reading.show(PASSWORD, "set", password.source)
        if password.file:
            way["client_certificate_password_file"] = password.file
        else:
            way["client_certificate_password"] = SecretText(password.text)
    return way
