"""The simulator over real sockets: inside a loop, in a thread, and as a process that is stopped."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from orchestrator.simulator.app import SimulatedGraph
from orchestrator.simulator.serving import serve, serve_in_thread
from tests.support.stalls import Stalls
from tests.support.waiting import PATIENCE

DEVICE = "00000000-0000-4000-8000-00000000000a"
PATH = f"/beta/deviceManagement/managedDevices/{DEVICE}/triggerConfigurationManagerAction"
CALL: dict[str, Any] = {
    "json": {"configurationManagerAction": {"action": "refreshUserPolicy"}},
    "headers": {"authorization": "Bearer opaque"},
}


@contextmanager
def a_process(*options: str) -> Iterator[tuple[subprocess.Popen[str], dict[str, Any]]]:
    command = [sys.executable, "-m", "orchestrator.simulator", "--port", "0", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process, json.loads(process.stdout.readline())
        finally:
            process.kill()


async def test_it_serves_inside_a_running_loop() -> None:
    graph = SimulatedGraph(None)

    async with serve(graph) as url, httpx.AsyncClient(base_url=url, trust_env=False, timeout=PATIENCE) as client:
        answers = await asyncio.gather(*(client.post(PATH, **CALL) for _ in range(20)))

    assert {answer.status_code for answer in answers} == {204}
    assert graph.tenant.effects == {DEVICE: 20}
    assert all(call.delivered for call in graph.tenant.calls)


@pytest.mark.parametrize(
    ("script", "effects"),
    [(lambda graph: graph.lose_reply(), {DEVICE: 2}), (lambda graph: graph.close_connection(), {DEVICE: 1})],
    ids=["lost", "closed"],
)
async def test_a_cut_connection_is_a_transport_error_and_the_next_call_passes(
    script: Callable[[SimulatedGraph], None], effects: dict[str, int]
) -> None:
    graph = SimulatedGraph(None)
    script(graph)

    async with serve(graph) as url, httpx.AsyncClient(base_url=url, trust_env=False, timeout=PATIENCE) as client:
        with pytest.raises(httpx.TransportError):
            await client.post(PATH, **CALL)
        answer = await client.post(PATH, **CALL)

    assert answer.status_code == 204
    assert graph.tenant.effects == effects
    assert [call.delivered for call in graph.tenant.calls] == [False, True]


async def test_a_hanging_call_is_undelivered_once_its_caller_gave_up() -> None:
    graph = SimulatedGraph(None)
    graph.hang(DEVICE, seconds=60)

    async with serve(graph) as url:
        async with (
            httpx.AsyncClient(base_url=url, trust_env=False, timeout=PATIENCE) as client,
            asyncio.timeout(PATIENCE),
        ):
            calling = asyncio.create_task(client.post(PATH, **CALL))
            while graph.tenant.total == 0:  # noqa: ASYNC110 - a ledger has no event to wait for
                await asyncio.sleep(0.01)
            calling.cancel()
            await asyncio.wait([calling])
        async with asyncio.timeout(PATIENCE):
            while graph.tenant.undelivered == 0:  # noqa: ASYNC110 - a ledger has no event to wait for
                await asyncio.sleep(0.01)

    (call,) = graph.tenant.calls
    assert (call.effect, call.delivered) == (True, False)


async def test_large_and_strange_replies_arrive_over_a_socket() -> None:
    graph = SimulatedGraph(None)
    graph.answer_huge(times=1)
    graph.answer_rubbish(times=1)

    async with serve(graph) as url, httpx.AsyncClient(base_url=url, trust_env=False, timeout=PATIENCE) as client:
        large = await client.post(PATH, **CALL)
        strange = await client.post(PATH, **CALL)

    assert len(large.content) > 10 * 1024 * 1024
    assert (strange.status_code, strange.headers["date"]) == (503, "yesterday")


async def test_an_answer_with_a_body_does_not_wait_for_an_acknowledgement(stalls: Stalls) -> None:
    graph = SimulatedGraph(None)
    graph.refuse(DEVICE, status=404)

    async with serve(graph) as url, httpx.AsyncClient(base_url=url, trust_env=False, timeout=PATIENCE) as client:
        await client.post(PATH, **CALL)
        # 40 ms each, 0.8 s in all, if the kernel held the body back.
        with stalls.within(0.6):
            for _ in range(20):
                await client.post(PATH, **CALL)


def test_it_serves_from_a_thread_for_callers_that_block() -> None:
    graph = SimulatedGraph(None)

    with serve_in_thread(graph) as url:
        status = httpx.post(url + PATH, trust_env=False, timeout=PATIENCE, **CALL).status_code

    assert status == 204
    assert graph.tenant.total == 1


def test_a_process_says_where_it_is() -> None:
    with a_process("--write-limit", "1/60s", "--window", "sliding", "--retry-after", "none") as (_, said):
        answers = [httpx.post(said["url"] + PATH, trust_env=False, timeout=PATIENCE, **CALL) for _ in range(2)]
        summary = httpx.get(said["url"] + "/_simulator/summary", trust_env=False, timeout=PATIENCE).json()

    assert said["url"].endswith(f":{said['port']}")
    assert [answer.status_code for answer in answers] == [204, 429]
    assert "retry-after" not in answers[1].headers
    assert summary["byStatus"] == {"204": 1, "429": 1}


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signal that one process sends another to stop it")
@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_a_process_ends_cleanly_even_with_calls_in_the_air(stop: signal.Signals, tmp_path: Path) -> None:
    devices = tmp_path / "devices.txt"
    devices.write_text(f"{DEVICE}\n")

    with a_process("--devices", str(devices), "--hang", "100") as (process, said):
        with pytest.raises(httpx.ReadTimeout):
            httpx.post(said["url"] + PATH, trust_env=False, timeout=httpx.Timeout(PATIENCE, read=0.5), **CALL)
        process.send_signal(stop)
        code = process.wait(timeout=PATIENCE)

    assert code == 0


def test_a_port_that_is_taken_is_said_in_one_sentence() -> None:
    with a_process() as (_, said):
        second = subprocess.run(
            [sys.executable, "-m", "orchestrator.simulator", "--port", str(said["port"])],
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE,
        )

    assert second.returncode == 4
    assert second.stderr.startswith(f"cannot listen on 127.0.0.1:{said['port']}")
    assert second.stderr.count("\n") == 1
