"""How fast a tenant is read, and what a refresh takes from a job that runs."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from pathlib import Path
from typing import NamedTuple
from urllib.request import Request, urlopen

import httpx

from benchmarks import device_lists, parts
from benchmarks.figures import Figure, Section
from benchmarks.inventory import TENANT
from orchestrator.bootstrap import open_app
from orchestrator.domain.access import Actor
from orchestrator.domain.selection import Selection
from orchestrator.intake.managed_device import SELECTED, SELECTED_IN_BETA
from orchestrator.inventory.reading import Route
from orchestrator.inventory.refresh_inventory import refresh_inventory
from orchestrator.inventory.select_devices import selected
from orchestrator.settings import load_settings
from orchestrator.simulator.directory import Directory

DEVICES = 50_000
MEMBERS = 20_000
CALLED = 300
PAGE = 1_000
SECONDS_OF_A_PAGE = 0.1
"""Less than Graph takes for a page of 1,000 devices; the simulator by itself answers in 0.04 s."""
GROUP = "00000000-0000-4000-8000-000000000001"


def measure(folder: Path, _rounds: int) -> Section:
    """A simulated Graph of so many devices, read by the command; the job runs in a process of its own."""
    file = device_lists.narrow(folder / "called.csv", CALLED)
    with parts.simulator("--fleet", str(DEVICES)) as graph:
        # Compiled before, as where somebody uses Muster: without it the command would compile its modules first.
        compiled = {"PYTHONPYCACHEPREFIX": str(folder / "bytecode"), "PYTHONDONTWRITEBYTECODE": ""}
        given = {**parts.embedded(folder, "reading.db"), **TENANT, **compiled, "MUSTER_GRAPH_URL": graph}
        _refresh(given, folder)
        at_once = _beside(graph, given)
        _answer_within(graph, SECONDS_OF_A_PAGE)
        in_time = _beside(graph, given)
        _answer_within(graph, 0)
        begun = time.perf_counter()
        _refresh(given, folder)
        alone = time.perf_counter() - begun
        parts.job(given, file)
        undisturbed = _pace_of_last_job(graph)
        refreshes = _job_beside_refreshes(given, file, folder)
        disturbed = _pace_of_last_job(graph)
        asked, expanded = _expansion(given, graph)
    pages = 2 * DEVICES / PAGE
    return Section(
        "Reading",
        f"SQLite and the simulator; {DEVICES:,} devices in pages of {PAGE:,}, listed twice by a refresh and by a loop\n"
        "that does nothing else, before and after; a listing takes from its first question to its last row stored.\n"
        "A job of "
        f"{CALLED} devices at 200/20s, its pace from its first call to its last as the simulator saw them; a group of\n"
        f"{MEMBERS:,} devices.",
        (
            Figure(_BARE, pages / at_once.bare, "pages/s"),
            Figure(f"{DEVICES:,} devices listed and stored by a refresh", pages / at_once.listing, "pages/s", _BARE),
            Figure(_BARE_IN_TIME, pages / in_time.bare, "pages/s"),
            Figure("the same listed and stored", pages / in_time.listing, "pages/s", _BARE_IN_TIME),
            Figure("the whole command `muster inventory refresh`", alone, "s"),
            Figure(_ALONE, undisturbed, "devices/s"),
            Figure(f"the same job while {refreshes} refreshes run", disturbed, "devices/s", _ALONE),
            Figure(f"group of {MEMBERS:,}: reads", asked, "reads"),
            Figure(f"group of {MEMBERS:,}: expanded", expanded, "s"),
        ),
    )


class _Pair(NamedTuple):
    """Seconds of the listing of a refresh, and the mean of a bare loop before and after it."""

    bare: float
    listing: float


def _beside(graph: str, given: parts.Environment) -> _Pair:
    before, listing, after = _bare(graph), _listing(given), _bare(graph)
    return _Pair((before + after) / 2, listing)


def _answer_within(graph: str, seconds: float) -> None:
    asked = json.dumps({"low": seconds, "high": seconds}).encode()
    urlopen(Request(f"{graph}/_simulator/latency", asked), timeout=60).close()  # noqa: S310 - our own, on this machine


def _bare(graph: str) -> float:
    """Seconds of a loop that follows the links of the same pages one after the other, twice, and does nothing else."""
    begun = time.perf_counter()
    with httpx.Client(headers={"Authorization": "Bearer simulated"}, timeout=60) as client:
        for _ in range(2):
            url = f"{graph}/beta/deviceManagement/managedDevices?$top={PAGE}&$select={_SELECT}"
            while url:
                url = client.get(url).raise_for_status().json().get("@odata.nextLink")
    return time.perf_counter() - begun


def _listing(given: parts.Environment) -> float:
    """Seconds of the two listings of a refresh, which other steps come before and after."""
    times: list[float] = []

    async def refresh() -> None:
        async with open_app(load_settings(given), kind="ask") as app:
            by = Actor("benchmark", "benchmark")
            said = lambda _: times.append(time.perf_counter())  # noqa: E731 - the time of each step
            await refresh_inventory(app, "default", by=by, route=Route.LIST, say=said)

    asyncio.run(refresh())
    # "Signing in", "Listing", "Listing them again", "Reading the devices that ConfigMgr alone manages".
    return times[3] - times[1]


def _refresh(given: parts.Environment, folder: Path) -> None:
    parts.muster(given, "inventory", "refresh", "--source", "list", cwd=folder)


def _pace_of_last_job(graph: str) -> float:
    """Devices a second from the first call to the last: starting a command takes longer beside others."""
    total = parts.ask_simulator(graph, "ledger?limit=0")["total"]
    calls = parts.ask_simulator(graph, f"ledger?offset={total - CALLED}&limit={CALLED}")["calls"]
    arrivals: list[float] = [call["arrived"] for call in calls]
    return (CALLED - 1) / (max(arrivals) - min(arrivals))


def _job_beside_refreshes(given: parts.Environment, file: Path, folder: Path) -> int:
    """Run the job while refreshes run one after the other; how many of them ended."""
    over, count = threading.Event(), 0

    def refresh() -> None:
        nonlocal count
        while not over.is_set():
            _refresh(given, folder)
            count += 1

    refreshing = threading.Thread(target=refresh)
    refreshing.start()
    try:
        parts.job(given, file)
    finally:
        over.set()
        refreshing.join()
    return count


def _expansion(given: parts.Environment, graph: str) -> tuple[int, float]:
    """The reads that a group takes, and the seconds."""
    fleet = Directory()
    fleet.add_fleet(DEVICES)
    members = [
        {"kind": "device", "id": f"object of {each['id']}", "deviceId": each["azureADDeviceId"]}
        for each in [*fleet.devices.values()][:MEMBERS]
    ]
    group = {"groups": [{"id": GROUP, "name": "Benchmark", "members": members}]}
    urlopen(Request(f"{graph}/_simulator/directory", json.dumps(group).encode()), timeout=60).close()  # noqa: S310 - our own, on this machine
    before = parts.ask_simulator(graph, "reads")["requests"]

    async def expand() -> float:
        async with open_app(load_settings(given), kind="ask") as app:
            begun = time.perf_counter()
            async with selected(app, "default", Selection(group=GROUP)):
                return time.perf_counter() - begun

    seconds = asyncio.run(expand())
    return parts.ask_simulator(graph, "reads")["requests"] - before, seconds


_SELECT = ",".join((*SELECTED, SELECTED_IN_BETA))
_BARE = "the same pages read by a bare loop that stores nothing"
_BARE_IN_TIME = f"the bare loop where each page takes {SECONDS_OF_A_PAGE} s longer"
_ALONE = "a job at its limit, alone"
