"""What is deployed beside the product speaks of figures that there are."""

from __future__ import annotations

import json
import re

from orchestrator.telemetry.metrics import Metrics
from tests.support.checkout import ROOT

DEPLOY = ROOT / "deploy"


def test_alerts_and_panels_name_only_figures_that_there_are() -> None:
    known = {sample for family in Metrics().registry.collect() for sample in _names(family.name, family.type)}
    panels = json.loads((DEPLOY / "grafana" / "muster.json").read_text(encoding="utf-8"))["panels"]
    asked = [target["expr"] for panel in panels for target in panel["targets"]]
    asked.append((DEPLOY / "alerts.yml").read_text(encoding="utf-8"))

    named = {name for text in asked for name in re.findall(r"\bmuster_\w+", text)}

    assert len(named) > 10
    assert named - known == set()


def test_redis_asks_for_a_password_and_who_watches_reaches_neither_it_nor_the_database() -> None:
    compose = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    services = dict(re.findall(r"^  (\w+):\n((?:    .*\n|\n)+)", compose, re.MULTILINE))
    operations = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")

    assert "requirepass $$(cat /run/secrets/broker_password)" in services["redis"]
    assert "MUSTER_BROKER_URL_FILE: /run/secrets/broker_url" in compose
    for name in ("postgres", "redis"):
        assert "networks: [inside]\n" in services[name]
    for name in ("prometheus", "grafana"):
        assert "inside" not in services[name]
    # Compose refuses to start where one of them is missing: the instructions make each.
    needed = set(re.findall(r"file: \./secrets/(\w+)$", compose, re.MULTILINE))
    assert needed == set(re.findall(r"> secrets/(\w+)$", operations, re.MULTILINE))


def _names(name: str, kind: str) -> set[str]:
    match kind:
        case "counter":
            return {f"{name}_total"}
        case "histogram":
            return {f"{name}_bucket", f"{name}_count", f"{name}_sum"}
    return {name}


def test_what_the_example_of_the_environment_sets_reaches_the_containers() -> None:
    example = (ROOT / ".env.example").read_text(encoding="utf-8")
    compose = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")

    offered = set(re.findall(r"^#?(\w+)=", example, re.MULTILINE))
    taken = set(re.findall(r"\$\{(\w+)", compose))

    assert {"MUSTER_CONFIRM_ABOVE", "MUSTER_MAX_ROWS", "MUSTER_MAX_BYTES"} <= offered
    assert offered <= taken


NOT_IN_COMPOSE = {
    # Secrets come as files, and an override sets another way to sign in (docs/operations.md).
    *("MUSTER_DATABASE_URL", "MUSTER_BROKER_URL", "MUSTER_CLIENT_SECRET"),
    *("MUSTER_CLIENT_CERTIFICATE", "MUSTER_CLIENT_CERTIFICATE_PASSWORD", "MUSTER_ACCESS_TOKEN"),
    *("MUSTER_MANAGED_IDENTITY", "MUSTER_DEVICE_CODE"),
    # Files that an override mounts, and what the settings file holds.
    *("MUSTER_CA_BUNDLE", "MUSTER_CONFIG", "MUSTER_DEFAULT_TENANT"),
    # Addresses of a cloud that MUSTER_CLOUD does not know.
    *("MUSTER_GRAPH_URL", "MUSTER_AUTHORITY"),
}


def test_every_setting_reaches_the_containers_or_an_override_brings_it() -> None:
    compose = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    documented = set(
        re.findall(r"`(MUSTER_[A-Z_]+[A-Z])`", (ROOT / "docs" / "settings.md").read_text(encoding="utf-8"))
    )

    taken = set(re.findall(r"^    (MUSTER_[A-Z_]+):", compose, re.MULTILINE))

    assert documented - taken == NOT_IN_COMPOSE
