"""Channels, their tests and the log of notices as they are shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from typing_extensions import TypedDict

from orchestrator.domain.figures import rfc3339
from orchestrator.domain.notice import Channel, NoticeStatus
from orchestrator.domain.notice_kinds import ChannelKind, Event
from orchestrator.views.description import Description

if TYPE_CHECKING:
    from orchestrator.settings.tree import ChannelSettings
    from orchestrator.store.jobs.notices import NoticeFacts
    from orchestrator.usecases.operations.try_channel import Tried


class ChannelFacts(TypedDict):
    """A channel in the settings; its address is a secret and not part of it."""

    channel: str
    kind: ChannelKind
    hears: Annotated[str, Description("The events that it is told of, with commas between them.")]
    of: Annotated[str, Description("The jobs and schedules that it is told of, in words.")]


class ChannelTestFacts(TypedDict):
    """The result of a test message; `problem` is null where the channel took it."""

    channel: str
    kind: ChannelKind
    taken: bool
    problem: str | None


class NoticeLogEntry(TypedDict):
    """One notice to one channel, and its delivery."""

    createdAt: str
    channel: str
    event: Event
    subject: str
    status: NoticeStatus
    attempts: int
    againAt: Annotated[str | None, Description("The time of the next attempt; null where none follows.")]
    problem: str | None
    title: str


def channel_object(channel: Channel | ChannelSettings) -> ChannelFacts:
    """Returns a channel as it is shown."""
    return {
        "channel": channel.name,
        "kind": channel.kind,
        "hears": ", ".join(sorted(channel.events)),
        "of": "every job and schedule" if channel.is_general else "schedules that name it",
    }


def channel_test_object(tried: Tried) -> ChannelTestFacts:
    """Returns the result of a test message as it is shown."""
    return {
        "channel": tried.channel.name,
        "kind": tried.channel.kind,
        "taken": tried.problem is None,
        "problem": tried.problem,
    }


def notice_object(entry: NoticeFacts) -> NoticeLogEntry:
    """Returns an entry of the log of notices as it is shown."""
    return {
        "createdAt": rfc3339(entry.created_at),
        "channel": entry.channel,
        "event": entry.notice.event,
        "subject": entry.notice.subject,
        "status": entry.status,
        "attempts": entry.attempts,
        "againAt": rfc3339(entry.due_at) if entry.status is NoticeStatus.WAITING else None,
        "problem": entry.error,
        "title": entry.notice.title,
    }
