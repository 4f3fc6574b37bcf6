from __future__ import annotations

import pytest

from orchestrator.domain.errors import SettingsInvalid
from orchestrator.domain.lane import Cloud
from orchestrator.settings import TenantSettings, load_settings

TOKEN = {"MUSTER_ACCESS_TOKEN": "token"}


@pytest.mark.parametrize(
    "url",
    [
        "https://graph.microsoft.com",
        "https://graph.microsoft.us/",
        "https://gateway.example:8443/graph",
        "http://127.0.0.1:8089",
        "http://localhost:8089",
        "http://[::1]:8089",
        "http://127.8.9.1",
    ],
)
def test_a_root_that_is_encrypted_or_stays_here_is_taken(url: str) -> None:
    assert _tenant(MUSTER_GRAPH_URL=url).graph_url == url.rstrip("/")


@pytest.mark.parametrize(
    "url",
    [
        "http://graph.microsoft.com",
        "http://127.0.0.1.example.com",
        "http://localhost.example.com",
        "http://10.0.0.1",
        "http://0.0.0.0:8089",
        "ftp://127.0.0.1",
        "https://",
        "https://user:hunter2@graph.microsoft.com",
        "https://graph.microsoft.com/beta",
        "https://graph.microsoft.com/v1.0/",
        "https://graph.microsoft.com?x=1",
        "https://graph.microsoft.com:port",
        "https://graph microsoft.com",
        "https://[::1",
        "http://127.0.0.1\n.example.com",
    ],
)
def test_any_other_root_is_refused(url: str) -> None:
    with pytest.raises(SettingsInvalid, match="MUSTER_GRAPH_URL") as refused:
        _tenant(MUSTER_GRAPH_URL=url)

    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize(
    "url", ["https://login.contoso.example", "https://login.contoso.example:8443/", "http://[::1]:1"]
)
def test_an_authority_is_a_host(url: str) -> None:
    assert _tenant(MUSTER_AUTHORITY=url).authority == url.rstrip("/")


@pytest.mark.parametrize("url", ["https://login.contoso.example/tenant", "http://login.contoso.example", "login"])
def test_any_other_authority_is_refused(url: str) -> None:
    with pytest.raises(SettingsInvalid, match="MUSTER_AUTHORITY"):
        _tenant(MUSTER_AUTHORITY=url)


@pytest.mark.parametrize(
    ("name", "text", "takes"),
    [
        ("MUSTER_ATTEMPTS", "0", "whole number from 1 to 100"),
        ("MUSTER_ATTEMPTS", "lots", "whole number"),
        ("MUSTER_ATTEMPTS", "1.5", "whole number"),
        ("MUSTER_ATTEMPTS", "-1", "whole number"),
        ("MUSTER_ATTEMPTS", "٣", "whole number"),
        ("MUSTER_KEEP_DAYS", "0", "whole number"),
        ("MUSTER_MAX_ROWS", "many", "whole number"),
        ("MUSTER_MAX_BYTES", "1GB", "whole number"),
        ("MUSTER_CONFIRM_ABOVE", "-5", "whole number"),
        ("MUSTER_BATCHING", "sometimes", "auto, on, off"),
        ("MUSTER_LOG_LEVEL", "loud", "debug, info"),
        ("MUSTER_LOG_FORMAT", "xml", "text, json"),
        ("MUSTER_CLOUD", "azure", "global, usgov, usgov-dod, china"),
        ("MUSTER_WRITE_LIMIT", "fast", "200/20s, or none"),
        ("MUSTER_BROKER_URL", "amqp://broker.example", "redis://"),
        ("MUSTER_BROKER_URL", "redis://", "redis://"),
        ("MUSTER_DATABASE_URL", "mysql://db.example/x", "sqlite:///PATH or postgresql://"),
        ("MUSTER_DATABASE_URL", "C:\\muster.db", "sqlite:///PATH"),
        ("MUSTER_TENANT_ID", "a/b", "GUID"),
        ("MUSTER_TENANT_ID", "contoso", "verified domain"),
        ("MUSTER_CLIENT_ID", "https://portal", "GUID"),
        ("MUSTER_DEVICE_CODE", "perhaps", "true, yes"),
        ("MUSTER_MANAGED_IDENTITY", "mine", "client id"),
    ],
)
def test_what_a_setting_cannot_take_is_refused_with_what_it_takes(name: str, text: str, takes: str) -> None:
    with pytest.raises(SettingsInvalid) as refused:
        load_settings({name: text})

    assert f"{name} (from the environment)" in str(refused.value)
    assert takes in str(refused.value)


def test_numbers_may_be_grouped() -> None:
    assert load_settings({"MUSTER_MAX_ROWS": "2_000_000"}).max_rows == 2_000_000
    assert load_settings({"MUSTER_MAX_COLUMNS": "20"}).max_columns == 20
    assert load_settings({"MUSTER_MAX_CONNECTIONS": "20"}).max_connections == 20


def test_proxies_are_addresses_and_networks() -> None:
    settings = load_settings({"MUSTER_TRUSTED_PROXIES": "127.0.0.1, 172.16.0.0/12,::1"})

    assert settings.trusted_proxies == ("127.0.0.1", "172.16.0.0/12", "::1")
    assert load_settings({"MUSTER_TRUSTED_PROXIES": ","}).trusted_proxies == ()


def test_a_question_may_be_asked_of_every_job() -> None:
    assert load_settings({"MUSTER_CONFIRM_ABOVE": "0"}).confirm_above == 0


@pytest.mark.parametrize("scheme", ["postgres", "postgresql"])
def test_postgresql_may_be_called_by_its_short_name(scheme: str) -> None:
    assert (
        load_settings({"MUSTER_DATABASE_URL": f"{scheme}://db.example/m"}).database_url == "postgresql://db.example/m"
    )


def test_words_are_taken_in_any_letter_case() -> None:
    settings = load_settings(
        {**TOKEN, "MUSTER_BATCHING": "ON", "MUSTER_CLOUD": "UsGov-DoD", "MUSTER_LOG_FORMAT": "JSON"}
    )

    assert settings.batching == "on"
    assert settings.log_format == "json"
    assert settings.tenants["default"].cloud is Cloud.US_GOV_DOD


@pytest.mark.parametrize(("text", "shown"), [("200/20s", "200/20s"), ("400/4s", "400/4s"), ("none", "none")])
def test_a_write_limit_is_calls_in_a_window(text: str, shown: str) -> None:
    settings = load_settings({**TOKEN, "MUSTER_WRITE_LIMIT": text})

    limit = settings.tenants["default"].write_limit
    assert ("none" if limit is None else str(limit)) == text
    assert [each.value for each in settings.shown if each.name == "MUSTER_WRITE_LIMIT"] == [shown]


def test_without_a_word_about_it_the_limit_is_microsofts() -> None:
    assert str(_tenant().write_limit) == "200/20s"


def _tenant(**variables: str) -> TenantSettings:
    return load_settings({**TOKEN, **variables}).tenants["default"]
