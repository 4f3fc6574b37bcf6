"""What the simulator saw, beside what we recorded: the comparison at the heart of the fault tests."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from orchestrator.simulator.app import SimulatedGraph
from orchestrator.simulator.tenant import Call


def assert_the_report_is_true(
    rows: Iterable[Mapping[str, str]], graph: SimulatedGraph, *, to_the_call: bool = False
) -> None:
    """Device by device: nothing is claimed that did not happen, and nothing happened that is not told.

    `to_the_call` holds where no process of ours died: then every attempt is a call that arrived.
    """
    lies = lies_in(rows, graph.tenant.calls, to_the_call=to_the_call)
    assert not lies, "\n".join(lies[:10])


def lies_in(rows: Iterable[Mapping[str, str]], ledger: Sequence[Call], *, to_the_call: bool = False) -> list[str]:
    """What the report says and the ledger denies, a line each."""
    calls = Counter(call.device for call in ledger)
    effects = Counter(call.device for call in ledger if call.effect)
    last = {call.device: call for call in ledger}
    names = Counter(call.client_request_id for call in ledger)
    lies = [f"{name} was sent {count} times" for name, count in names.items() if count > 1]
    for row in rows:
        device, status = row["managedDeviceId"], row["status"]
        happened = effects[device]
        told = {
            "an accepted device was reached": status != "accepted" or happened >= 1,
            "one that never left was not": status not in {"waiting", "cancelled"} or happened == 0,
            "a failed one was not": status != "failed" or happened == 0,
            "a repeated one is marked": happened <= 1 or row["maybeRepeated"] == "true" or status == "uncertain",
            "no call is kept back": calls[device] <= int(row["attempts"]),
        }
        if to_the_call:
            named = last[device].client_request_id if device in last else ""
            told["no call is made up"] = calls[device] == int(row["attempts"])
            told["its last call is named"] = row["clientRequestId"] == named
        lies += [f"{device} ({status}): not so that {claim}" for claim, is_so in told.items() if not is_so]
    return lies
