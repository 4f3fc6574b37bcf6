"""A schedule's recurrence, order and rules as the database keeps them: one JSON text."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any, assert_never

from orchestrator.domain.conditions import read_condition
from orchestrator.domain.inventory import Identifier
from orchestrator.domain.options import assembled, packed, unpacked
from orchestrator.domain.recurrence import Cron, Every, Once, Recurrence
from orchestrator.domain.schedule import Order, Rules
from orchestrator.domain.selection import Selection


def pack_definition(recurrence: Recurrence, order: Order, rules: Rules, channels: tuple[str, ...]) -> str:
    """All that a schedule was made of."""
    return json.dumps(
        {
            "rhythm": _pack_recurrence(recurrence),
            "order": {
                **packed(order),
                "source": None if order.source is None else _pack_source(order.source),
                "ceiling": order.ceiling,
            },
            "rules": packed(rules),
            "channels": list(channels),
        }
    )


def unpack_definition(text: str, list_name: str) -> tuple[Recurrence, Order, Rules, tuple[str, ...]]:
    """Parses the packed form; the inverse of `pack`."""
    complete = json.loads(text)
    order, rules = complete["order"], complete["rules"]
    return (
        _unpack_recurrence(complete["rhythm"]),
        assembled(
            Order,
            unpacked(Order, order),
            list_name=list_name,
            source=_unpack_source(order["source"]) if order.get("source") else None,
            ceiling=order.get("ceiling"),
        ),
        assembled(Rules, unpacked(Rules, rules)),
        tuple(complete["channels"]),
    )


def _pack_source(source: Selection) -> dict[str, Any]:
    return {
        "group": source.group,
        "where": [condition.text for condition in source.conditions],
        "devices": list(source.devices),
        "match": source.match,
        "preferNewest": source.prefer_newest,
        "staleOk": source.is_stale_ok,
    }


def _unpack_source(packed: dict[str, Any]) -> Selection:
    return Selection(
        tuple(packed["devices"]),
        tuple(map(read_condition, packed["where"])),
        group=packed["group"],
        match=Identifier(packed["match"]) if packed["match"] else None,
        prefer_newest=packed["preferNewest"],
        is_stale_ok=packed["staleOk"],
    )


def _pack_recurrence(recurrence: Recurrence) -> dict[str, Any]:
    match recurrence:
        case Cron(expression, timezone):
            return {"cron": expression, "timezone": timezone}
        case Every(interval, beginning, timezone):
            seconds = interval.total_seconds()
            return {"every": seconds, "beginning": beginning.isoformat(), "timezone": timezone}
        case Once(wall, timezone):
            return {"at": wall.isoformat(), "timezone": timezone}
        case _:
            assert_never(recurrence)


def _unpack_recurrence(packed: dict[str, Any]) -> Recurrence:
    timezone = packed["timezone"]
    if "cron" in packed:
        return Cron(packed["cron"], timezone)
    if "every" in packed:
        beginning = datetime.fromisoformat(packed["beginning"])
        return Every(timedelta(seconds=packed["every"]), beginning, timezone)
    return Once(datetime.fromisoformat(packed["at"]), timezone)
