"""A simulated Graph with its sign-in, over TLS, and the variables of somebody who signs in there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from orchestrator.simulator.app import SimulatedGraph
from orchestrator.simulator.serving import Tls, serve_in_thread
from tests.support.tls import Authority

TENANT = "aaaaaaaa-0000-4000-8000-000000000001"
APP = "bbbbbbbb-0000-4000-8000-000000000001"


@contextmanager
def served_with_sign_in(graph: SimulatedGraph, authority: Authority) -> Iterator[dict[str, str]]:
    """What to set, apart from how one signs in."""
    with serve_in_thread(graph, tls=Tls(authority.certificate, authority.key)) as base:
        url = base.replace("127.0.0.1", "localhost")
        yield {
            "MUSTER_GRAPH_URL": url,
            "MUSTER_AUTHORITY": url,
            "MUSTER_CA_BUNDLE": str(authority.bundle),
            "MUSTER_TENANT_ID": TENANT,
            "MUSTER_CLIENT_ID": APP,
        }


def tokens_seen(graph: SimulatedGraph) -> list[str]:
    """Every access token that a call carried."""
    return [bearer.token for bearer in graph.gate._read.values()]
