from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.domain.errors import SettingsInvalid
from orchestrator.settings import load_settings
from orchestrator.settings.values import without_password

SECRET = "hunter2-0123456789"


@pytest.mark.parametrize(
    "variables",
    [
        {"MUSTER_CLIENT_SECRET": SECRET},
        {"MUSTER_ACCESS_TOKEN": SECRET},
        {"MUSTER_DATABASE_URL": f"postgresql://muster:{SECRET}@db.example/muster"},
        {"MUSTER_DATABASE_URL": f"postgresql://db.example/muster?user=m&password={SECRET}"},
        {"MUSTER_BROKER_URL": f"rediss://:{SECRET}@broker.example:6380/0"},
        {"MUSTER_BROKER_URL": f"redis://user:p@w@{SECRET}@broker.example/0"},
    ],
)
def test_no_secret_shows_in_the_text_of_settings(variables: dict[str, str]) -> None:
    settings = load_settings(variables)

    texts = [repr(settings), str(settings), repr(settings.tenants), *map(repr, settings.shown), *settings.notes]
    assert not [text for text in texts if SECRET in text]


def test_no_secret_from_a_file_shows(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(SECRET, encoding="utf-8")

    settings = load_settings({"MUSTER_ACCESS_TOKEN_FILE": str(file)})

    assert SECRET not in repr(settings) + repr(settings.tenants) + repr(settings.shown)
    shown = next(each for each in settings.shown if each.name == "MUSTER_ACCESS_TOKEN")
    assert (shown.value, shown.source) == ("set", "MUSTER_ACCESS_TOKEN_FILE")


@pytest.mark.parametrize(
    "variables",
    [
        {"MUSTER_BROKER_URL": f"amqp://user:{SECRET}@broker.example"},
        {"MUSTER_DATABASE_URL": f"mysql://user:{SECRET}@db.example/x"},
        {"MUSTER_GRAPH_URL": f"http://user:{SECRET}@graph.example"},
        {"MUSTER_AUTHORITY": f"https://user:{SECRET}@login.example"},
        {"MUSTER_CLIENT_SECRET": SECRET, "MUSTER_ACCESS_TOKEN": SECRET},
        {"MUSTER_CLIENT_SECRET": SECRET, "MUSTER_CLIENT_SECRET_FILE": "/x"},
    ],
)
def test_no_secret_shows_in_an_error(variables: dict[str, str]) -> None:
    with pytest.raises(SettingsInvalid) as refused:
        load_settings(variables)

    assert SECRET not in str(refused.value)


def test_each_setting_names_where_it_comes_from(tmp_path: Path) -> None:
    file = tmp_path / "muster.toml"
    file.write_text('attempts = 3\n[tenants.north]\nclient_id = "a"\n', encoding="utf-8")

    shown = {each.name: each.source for each in load_settings({"MUSTER_KEEP_DAYS": "5"}, file).shown}

    assert shown["MUSTER_KEEP_DAYS"] == "MUSTER_KEEP_DAYS"
    assert shown["MUSTER_ATTEMPTS"] == f"attempts in {file}"
    assert shown["tenants.north.client_id"] == f"tenants.north.client_id in {file}"
    assert shown["MUSTER_BATCHING"] == "default"


@pytest.mark.parametrize(
    ("name", "given", "value"),
    [
        ("MUSTER_INVENTORY_MAX_AGE", None, "7d"),
        ("MUSTER_INVENTORY_MAX_AGE", "36h", "1d12h"),
        ("MUSTER_TRUSTED_PROXIES", None, "127.0.0.1, ::1"),
        ("MUSTER_METRICS_ADDRESS", "[::1]:9100", "[::1]:9100"),
        ("MUSTER_METRICS_ADDRESS", "127.0.0.1:9100", "127.0.0.1:9100"),
    ],
)
def test_a_value_is_shown_as_it_is_written(name: str, given: str | None, value: str) -> None:
    shown = {each.name: each.value for each in load_settings({name: given} if given else {}).shown}

    assert shown[name] == value


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://broker.example/0", "redis://broker.example/0"),
        ("redis://:pw@broker.example/0", "redis://:***@broker.example/0"),
        ("redis://user@broker.example/0", "redis://user@broker.example/0"),
        ("postgresql://u:p@h/d?sslmode=require", "postgresql://u:***@h/d?sslmode=require"),
        ("postgresql://h/d?user=u&password=p&x=1", "postgresql://h/d?user=u&password=***&x=1"),
    ],
)
def test_a_url_is_shown_without_its_password(url: str, shown: str) -> None:
    assert without_password(url) == shown


def test_the_secret_that_people_are_signed_in_with_stays_in_its_file(tmp_path: Path) -> None:
    file = tmp_path / "sign-in"
    file.write_text(SECRET, encoding="utf-8")

    people = load_settings(
        {
            "MUSTER_PUBLIC_URL": "https://muster.contoso.example",
            "MUSTER_SIGN_IN_TENANT_ID": "AAAAAAAA-0000-4000-8000-000000000001",
            "MUSTER_SIGN_IN_CLIENT_ID": "contoso.Example",
            "MUSTER_SIGN_IN_CLIENT_SECRET_FILE": str(file),
        }
    ).people

    assert people is not None
    assert (people.client_secret, people.client_secret_file) == (None, file)
    assert (people.tenant_id, people.client_id) == ("aaaaaaaa-0000-4000-8000-000000000001", "contoso.Example")
