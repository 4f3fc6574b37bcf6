"""Sends a notice to a channel, by the way that the channel is set to."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from orchestrator.domain.clock import Clock
from orchestrator.domain.notice import Channel, Delivery, Notice, Undelivered
from orchestrator.domain.notice_kinds import ChannelKind
from orchestrator.notify.bodies import slack_body, teams_body, webhook_body
from orchestrator.notify.email import MailServer, send_mail
from orchestrator.notify.http_post import post
from orchestrator.notify.signing import signed_headers


@dataclass(frozen=True, slots=True)
class Address:
    """Where a channel leads; the URL is a secret too, because knowing it lets one in."""

    url: str | None = field(default=None, repr=False)
    secret: str | None = field(default=None, repr=False)
    recipients: tuple[str, ...] = ()


class Notifier:
    """Knows every channel's address."""

    def __init__(
        self,
        addresses: Mapping[str, Address],
        mail_server: MailServer | None,
        *,
        trust: ssl.SSLContext,
        clock: Clock,
        user_agent: str,
    ) -> None:
        self._addresses, self._mail_server = addresses, mail_server
        self._trust, self._clock, self._user_agent = trust, clock, user_agent

    async def deliver(self, channel: Channel, notice: Notice) -> Delivery:
        """One attempt; a failure is an answer."""
        address = self._addresses[channel.name]
        timestamp = self._clock.now().timestamp()
        if channel.kind is ChannelKind.EMAIL:
            if self._mail_server is None:
                return Undelivered("no mail server is set up")
            return await send_mail(
                notice, self._mail_server, address.recipients, timestamp=timestamp, trust=self._trust
            )
        headers = {"user-agent": self._user_agent}
        judge: Callable[[int, str], str | None]
        match channel.kind:
            case ChannelKind.TEAMS:
                body, judge = teams_body(notice), _judge_teams
            case ChannelKind.SLACK:
                body, judge = slack_body(notice), _judge_slack
            case _:
                body, judge = webhook_body(notice), _judge_nothing
                headers |= signed_headers(address.secret, notice.key, int(timestamp), body)
        return await post(address.url or "", body, headers, trust=self._trust, judge=judge)


def _judge_nothing(_status: int, _text: str) -> str | None:
    return None


def _judge_teams(_status: int, text: str) -> str | None:
    # An old connector answers 200 and says in its text that Teams refused.
    return f"Teams says: {' '.join(text.split())[:200]}" if "failed" in text.casefold() else None


def _judge_slack(_status: int, text: str) -> str | None:
    return None if text.strip() == "ok" else f"Slack says: {' '.join(text.split())[:200]}"
