from __future__ import annotations

import json

from orchestrator.domain.notice import Notice
from orchestrator.domain.notice_kinds import Event
from orchestrator.notify.bodies import slack_body, teams_body, webhook_body
from orchestrator.notify.email import MailServer, mail_of
from orchestrator.notify.signing import signed_headers

NOTICE = Notice(
    key="job/w49tcv72j4mp/finished/1",
    event=Event.FAILURES,
    subject="w49tcv72j4mp",
    title="PC*_<b>&: finished with failures",
    lines=("959 accepted, 41 failed", "https://muster.example/jobs/w49"),
    facts={"job": "w49tcv72j4mp", "link": "https://muster.example/jobs/w49"},
)


def test_the_signature_is_the_standards_own_example() -> None:
    # Published with Svix' reference libraries, from which the standard comes.
    headers = signed_headers(
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        1614265330,
        b'{"test": 2432232314}',
    )

    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    assert headers["webhook-id"] == "msg_p5jXN8AQM9LWM0D4loKWxJek"


def test_without_a_secret_the_message_is_named_and_not_signed() -> None:
    assert set(signed_headers(None, "id", 1, b"")) == {"webhook-id", "webhook-timestamp"}


def test_a_webhook_gets_facts_and_text() -> None:
    body = json.loads(webhook_body(NOTICE))

    assert body["id"] == NOTICE.key
    assert body["event"] == "failures"
    assert body["job"] == "w49tcv72j4mp"
    assert body["text"] == NOTICE.text


def test_teams_gets_an_adaptive_card_whose_text_formats_nothing() -> None:
    message = json.loads(teams_body(NOTICE))

    (attachment,) = message["attachments"]
    card = attachment["content"]
    assert attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
    assert card["type"] == "AdaptiveCard"
    assert card["body"][0]["text"] == r"PC\*\_<b>&: finished with failures"
    assert card["actions"][0]["url"] == "https://muster.example/jobs/w49"


def test_slack_gets_a_message_in_which_nothing_is_markup_of_a_name() -> None:
    message = json.loads(slack_body(NOTICE))

    assert "&lt;b&gt;&amp;" in message["blocks"][0]["text"]["text"]
    assert message["blocks"][0]["text"]["text"].startswith("*PC")


def test_a_mail_has_one_subject_line_and_the_notices_own_id() -> None:
    server = MailServer("mail.example", 587, "muster@contoso.example")
    notice = Notice("a/b", Event.FINISHED, "s", "two\r\nBcc: lines", ("text",))

    mail = mail_of(notice, server, ("admin@contoso.example",), timestamp=0.0)

    assert mail["Subject"] == "two Bcc: lines"
    assert mail["Bcc"] is None
    assert mail["Message-ID"] == "<a.b@contoso.example>"
    assert mail["To"] == "admin@contoso.example"
