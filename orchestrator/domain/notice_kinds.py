"""The events that people can be notified of, and the kinds of channels; settings name both."""

from __future__ import annotations

from enum import StrEnum


class Event(StrEnum):
    """The events that a notice can be about."""

    FINISHED = "finished"
    FAILURES = "failures"
    STOPPED = "stopped"
    MISSED = "missed"
    SET_ASIDE = "set-aside"
    EMERGENCY_STOP = "emergency-stop"
    NO_WORKER = "no-worker"
    CREDENTIAL = "credential"
    INVENTORY = "inventory"
    TEST = "test"


class ChannelKind(StrEnum):
    """The ways to reach people."""

    WEBHOOK = "webhook"
    TEAMS = "teams"
    SLACK = "slack"
    EMAIL = "email"
