from __future__ import annotations

from itertools import combinations
from pathlib import Path

import pytest

from orchestrator.domain.errors import SettingsInvalid
from orchestrator.domain.lane import Cloud
from orchestrator.settings import load_settings

ASSIGNED = "11111111-2222-3333-4444-555555555555"
WAYS = {
    "MUSTER_CLIENT_SECRET": ("s3cret", "client secret"),
    "MUSTER_CLIENT_CERTIFICATE": ("", "client certificate"),
    "MUSTER_MANAGED_IDENTITY": ("true", "managed identity"),
    "MUSTER_DEVICE_CODE": ("true", "device code"),
    "MUSTER_ACCESS_TOKEN": ("t0ken", "access token"),
}


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    file = tmp_path / "app.pem"
    file.write_text("-----BEGIN CERTIFICATE-----\n", encoding="utf-8")
    return file


@pytest.mark.parametrize("name", WAYS)
def test_each_way_to_sign_in_is_taken_alone(name: str, certificate: Path) -> None:
    text, words = WAYS[name]

    tenant = load_settings({name: text or str(certificate)}).tenants["default"]

    assert tenant.way_to_sign_in == words


@pytest.mark.parametrize(("first", "second"), list(combinations(WAYS, 2)))
def test_two_ways_to_sign_in_are_refused_by_name(first: str, second: str, certificate: Path) -> None:
    variables = {name: WAYS[name][0] or str(certificate) for name in (first, second)}

    with pytest.raises(SettingsInvalid) as refused:
        load_settings(variables)

    assert f"{first} and {second} are two ways to sign in" in str(refused.value)
    assert "s3cret" not in str(refused.value)
    assert "t0ken" not in str(refused.value)


def test_a_way_that_is_switched_off_is_none() -> None:
    settings = load_settings(
        {"MUSTER_DEVICE_CODE": "false", "MUSTER_MANAGED_IDENTITY": "no", "MUSTER_CLIENT_SECRET": "x"}
    )

    assert settings.tenants["default"].way_to_sign_in == "client secret"


def test_a_token_in_the_environment_takes_the_place_of_a_secret_in_the_file(tmp_path: Path) -> None:
    file = tmp_path / "muster.toml"
    file.write_text('client_id = "app"\nclient_secret = "s3cret"\n', encoding="utf-8")

    tenant = load_settings({"MUSTER_ACCESS_TOKEN": "t0ken"}, file).tenants["default"]

    assert (tenant.client_id, tenant.way_to_sign_in) == ("app", "access token")
    assert tenant.client_secret is None


def test_a_secret_in_a_file_is_read_when_it_is_needed(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("s3cret\n", encoding="utf-8")

    tenant = load_settings({"MUSTER_CLIENT_SECRET_FILE": str(file)}).tenants["default"]

    assert (tenant.client_secret, tenant.client_secret_file) == (None, file)


def test_a_certificate_may_have_a_password(certificate: Path) -> None:
    tenant = load_settings(
        {"MUSTER_CLIENT_CERTIFICATE": str(certificate), "MUSTER_CLIENT_CERTIFICATE_PASSWORD": "hunter2"}
    ).tenants["default"]

    assert tenant.client_certificate == certificate
    assert tenant.client_certificate_password is not None
    assert tenant.client_certificate_password.value == "hunter2"


def test_the_file_form_of_a_certificate_is_the_certificate_itself(certificate: Path) -> None:
    tenant = load_settings({"MUSTER_CLIENT_CERTIFICATE_FILE": str(certificate)}).tenants["default"]

    assert tenant.client_certificate == certificate


@pytest.mark.parametrize(
    ("text", "says"), [("missing.pem", "no file"), ("-----BEGIN CERTIFICATE-----", "takes the path")]
)
def test_a_certificate_that_is_no_file_is_refused(text: str, says: str) -> None:
    with pytest.raises(SettingsInvalid, match=says):
        load_settings({"MUSTER_CLIENT_CERTIFICATE": text})


@pytest.mark.parametrize(("text", "identity"), [("true", True), ("1", True), (ASSIGNED.upper(), ASSIGNED)])
def test_a_managed_identity_is_the_machines_or_an_assigned_one(text: str, identity: bool | str) -> None:  # noqa: FBT001 - a case of the table
    assert load_settings({"MUSTER_MANAGED_IDENTITY": text}).tenants["default"].managed_identity == identity


def test_tenants_have_tables_of_their_own(tmp_path: Path) -> None:
    file = tmp_path / "muster.toml"
    file.write_text(
        'write_limit = "100/20s"\n'
        '[tenants.north]\ntenant_id = "north.contoso.example"\nclient_id = "a"\ncloud = "china"\nclient_secret = "s"\n'
        '[tenants.south]\nclient_id = "b"\nwrite_limit = "none"\nmanaged_identity = true\n',
        encoding="utf-8",
    )

    tenants = load_settings({"MUSTER_CLIENT_ID": "d"}, file).tenants

    assert list(tenants) == ["default", "north", "south"]
    assert tenants["north"].tenant_id == "north.contoso.example"
    assert (tenants["north"].cloud, str(tenants["north"].write_limit)) == (Cloud.CHINA, "100/20s")
    assert (tenants["south"].write_limit, tenants["south"].managed_identity) == (None, True)
    assert tenants["default"].way_to_sign_in is None


def test_the_only_tenant_is_the_usual_one(tmp_path: Path) -> None:
    file = tmp_path / "muster.toml"
    file.write_text('[tenants.north]\nclient_id = "a"\n', encoding="utf-8")

    assert load_settings({}, file).usual_tenant == "north"


def test_a_root_alone_is_no_tenant() -> None:
    assert load_settings({"MUSTER_GRAPH_URL": "http://127.0.0.1:8089"}).tenants == {}
