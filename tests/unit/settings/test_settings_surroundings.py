"""Everything that comes from the environment: put right where its meaning is plain, else one sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.domain.errors import SettingsInvalid
from orchestrator.graph.tokens import plain_token
from orchestrator.graph.trust import trust_in
from orchestrator.settings import load_settings


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"])
def test_a_proxy_that_is_none_is_refused_by_its_name_before_any_call(name: str) -> None:
    with pytest.raises(SettingsInvalid, match=f"^{name} .from the environment. names a SOCKS proxy"):
        load_settings({name: "socks5://user:secret@proxy:1080"})


@pytest.mark.parametrize(
    "variables",
    [
        {"HTTPS_PROXY": "127.0.0.1:3128"},
        {"ALL_PROXY": "socks5://proxy:1080", "HTTPS_PROXY": "http://proxy:3128"},
        {"HTTPS_PROXY": "socks5://proxy:1080", "NO_PROXY": "microsoft.com"},
        {"HTTP_PROXY": "socks5://proxy:1080"},
        {"HTTPS_PROXY": ""},
    ],
)
def test_a_proxy_that_is_one_or_not_used_is_no_matter(variables: dict[str, str]) -> None:
    load_settings(variables)


@pytest.mark.parametrize("quote", ['"', "'"])
def test_quotes_that_a_shell_left_around_a_value_are_no_part_of_it(quote: str) -> None:
    guid = "6f0e1f55-6b1f-4c9f-8f0c-0d6a2f4ff7a1"
    settings = load_settings({"MUSTER_TENANT_ID": f"{quote}{guid}{quote}", "MUSTER_CLIENT_ID": guid})

    assert settings.tenants["default"].tenant_id == guid


@pytest.mark.parametrize("text", ["graph.microsoft.com", "graph.microsoft.us/", "graph.contoso.com:8443"])
def test_a_host_without_a_scheme_is_called_by_https(text: str) -> None:
    settings = load_settings({"MUSTER_GRAPH_URL": text, "MUSTER_ACCESS_TOKEN": "token"})

    assert settings.tenants["default"].graph_url == f"https://{text.rstrip('/')}"


@pytest.mark.parametrize(
    "line", ['ca_bundle = "C:\\Users\\me\\ca.pem"', 'client_certificate = "C:\\certs\\muster.pfx"']
)
def test_a_windows_path_in_double_quotes_is_explained(line: str, tmp_path: Path) -> None:
    file = tmp_path / "muster.toml"
    file.write_text(f'log_level = "info"\n{line}\n', encoding="utf-8")

    with pytest.raises(SettingsInvalid, match="single quotes"):
        load_settings({}, file)


def test_a_path_whose_backslashes_became_a_tab_is_explained(tmp_path: Path) -> None:
    file = tmp_path / "muster.toml"
    file.write_text('ca_bundle = "C:\\temp\\new.pem"\n', encoding="utf-8")

    with pytest.raises(SettingsInvalid, match="single quotes"):
        load_settings({}, file)


JWT = "eyJ0eXAi.eyJhdWQi.c2ln"


@pytest.mark.parametrize(
    "text",
    [JWT, f"Bearer {JWT}", f"bearer  {JWT}\n", f'"{JWT}"', f"'Bearer {JWT}'", f"Authorization: Bearer {JWT}",
     f"{JWT[:10]}\r\n {JWT[10:]}"],
)  # fmt: skip
def test_a_token_is_taken_without_what_was_copied_along(text: str) -> None:
    assert plain_token(text) == JWT


@pytest.mark.parametrize("text", ["opaque", "Bearer", "two words", ""])
def test_what_is_no_jwt_is_left_as_it_is(text: str) -> None:
    assert plain_token(f" {text} ") == text


@pytest.mark.parametrize(
    "content", ["", "no certificate", "-----BEGIN CERTIFICATE-----\nbad\n-----END CERTIFICATE-----"]
)
def test_a_bundle_that_holds_no_certificate_is_refused(content: str, tmp_path: Path) -> None:
    bundle = tmp_path / "ca.pem"
    bundle.write_text(content, encoding="utf-8")

    with pytest.raises(SettingsInvalid, match="MUSTER_CA_BUNDLE"):
        trust_in(bundle)


def test_a_folder_or_nothing_where_a_bundle_should_be_is_refused(tmp_path: Path) -> None:
    for place in (tmp_path, tmp_path / "missing.pem"):
        with pytest.raises(SettingsInvalid, match="MUSTER_CA_BUNDLE"):
            trust_in(place)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-8"])
def test_a_settings_file_may_be_in_any_encoding_that_windows_writes(tmp_path: Path, encoding: str) -> None:
    file = tmp_path / "muster.toml"
    file.write_bytes('log_level = "error" # größer\r\n'.encode(encoding))

    assert load_settings({}, file).log_level == "error"


@pytest.mark.parametrize(
    ("content", "says"),
    [("write_limit = “7/20s”\n".encode(), "straight"), ("# größer\n".encode("cp1252"), "not UTF-8: save")],
)
def test_a_settings_file_that_cannot_be_read_says_how_to_mend_it(tmp_path: Path, content: bytes, says: str) -> None:
    file = tmp_path / "muster.toml"
    file.write_bytes(content)

    with pytest.raises(SettingsInvalid, match=says):
        load_settings({}, file)
