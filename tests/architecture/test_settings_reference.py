from __future__ import annotations

from orchestrator.settings import load_settings
from tests.support.checkout import ROOT


def test_every_setting_is_in_the_reference() -> None:
    reference = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    shown = [setting.name for setting in load_settings({}).shown if setting.name.startswith("MUSTER_")]

    missing = [name for name in shown if f"`{name}`" not in reference]

    assert len(shown) > 15
    assert missing == []
