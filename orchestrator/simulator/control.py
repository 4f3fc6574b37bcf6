"""`/_simulator/…`: the ledger and the faults over HTTP, for tests that drive a simulator in another process."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from orchestrator.simulator.authorizing import Visitor
from orchestrator.simulator.exchange import Caller, read_body, respond, respond_json
from orchestrator.simulator.fault_injector import FaultInjector
from orchestrator.simulator.summary import csv_of, row_of, summary_of
from orchestrator.simulator.throttling import Quota, parse_limit

if TYPE_CHECKING:
    from orchestrator.simulator.app import SimulatedGraph

_MOST_ROWS = 10_000
FAULTS = frozenset(name for name in vars(FaultInjector) if not name.startswith("_") and name != "behave")


class Control:
    """Every client of the port may use it: a simulator has nothing to guard."""

    def __init__(self, graph: SimulatedGraph) -> None:
        self._graph = graph

    async def answer(self, below: str, caller: Caller) -> None:
        """Answer one request; what cannot be understood is 400 with the reason."""
        query = dict(parse_qsl(caller.scope["query_string"].decode("latin-1")))
        body = await read_body(caller)
        try:
            if caller.scope["method"] == "GET":
                await self._show(below, query, caller)
            else:
                self._change(caller.scope["method"], below, body)
                await respond(caller, 204, [], b"")
        except LookupError as unknown:
            await respond_json(caller, 404, {"error": str(unknown)})
        except (ValueError, TypeError) as problem:
            await respond_json(caller, 400, {"error": str(problem)})

    async def _show(self, what: str, query: dict[str, str], caller: Caller) -> None:
        match what:
            case "ledger" if query.get("format") == "csv":
                await respond(caller, 200, [(b"content-type", b"text/csv; charset=utf-8")], csv_of(self._rows(query)))
            case "ledger":
                await respond_json(caller, 200, {"total": len(self._graph.tenant.calls), "calls": self._rows(query)})
            case "devices":
                await respond_json(caller, 200, self._graph.tenant.effects)
            case "directory":
                held = self._graph.directory
                devices, groups = [*held.devices.values()], [*held.groups]
                await respond_json(caller, 200, {"devices": devices, "groups": groups})
            case "reads":
                await respond_json(caller, 200, {"requests": self._graph.reads.requests})
            case "summary":
                seconds = float(query["seconds"]) if "seconds" in query else None
                await respond_json(caller, 200, summary_of(self._graph, seconds=seconds))
            case _:
                raise LookupError(f"there is nothing called {what!r} to show")

    def _change(self, method: str, what: str, body: bytes) -> None:
        match method, what:
            case "DELETE", "faults":
                self._graph.behave()
            case "POST", "reset":
                self._graph.reset()
            case "POST", "faults":
                asked = json.loads(body)
                for each in asked if isinstance(asked, list) else [asked]:
                    self._misbehave(dict(each))
            case "POST", "quota":
                self._graph.limit_writes(_quota(json.loads(body), self._graph.throttle.quota))
            case "POST", "latency":
                asked = dict(json.loads(body))
                self._graph.answer_within(float(asked.get("low", 0)), float(asked.get("high", 0)))
            case "POST", "directory":
                self._graph.directory.fill(dict(json.loads(body)))
            case "POST", "exports":
                asked = dict(json.loads(body))
                self._graph.reads.exports.hanging = int(asked.get("hanging", 0))
                self._graph.reads.exports.failing = int(asked.get("failing", 0))
            case "POST", "entra":
                self._change_entra(dict(json.loads(body)))
            case _:
                raise LookupError(f"there is nothing called {what!r} to change by {method}")

    def _rows(self, query: dict[str, str]) -> list[dict[str, object]]:
        offset, limit = int(query.get("offset", 0)), min(int(query.get("limit", 1_000)), _MOST_ROWS)
        calls = self._graph.tenant.calls
        if "device" in query:
            calls = self._graph.tenant.calls_for(query["device"])
        return [row_of(call) for call in calls[offset : offset + limit]]

    def _misbehave(self, asked: dict[str, Any]) -> None:
        """`{"fault": "lose_reply", "devices": [...], "times": 1}` calls the method of that name."""
        name = asked.pop("fault", None)
        if name not in FAULTS:
            raise ValueError(f"no fault is called {name!r}; there are {', '.join(sorted(FAULTS))}")
        getattr(self._graph, name)(**asked)

    def _change_entra(self, asked: dict[str, Any]) -> None:
        entra = self._graph.entra
        if "lifetime" in asked:
            entra.mint.lifetime = int(asked["lifetime"])
        if "pollsBeforeApproval" in asked:
            entra.grants.polls_before_approval = int(asked["pollsBeforeApproval"])
        if "identityHeader" in asked:
            entra.identity_header = str(asked["identityHeader"])
        if "visitor" in asked:
            who = dict(asked["visitor"])
            entra.visitor = Visitor(
                str(who.get("name", Visitor().name)),
                tuple(map(str, who.get("roles", ()))),
                declines=bool(who.get("declines")),
                typed_ago=float(who.get("typedAgo", 0)),
                types_no_password=bool(who.get("typesNoPassword")),
                disabled=bool(who.get("disabled")),
            )


def _quota(asked: dict[str, Any], current: Quota | None) -> Quota | None:
    """`{"limit": "400/4s"}` and any other field of Quota; what is left out stays as it is."""
    changes = dict(asked)
    if "limit" in changes:
        limit = parse_limit(str(changes.pop("limit")))
        if limit is None:
            return None
        changes["limit"], changes["seconds"] = limit
    return replace(current or Quota(), **changes)
