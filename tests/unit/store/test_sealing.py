from __future__ import annotations

from orchestrator.store.engine.sealing import seal, unseal


def test_sealed_text_is_read_with_its_own_secret_only() -> None:
    sealed = seal("refresh-token", "secret of a browser")

    assert "refresh-token" not in sealed
    assert unseal(sealed, "secret of a browser") == "refresh-token"
    assert unseal(sealed, "another secret") is None
    assert unseal("no such thing", "secret of a browser") is None
