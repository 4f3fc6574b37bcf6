"""A notice as each kind of channel wants it; pure."""

from __future__ import annotations

import json
from typing import Any

from orchestrator.domain.notice import Notice
from orchestrator.domain.notice_kinds import Event

_COLOURS = {
    Event.FINISHED: "Good",
    Event.FAILURES: "Warning",
    Event.STOPPED: "Attention",
    Event.MISSED: "Attention",
    Event.SET_ASIDE: "Attention",
    Event.TEST: "Accent",
}


def webhook_body(notice: Notice) -> bytes:
    """Facts for programs, and the text for people."""
    return _json({"id": notice.key, "event": notice.event, "text": notice.text, **notice.facts})


def teams_body(notice: Notice) -> bytes:
    """An adaptive card in the message that a Teams workflow takes.

    https://learn.microsoft.com/microsoftteams/platform/webhooks-and-connectors/how-to/connectors-using
    """
    blocks = [{"type": "TextBlock", "text": _escaped_markdown(line), "wrap": True} for line in notice.lines]
    link = notice.facts.get("link")
    card: dict[str, Any] = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": [
            {
                "type": "TextBlock",
                "text": _escaped_markdown(notice.title),
                "weight": "Bolder",
                "size": "Medium",
                "wrap": True,
                "color": _COLOURS[notice.event],
            },
            *blocks,
        ],
    }
    if link:
        card["actions"] = [{"type": "Action.OpenUrl", "title": "Open", "url": link}]
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": card}
    return _json({"type": "message", "attachments": [attachment]})


def slack_body(notice: Notice) -> bytes:
    """A message with a bold first line. https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks"""
    link = notice.facts.get("link")
    lines = (f"<{line}>" if line == link else _escaped_slack(line) for line in notice.lines)
    text = "\n".join([f"*{_escaped_slack(notice.title)}*", *lines])
    # Verbatim: a device may be called like a channel or a link, and Slack would make one of it.
    blocks = [{"type": "section", "text": {"type": "mrkdwn", "text": text[:_LONGEST_SLACK], "verbatim": True}}]
    return _json({"text": _escaped_slack(notice.title), "blocks": blocks})


def _escaped_slack(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _escaped_markdown(text: str) -> str:
    # A card's text is a little Markdown; names of ours may hold what it would take for formatting.
    return text.replace("\\", "\\\\").replace("*", "\\*").replace("_", "\\_").replace("[", "\\[")


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


_LONGEST_SLACK = 3000
