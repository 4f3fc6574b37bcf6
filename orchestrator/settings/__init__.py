"""One frozen tree of typed settings, read once: environment over file over default."""

from __future__ import annotations

from orchestrator.settings.load import load_settings, settings_of_this_process
from orchestrator.settings.tree import Settings, Shown, TenantSettings

__all__ = ["Settings", "Shown", "TenantSettings", "load_settings", "settings_of_this_process"]
