"""A notice as e-mail."""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.utils import formatdate

import aiosmtplib

from orchestrator.domain.notice import Delivered, Delivery, Notice, Undelivered

PATIENCE = 10.0
"""Seconds that each answer of the mail server is waited for."""


@dataclass(frozen=True, slots=True)
class MailServer:
    """The server, and as whom we send; `is_wrapped` means TLS from the first byte, else STARTTLS where it is offered.

    A name and a password are never sent without TLS.
    """

    host: str
    port: int
    sender: str
    is_wrapped: bool = False
    user: str | None = None
    password: str | None = field(default=None, repr=False)


def mail_of(notice: Notice, server: MailServer, recipients: Sequence[str], *, timestamp: float) -> EmailMessage:
    """The message; its id is the notice's, so that mail programs show one that was sent twice once."""
    message = EmailMessage()
    message["Subject"] = " ".join(notice.title.split())
    message["From"] = server.sender
    message["To"] = ", ".join(recipients)
    message["Date"] = formatdate(timestamp)
    domain = server.sender.rpartition("@")[2]
    message["Message-ID"] = f"<{''.join(c if c.isalnum() else '.' for c in notice.key)}@{domain}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content("\n\n".join(notice.lines) + "\n")
    return message


async def send_mail(
    notice: Notice, server: MailServer, recipients: Sequence[str], *, timestamp: float, trust: ssl.SSLContext
) -> Delivery:
    """Whether the server took it for at least one of them."""
    message = mail_of(notice, server, recipients, timestamp=timestamp)
    needs_tls = server.user is not None and not server.is_wrapped
    try:
        refused, _ = await aiosmtplib.send(
            message,
            hostname=server.host,
            port=server.port,
            username=server.user,
            password=server.password,
            use_tls=server.is_wrapped,
            start_tls=True if needs_tls else (False if server.is_wrapped else None),
            tls_context=trust,
            timeout=PATIENCE,
        )
    except aiosmtplib.SMTPAuthenticationError as problem:
        return Undelivered(f"the mail server refused our name or password: {problem.code} {_words(problem.message)}")
    except aiosmtplib.SMTPRecipientsRefused as problem:
        return Undelivered(f"the mail server refused every recipient: {_words(str(problem))}", may_work_later=False)
    except (aiosmtplib.SMTPException, OSError, TimeoutError, ValueError) as problem:
        return Undelivered(f"the mail server did not take it: {_words(str(problem)) or type(problem).__name__}")
    if refused:
        return Undelivered(f"refused for {', '.join(refused)}; the others have it", may_work_later=False)
    return Delivered()


def _words(text: str) -> str:
    return " ".join(text.split())[:200]
