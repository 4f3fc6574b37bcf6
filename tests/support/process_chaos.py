"""Real processes broken at random for as long as one likes; every job of the run is judged like any other."""

from __future__ import annotations

import secrets
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random
from statistics import median
from typing import Any

import redis

from orchestrator.simulator.app import SimulatedGraph
from orchestrator.simulator.throttling import Quota
from tests.support import databases, services
from tests.support.invariants import violations_of
from tests.support.team import PARTS, Team, TeamJob, TeamWorker, a_team, ask

LIMIT = (400, 4.0)
_DEVICES = 2_000
_DEVICES_A_KILL = 250
_WORKERS = 3
_WORKERS_TO_KILL = 4


def break_processes(*, seed: int | None, seconds: float, kills: int = 0) -> int:
    """Jobs one after the other under damage that the seed chooses; which process it meets, time decides.

    With `kills` it is one job, as large as it takes to kill so many workers in it.
    """
    seed = secrets.randbits(31) if seed is None else seed
    with (
        tempfile.TemporaryDirectory(prefix="muster-chaos-") as folder,
        services.kept_and_restarted("postgres") as (server, restart_postgres),
        services.kept_and_restarted("valkey") as (broker_url, restart_valkey),
        databases.postgres_template(server) as template,
        databases.postgres_copy(server, template) as database_url,
    ):
        graph = SimulatedGraph(Quota(*LIMIT, window="sliding"))
        graph.answer_within(0.02, 0.3)
        with a_team(Path(folder), graph, database_url=database_url, broker_url=broker_url, limit="400/4s") as team:
            damage = Damage(team, Random(seed), broker_url, restart_postgres, restart_valkey)
            with team.watching():
                if kills:
                    damage.kill_in_one_job(kills)
                else:
                    damage.go_on_for(seconds)
            sys.stdout.write(f"\nseed {seed}: {damage.summary()}\n")
            broken = violations_of(team.evidence(limit=LIMIT))
        sys.stdout.write("".join(f"  {line}\n" for line in broken[:20]))
    return 1 if broken else 0


class Damage:
    """What is done to a team, and what it costs."""

    def __init__(
        self,
        team: Team,
        chance: Random,
        broker_url: str,
        restart_postgres: Callable[[], None],
        restart_valkey: Callable[[], None],
    ) -> None:
        self._team, self._chance, self._broker_url = team, chance, broker_url
        self._restart_postgres, self._restart_valkey = restart_postgres, restart_valkey
        self._faults: Counter[str] = Counter()
        self._job: TeamJob | None = None

    def go_on_for(self, seconds: float) -> None:
        """Break something every few seconds, see that three workers live, and that there is work."""
        until = time.monotonic() + seconds
        breakages = (*self._breakages(), *[self._kill] * 6, *[self._freeze] * 2)
        while time.monotonic() < until:
            self._see_to_workers(_WORKERS)
            self._see_to_work()
            self._chance.choice(breakages)()
            time.sleep(self._chance.uniform(0.5, 2.5))
        self._mend()

    def kill_in_one_job(self, kills: int) -> None:
        """Kill a worker every second or two while one job runs, and break other things between."""
        self._see_to_workers(_WORKERS_TO_KILL)
        self._job = self._team.submit(kills * _DEVICES_A_KILL, "--brake-share", "100")
        breakages = (*self._breakages(), *[self._kill] * 16)
        while self._faults["killed"] < kills:
            self._see_to_workers(_WORKERS_TO_KILL)
            self._chance.choice(breakages)()
            time.sleep(self._chance.uniform(0.5, 2.0))
        assert not self._is_at_rest(self._job), f"the job had ended before {kills} workers were killed in it"
        self._mend()

    def _breakages(self) -> tuple[Callable[[], None], ...]:
        return *[self._cut] * 2, self._flush, self._restart_a_service, *[self._trouble_graph] * 2

    def _see_to_workers(self, count: int) -> None:
        ways = (PARTS, ())
        while sum(worker.lives for worker in self._team.workers) < count:
            through = ways[len(self._team.workers) % 2]
            self._team.worker(through=through, clock=self._chance.choice([0.0, 600.0, -600.0]))

    def summary(self) -> str:
        """What was broken, and what came of it."""
        devices: Counter[str] = Counter()
        marked = 0
        for job in self._team.jobs:
            rows = self._team.rows(job)
            devices.update(row["status"] for row in rows)
            marked += sum(row["maybeRepeated"] == "true" for row in rows)
        took = sorted(self._team.recoveries) or [0.0]
        listed = ", ".join(f"{count} {name}" for name, count in self._faults.most_common())
        counted = ", ".join(f"{count:,} {name}" for name, count in devices.most_common())
        return (
            f"{self._faults.total()} faults injected ({listed}), {self._team.graph.tenant.total:,} calls\n"
            f"devices: {counted}, {marked:,} marked, {len(self._team.graph.tenant.repeated()):,} reached twice\n"
            f"work of the {len(took)} killed taken up after {median(took):.1f} s (median), {took[-1]:.1f} s (worst)"
        )

    def _someone(self) -> TeamWorker:
        return self._chance.choice([worker for worker in self._team.workers if worker.lives])

    def _see_to_work(self) -> None:
        if self._job is None or self._is_at_rest(self._job):
            seed = len(self._team.jobs) + 1
            action = self._chance.choice(["refreshUserPolicy", "refreshUserPolicy", "fullScan"])
            self._job = self._team.submit(_DEVICES, "--brake-share", "100", action=action, seed=seed)

    def _is_at_rest(self, job: TeamJob) -> bool:
        # Asked of the database itself: a command of its own each time would take more of the machine than the workers.
        status = ask(self._team.database_url, "SELECT status FROM jobs WHERE id = $1", job.id)
        return status not in {"queued", "running"}

    def _kill(self) -> None:
        worker = self._someone()
        worker.kill()
        self._faults["killed"] += 1

    def _freeze(self) -> None:
        worker = self._someone()
        worker.freeze()
        self._faults["frozen"] += 1
        time.sleep(self._chance.choice([0.5, 3.0, 12.0]))
        worker.thaw()

    def _cut(self) -> None:
        ways = [self._team.way_to_graph, *(way for worker in self._team.workers for way in worker.ways.values())]
        way = self._chance.choice(ways)
        harm = self._chance.choice([way.cut, way.freeze, way.reset])
        harm()
        self._faults["connections broken"] += 1
        time.sleep(self._chance.choice([0.5, 3.0]))
        way.mend()

    def _flush(self) -> None:
        with redis.Redis.from_url(self._broker_url) as client:
            client.flushall()
        self._faults["FLUSHALL"] += 1

    def _restart_a_service(self) -> None:
        service = self._chance.choice(["PostgreSQL", "Redis"])
        (self._restart_postgres if service == "PostgreSQL" else self._restart_valkey)()
        self._faults[f"{service} restarted"] += 1

    def _trouble_graph(self) -> None:
        graph = self._team.graph
        some: dict[str, Any] = {"share": self._chance.choice([0.05, 0.3]), "until": time.monotonic() + 3.0}
        troubles: dict[str, Callable[[], None]] = {
            "replies lost": lambda: graph.lose_reply(None, **some),
            "connections closed by Graph": lambda: graph.close_connection(None, **some),
            "429 storm": lambda: graph.refuse(None, 429, retry_after="1", **some),
            "503 outage": lambda: graph.outage(seconds=6.0),
            "HTML": lambda: graph.answer_html(None, **some),
            "slow answers": lambda: graph.slow_down(None, low=0.5, high=4.0, **some),
        }
        name = self._chance.choice(list(troubles))
        troubles[name]()
        self._faults[name] += 1

    def _mend(self) -> None:
        self._team.graph.behave()
        self._team.worker()
        for job in self._team.jobs:
            while self._team.finish(job, patience=3600)["status"] in {"stopped", "paused"}:
                self._team.muster.run("job", "resume", job.id, "-o", "json")
