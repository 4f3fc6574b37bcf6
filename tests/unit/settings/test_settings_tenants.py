from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.domain.errors import SettingsInvalid
from orchestrator.settings import load_settings

SHARED = """
[tenant_defaults]
client_id = "5c0c4de5-e99a-4355-886f-04a77a2eb1b4"
client_secret = "shared"
write_limit = "100/20s"
"""


def given(folder: Path, text: str) -> Path:
    file = folder / "muster.toml"
    file.write_text(text, encoding="utf-8")
    return file


def test_tenants_share_what_the_defaults_say(tmp_path: Path) -> None:
    text = (
        SHARED
        + """
[tenants.north]
tenant_id = "north.example"
[tenants.south]
tenant_id = "south.example"
managed_identity = true
write_limit = "none"
"""
    )
    tenants = load_settings({}, given(tmp_path, text)).tenants

    assert set(tenants) == {"north", "south"}
    north, south = tenants["north"], tenants["south"]
    assert (north.client_id, north.way_to_sign_in, str(north.write_limit)) == (
        "5c0c4de5-e99a-4355-886f-04a77a2eb1b4",
        "client secret",
        "100/20s",
    )
    assert (south.client_id, south.way_to_sign_in, south.write_limit) == (north.client_id, "managed identity", None)


def test_the_environment_is_stronger_than_the_defaults(tmp_path: Path) -> None:
    variables = {"MUSTER_TENANT_ID": "own.example", "MUSTER_CLIENT_ID": "own"}
    tenants = load_settings(variables, given(tmp_path, SHARED)).tenants

    assert set(tenants) == {"default"}
    assert (tenants["default"].client_id, tenants["default"].way_to_sign_in) == ("own", "client secret")


def test_defaults_cannot_name_a_tenant(tmp_path: Path) -> None:
    with pytest.raises(SettingsInvalid, match="cannot be shared"):
        load_settings({}, given(tmp_path, '[tenant_defaults]\ntenant_id = "a.example"\n'))


def test_a_wrong_entry_of_the_defaults_is_named(tmp_path: Path) -> None:
    settings = load_settings({}, given(tmp_path, '[tenant_defaults]\nclient_secrt = "x"\n'))

    assert any("client_secrt" in note and "client_secret may be meant" in note for note in settings.notes)


def test_the_default_tenant_may_be_named(tmp_path: Path) -> None:
    text = 'default_tenant = "south"\n[tenants.north]\nclient_id = "a"\n[tenants.south]\nclient_id = "b"\n'

    assert load_settings({}, given(tmp_path, text)).usual_tenant == "south"
    with pytest.raises(SettingsInvalid, match="no such tenant"):
        load_settings({"MUSTER_DEFAULT_TENANT": "west"}, given(tmp_path, text))
