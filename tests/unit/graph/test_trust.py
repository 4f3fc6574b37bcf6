from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from orchestrator.domain.errors import SettingsInvalid
from orchestrator.graph.trust import trust_in
from tests.support.tls import Authority


def test_a_bundle_is_trusted_and_nothing_else(authority: Authority) -> None:
    context = trust_in(authority.bundle)

    assert len(context.get_ca_certs()) == 1
    assert context.check_hostname
    assert context.verify_mode is ssl.CERT_REQUIRED


def test_without_a_bundle_the_system_decides() -> None:
    context = trust_in(None)

    assert type(context).__module__.startswith("truststore")
    assert context.check_hostname
    assert context.verify_mode is ssl.CERT_REQUIRED


@pytest.mark.parametrize("content", [None, "", "no certificate"])
def test_a_bundle_that_cannot_be_read_is_named(tmp_path: Path, content: str | None) -> None:
    bundle = tmp_path / "bundle.pem"
    if content is not None:
        bundle.write_text(content)

    with pytest.raises(SettingsInvalid, match="MUSTER_CA_BUNDLE") as refused:
        trust_in(bundle)

    assert str(bundle) in str(refused.value)
