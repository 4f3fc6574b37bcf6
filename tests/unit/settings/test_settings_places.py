from __future__ import annotations

import re
from pathlib import Path

import pytest

from orchestrator.domain.errors import SettingsInvalid
from orchestrator.settings import load_settings

ROOT = Path(__file__).parents[3]


def test_nothing_given_is_embedded_with_no_tenant() -> None:
    settings = load_settings({})

    assert settings.is_embedded
    assert settings.database_url.startswith("sqlite:///")
    assert settings.database_url.endswith("/muster/muster.db")
    assert settings.tenants == {}


def test_the_environment_is_stronger_than_the_file(tmp_path: Path) -> None:
    file = _a_file(tmp_path, "attempts = 3\nkeep_days = 7\n")

    settings = load_settings({"MUSTER_ATTEMPTS": "4"}, file)

    assert (settings.attempts, settings.keep_days, settings.batching) == (4, 7, "auto")


def test_a_file_is_named_by_a_variable(tmp_path: Path) -> None:
    file = _a_file(tmp_path, "attempts = 3\n")

    settings = load_settings({"MUSTER_CONFIG": str(file)})

    assert settings.attempts == 3
    assert settings.config_file == file


def test_the_named_file_is_stronger_than_the_variable(tmp_path: Path) -> None:
    file = _a_file(tmp_path, "attempts = 3\n")

    settings = load_settings({"MUSTER_CONFIG": str(tmp_path / "missing.toml")}, file)

    assert settings.attempts == 3


def test_the_users_own_file_is_read_without_being_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platformdirs.user_config_path", lambda *_, **__: tmp_path)
    _a_file(tmp_path, "attempts = 3\n")

    assert load_settings({}).attempts == 3


def test_a_file_in_the_current_folder_is_never_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _a_file(tmp_path, 'graph_url = "https://elsewhere.example"\naccess_token = "token"\n')
    monkeypatch.chdir(tmp_path)

    settings = load_settings({})

    assert settings.config_file is None
    assert settings.tenants == {}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (None, "cannot be read"),
        ("attempts = ", "is no TOML"),
        ("tenants = 3", "holds no tables"),
        ("[tenants]\na = 3", "holds no tables"),
        ('[tenants."a b"]', "no name for a tenant"),
        ("attempts = 1.5", "neither text nor a whole number"),
        ("attempts = [1]", "neither text nor a whole number"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_by_name(tmp_path: Path, text: str | None, says: str) -> None:
    file = tmp_path / "muster.toml"
    if text is not None:
        file.write_text(text, encoding="utf-8")

    with pytest.raises(SettingsInvalid, match=says) as refused:
        load_settings({}, file)

    assert str(file) in str(refused.value)


def test_a_file_that_notepad_wrote_is_read(tmp_path: Path) -> None:
    file = tmp_path / "muster.toml"
    file.write_bytes(b"\xef\xbb\xbfattempts = 3\r\n")

    assert load_settings({}, file).attempts == 3


def test_an_empty_variable_is_as_good_as_unset() -> None:
    assert load_settings({"MUSTER_BROKER_URL": "", "MUSTER_CLIENT_SECRET": ""}).tenants == {}


def test_any_variable_may_be_read_from_a_file(tmp_path: Path) -> None:
    secret = tmp_path / "url"
    secret.write_text("redis://:hunter2@broker.example/0\n", encoding="utf-8")

    settings = load_settings({"MUSTER_BROKER_URL_FILE": str(secret)})

    assert settings.broker_url == "redis://:hunter2@broker.example/0"


def test_a_path_in_the_settings_file_begins_at_its_folder(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("abc\r\n", encoding="utf-8")
    file = _a_file(tmp_path, 'access_token_file = "token"\n')

    tenant = load_settings({}, file).tenants["default"]

    assert tenant.access_token_file == tmp_path / "token"


def test_both_forms_of_one_variable_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsInvalid, match="MUSTER_BROKER_URL and MUSTER_BROKER_URL_FILE"):
        load_settings({"MUSTER_BROKER_URL": "redis://a", "MUSTER_BROKER_URL_FILE": str(tmp_path)})


@pytest.mark.parametrize(("content", "says"), [(None, "cannot be read"), (b"\n", "is empty"), (b"\xff", "not UTF-8")])
def test_a_secret_that_cannot_be_read_is_refused_by_name(tmp_path: Path, content: bytes | None, says: str) -> None:
    secret = tmp_path / "secret"
    if content is not None:
        secret.write_bytes(content)

    with pytest.raises(SettingsInvalid, match=says) as refused:
        load_settings({"MUSTER_CLIENT_SECRET_FILE": str(secret)})

    assert "MUSTER_CLIENT_SECRET_FILE (from the environment)" in str(refused.value)


@pytest.mark.parametrize(
    ("variables", "text", "note"),
    [
        ({"MUSTER_CLIENT_SECRTE": "x"}, "", "MUSTER_CLIENT_SECRET may be meant"),
        ({"MUSTER_BROKER_URL_FIEL": "x"}, "", "MUSTER_BROKER_URL_FILE may be meant"),
        ({"MUSTER_XYZZY": "x"}, "", "MUSTER_XYZZY (from the environment) is no setting."),
        ({}, "atempts = 3", "attempts may be meant"),
        ({}, "[tenants.a]\nclient_idd = 'x'", "client_id may be meant"),
    ],
)
def test_a_name_that_nothing_reads_is_noted(tmp_path: Path, variables: dict[str, str], text: str, note: str) -> None:
    settings = load_settings(variables, _a_file(tmp_path, text))

    assert len(settings.notes) == 1
    assert note in settings.notes[0]


DOCUMENTED = sorted(set(re.findall(r"`(MUSTER_[A-Z_]+[A-Z])`", (ROOT / "docs" / "settings.md").read_text("utf-8"))))


def test_every_setting_of_the_documents_and_of_the_containers_is_known() -> None:
    composed = re.findall(r"^    (MUSTER_[A-Z_]+):", (ROOT / "docker-compose.yml").read_text("utf-8"), re.MULTILINE)
    example = re.findall(r"^#?(MUSTER_[A-Z_]+)=", (ROOT / ".env.example").read_text("utf-8"), re.MULTILINE)
    # Compose reads these two itself: they never reach a container.
    names = {*DOCUMENTED, *composed, *example} - {"MUSTER_WORKERS", "MUSTER_PORT"}

    assert len(names) > 50
    assert load_settings(dict.fromkeys(names, "")).notes == ()


def test_every_known_name_passes_without_a_note() -> None:
    assert load_settings({"MUSTER_ATTEMPTS": "3", "MUSTER_TEST_DATABASE_URL": "x", "PATH": "/"}).notes == ()


@pytest.mark.parametrize(
    ("variables", "expected", "source"),
    [
        ({"MUSTER_CA_BUNDLE": "/a", "REQUESTS_CA_BUNDLE": "/b", "SSL_CERT_FILE": "/c"}, "/a", "MUSTER_CA_BUNDLE"),
        ({"REQUESTS_CA_BUNDLE": "/b", "SSL_CERT_FILE": "/c"}, "/b", "REQUESTS_CA_BUNDLE"),
        ({"SSL_CERT_FILE": "/c"}, "/c", "SSL_CERT_FILE"),
    ],
)
def test_our_certificates_are_stronger_than_those_of_other_programs(
    variables: dict[str, str], expected: str, source: str
) -> None:
    settings = load_settings(variables)

    assert settings.ca_bundle == Path(expected)
    assert [each.source for each in settings.shown if each.name == "MUSTER_CA_BUNDLE"] == [source]


def test_without_any_the_systems_certificates_are_trusted() -> None:
    assert load_settings({}).ca_bundle is None


def _a_file(folder: Path, text: str) -> Path:
    file = folder / "muster.toml"
    file.write_text(text, encoding="utf-8")
    return file
