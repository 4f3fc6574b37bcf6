"""What each message of a naive design does: one POST and one UPDATE, over a connection that its thread keeps."""

from __future__ import annotations

import os
import threading
import uuid

import httpx
import psycopg

GRAPH = "NAIVE_GRAPH_URL"
DATABASE = "NAIVE_DATABASE_URL"
BROKER = "NAIVE_BROKER_URL"

TABLE = "CREATE TABLE naive (device text PRIMARY KEY, status text NOT NULL)"


_own = threading.local()


def call(device: str) -> None:
    """Trigger one device and keep the outcome."""
    if not hasattr(_own, "client"):
        _own.client = httpx.Client(timeout=30)
        _own.connection = psycopg.connect(os.environ[DATABASE], autocommit=True)
    reply = _own.client.post(
        f"{os.environ[GRAPH]}/beta/deviceManagement/managedDevices/{device}/triggerConfigurationManagerAction",
        json={"configurationManagerAction": {"action": "refreshUserPolicy"}},
        headers={"Authorization": "Bearer simulated", "client-request-id": str(uuid.uuid4())},
    )
    status = "accepted" if reply.status_code == 204 else "failed"
    _own.connection.execute("UPDATE naive SET status = %s WHERE device = %s", (status, device))
