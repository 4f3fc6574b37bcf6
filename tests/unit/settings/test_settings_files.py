from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from orchestrator.domain.errors import RequestRejected, SettingsInvalid
from orchestrator.settings import load_settings
from orchestrator.settings.settings_files import add_tenant, write_new_settings

KEPT = """\
# why this file is as it is
keep_days = 30   # half a year is too long

[tenants.north]
tenant_id = "north.example"   # the first customer

[notify.helpdesk]
kind = "email"
to = "helpdesk@contoso.example"
"""
SMTP = {"MUSTER_SMTP_URL": "smtp://mail.contoso.example:25", "MUSTER_SMTP_FROM": "muster@contoso.example"}


def test_a_new_file_changes_no_setting_and_replaces_no_file(tmp_path: Path) -> None:
    file = tmp_path / "folder" / "muster.toml"
    write_new_settings(file)

    settings = load_settings({}, file)
    assert (settings.tenants, settings.notes) == ({}, ())
    assert [each.name for each in settings.shown if each.source.endswith(str(file))] == []
    with pytest.raises(RequestRejected, match="already"):
        write_new_settings(file)


def test_what_the_new_file_proposes_is_a_valid_file(tmp_path: Path) -> None:
    file = tmp_path / "muster.toml"
    write_new_settings(file)
    proposed = [
        line.removeprefix("# ")
        for line in file.read_text(encoding="utf-8").splitlines()
        if line.startswith(("# [", "# ")) and (" = " in line or line.startswith("# ["))
    ]
    wanted = [line for line in proposed if not line.startswith(("client_certificate", "database_url"))]
    file.write_text("\n".join(wanted), encoding="utf-8")
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "client-secret-contoso.txt").write_text("x", encoding="utf-8")

    settings = load_settings({}, file)
    assert (list(settings.tenants), settings.notes) == (["contoso"], ())


def test_a_tenant_is_added_and_everything_else_stays(tmp_path: Path) -> None:
    file = tmp_path / "muster.toml"
    file.write_text(KEPT, encoding="utf-8")

    kept_in = add_tenant(file, "south", {"tenant_id": "south.example"}, secret="s3cret", variables=SMTP)

    text = file.read_text(encoding="utf-8")
    assert [line for line in KEPT.splitlines() if line not in text.splitlines()] == []
    south = load_settings(SMTP, file).tenants["south"]
    assert (south.tenant_id, south.client_secret_file) == ("south.example", kept_in)
    assert "s3cret" not in text
    assert kept_in is not None
    assert kept_in.read_text(encoding="utf-8") == "s3cret\n"
    if os.name != "nt":
        assert stat.S_IMODE(kept_in.stat().st_mode) == 0o600


@pytest.mark.parametrize("name", ["con", "aux.north", "contoso."])
def test_the_file_of_a_secret_has_a_name_that_windows_takes(tmp_path: Path, name: str) -> None:
    kept_in = add_tenant(tmp_path / "muster.toml", name, {"tenant_id": "a.example"}, secret="s", variables=SMTP)

    assert kept_in is not None
    assert kept_in.name == f"client-secret-{name}.txt"


def test_what_would_be_no_valid_settings_changes_nothing(tmp_path: Path) -> None:
    file = tmp_path / "muster.toml"
    file.write_text(KEPT, encoding="utf-8")

    with pytest.raises(SettingsInvalid, match=r"tenants\.south\.write_limit \(from .*muster\.toml\)"):
        add_tenant(file, "south", {"write_limit": "fast"}, secret="s3cret", variables=SMTP)

    assert file.read_text(encoding="utf-8") == KEPT
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["muster.toml"]
    assert list((tmp_path / "secrets").iterdir()) == []


def test_a_tenant_that_is_there_is_not_replaced(tmp_path: Path) -> None:
    file = tmp_path / "muster.toml"
    file.write_text(KEPT, encoding="utf-8")

    with pytest.raises(RequestRejected, match="'north' already"):
        add_tenant(file, "north", {"tenant_id": "other.example"}, secret="x", variables=SMTP)


def test_a_path_with_backslashes_is_written_as_it_is_read(tmp_path: Path) -> None:
    file, certificate = tmp_path / "muster.toml", tmp_path / "new\\table.pem"
    certificate.parent.mkdir(exist_ok=True)
    certificate.touch()

    add_tenant(file, "north", {"client_certificate": str(certificate)}, secret=None, variables={})

    assert f"'{certificate}'" in file.read_text(encoding="utf-8")
    assert load_settings({}, file).tenants["north"].client_certificate == certificate
