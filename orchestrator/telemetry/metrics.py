"""The list of every metric. Labels come from enums, settings and routes, never from ids: the series can be counted."""

from __future__ import annotations

from collections import Counter as Counted
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest, start_http_server

from orchestrator.domain.target import TargetStatus

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_FAST = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_SLOW = (0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60)


class Metrics:
    """The counters of one process, and gauges that are read from the database at each scrape."""

    def __init__(self) -> None:
        own = self.registry = CollectorRegistry()
        self.settled = Counter(
            "muster_targets_settled", "Targets that got a final status here.", ["status"], registry=own
        )
        self.deferred = Counter("muster_targets_deferred", "Attempts after which a target waits again.", registry=own)
        self.late = Counter(
            "muster_late_answers", "Calls that took longer than the throttle's proof assumes.", registry=own
        )
        self.recovered = Counter("muster_leases_recovered", "Batches taken up from a silent worker.", registry=own)
        self.graph = Histogram(
            "muster_graph_seconds", "Time until Graph answered a call.", ["outcome"], buckets=_SLOW, registry=own
        )
        self.http = Histogram(
            "muster_http_seconds",
            "Time until a request was answered; what is streamed is counted when its answer begins.",
            ["method", "route", "status"],
            buckets=_FAST,
            registry=own,
        )
        self.jobs = Gauge("muster_jobs", "Jobs that stand so.", ["status"], registry=own)
        self.targets = Gauge("muster_open_targets", "Targets of jobs that are not finished.", ["status"], registry=own)
        self.queue_age = Gauge(
            "muster_queue_age_seconds", "How long the oldest work that is due has been due.", registry=own
        )
        self.emergency_stops = Gauge(
            "muster_emergency_stop", "Whether an emergency stop is in force, by tenant.", ["tenant"], registry=own
        )
        self.attention_items = Gauge(
            "muster_attention_items", "Things that need a person (`muster status`).", ["kind"], registry=own
        )
        self.inventory_age = Gauge(
            "muster_inventory_age_seconds", "Age of a tenant's inventory of devices.", ["tenant"], registry=own
        )
        self.inventory_max_age = Gauge(
            "muster_inventory_max_age_seconds", "Age up to which names are matched by an inventory.", registry=own
        )
        self.workers = Gauge("muster_workers", "Processes heard of in the last seconds.", ["kind"], registry=own)
        self.lane_limit = Gauge(
            "muster_lane_limit_per_second", "Calls a second that a tenant's lane allows.", ["tenant"], registry=own
        )
        self.lane_rate = Gauge(
            "muster_lane_rate_per_second", "Calls a second in a tenant's lane of late.", ["tenant"], registry=own
        )
        self.lane_share = Gauge(
            "muster_lane_learned_share",
            "The share of its limit that a tenant's lane uses now.",
            ["tenant"],
            registry=own,
        )
        self.lane_closed = Gauge(
            "muster_lane_closed_seconds", "For how long a tenant's lane is still closed.", ["tenant"], registry=own
        )
        self.up = Gauge("muster_ready", "Whether a thing that is needed can be reached.", ["check"], registry=own)

    def count_written(self, statuses: Iterable[TargetStatus]) -> None:
        """Counts the recorded statuses of targets."""
        for status, count in Counted(statuses).items():
            if status.is_final:
                self.settled.labels(status.value).inc(count)
            else:
                self.deferred.inc(count)

    def replace(self, gauge: Gauge, values: Mapping[str, float]) -> None:
        """Give a gauge these values, by label, and no others."""
        gauge.clear()
        for label, value in values.items():
            gauge.labels(label).set(value)

    @contextmanager
    def shown_at(self, host: str, port: int) -> Iterator[None]:
        """While this lasts Prometheus can read them there: for processes that serve nothing else."""
        server, thread = start_http_server(port, host, self.registry)
        try:
            yield
        finally:
            server.shutdown()
            server.server_close()
            thread.join(timeout=5)

    def text(self) -> bytes:
        """Everything, as Prometheus reads it."""
        return generate_latest(self.registry)
