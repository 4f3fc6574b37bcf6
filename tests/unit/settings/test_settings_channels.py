from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.domain.errors import SettingsInvalid
from orchestrator.domain.notice_kinds import ChannelKind, Event
from orchestrator.settings import load_settings

ADDRESS = "https://contoso.webhook.example/hunter2?sig=hunter3"


def a_file(folder: Path, text: str) -> Path:
    file = folder / "muster.toml"
    file.write_text(text, encoding="utf-8")
    return file


def test_variables_make_general_channels_that_are_called_as_their_kind() -> None:
    settings = load_settings(
        {
            "MUSTER_NOTIFY_TEAMS": ADDRESS,
            "MUSTER_NOTIFY_WEBHOOK": "http://127.0.0.1:9/x",
            "MUSTER_NOTIFY_WEBHOOK_SECRET": "whsec_x",
            "MUSTER_NOTIFY_EMAIL": "a@contoso.example, b@contoso.example",
            "MUSTER_SMTP_URL": "smtp://m%40contoso.example:pass%2Fword@mail.contoso.example",
            "MUSTER_SMTP_FROM": "muster@contoso.example",
            "MUSTER_NOTIFY_ON": "failures, stopped",
            "MUSTER_PUBLIC_URL": "https://muster.contoso.example/",
        }
    )

    channels = settings.channels
    assert {(name, each.kind, each.is_general) for name, each in channels.items()} == {
        ("teams", ChannelKind.TEAMS, True),
        ("webhook", ChannelKind.WEBHOOK, True),
        ("email", ChannelKind.EMAIL, True),
    }
    assert {each.events for each in channels.values()} == {frozenset({Event.FAILURES, Event.STOPPED})}
    assert channels["email"].recipients == ("a@contoso.example", "b@contoso.example")
    assert settings.smtp is not None
    assert (settings.smtp.user, settings.smtp.host, settings.smtp.port) == (
        "m@contoso.example",
        "mail.contoso.example",
        587,
    )
    assert settings.smtp.password is not None
    assert settings.smtp.password.value == "pass/word"
    assert settings.public_url == "https://muster.contoso.example"
    assert settings.notes == ()


def test_no_address_and_no_secret_shows() -> None:
    settings = load_settings(
        {
            "MUSTER_NOTIFY_SLACK": ADDRESS,
            "MUSTER_NOTIFY_WEBHOOK": ADDRESS,
            "MUSTER_NOTIFY_WEBHOOK_SECRET": "hunter4",
            "MUSTER_SMTP_URL": "smtps://m:hunter5@mail.contoso.example",
            "MUSTER_SMTP_FROM": "muster@contoso.example",
        }
    )

    assert "hunter" not in repr(settings) + repr(settings.shown) + repr(settings.channels) + repr(settings.smtp)


def test_tables_make_channels_that_hear_of_schedules_that_name_them(tmp_path: Path) -> None:
    (tmp_path / "address").write_text(ADDRESS, encoding="utf-8")
    file = a_file(
        tmp_path,
        """
        [notify.night-shift]
        kind = "slack"
        url_file = "address"
        on = "missed"
        [notify.all]
        kind = "webhook"
        url = "https://x.example"
        general = true
        colour = "red"
        """,
    )

    settings = load_settings({}, file)

    night, everything = settings.channels["night-shift"], settings.channels["all"]
    assert (night.kind, night.events, night.is_general) == (ChannelKind.SLACK, frozenset({Event.MISSED}), False)
    assert night.url is not None
    assert night.url.value == ADDRESS
    assert (everything.is_general, Event.TEST in everything.events) == (True, False)
    assert len(settings.notes) == 1
    assert "colour" in settings.notes[0]


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"MUSTER_NOTIFY_TEAMS": "http://teams.example/x"}, "MUSTER_NOTIFY_TEAMS"),
        ({"MUSTER_NOTIFY_WEBHOOK": "ftp://x"}, "https://"),
        ({"MUSTER_NOTIFY_ON": "failure"}, "failures"),
        ({"MUSTER_NOTIFY_EMAIL": "a@b.example"}, "MUSTER_SMTP_URL"),
        ({"MUSTER_NOTIFY_EMAIL": "a b"}, "e-mail address"),
        ({"MUSTER_SMTP_URL": "http://mail", "MUSTER_SMTP_FROM": "a@b.example"}, "smtp://"),
        ({"MUSTER_SMTP_URL": "smtp://mail:x", "MUSTER_SMTP_FROM": "a@b.example"}, "port"),
        ({"MUSTER_PUBLIC_URL": "muster"}, "https://HOST"),
    ],
)
def test_what_cannot_be_a_channel_is_refused_by_name(variables: dict[str, str], said: str) -> None:
    with pytest.raises(SettingsInvalid, match=said):
        load_settings(variables)


@pytest.mark.parametrize("table", ['kind = "pigeon"', 'url = "https://x.example"', 'kind = "email"', 'kind = "teams"'])
def test_a_table_that_lacks_something_says_what(tmp_path: Path, table: str) -> None:
    with pytest.raises(SettingsInvalid, match=r"notify\.x"):
        load_settings({}, a_file(tmp_path, f"[notify.x]\n{table}\n"))
