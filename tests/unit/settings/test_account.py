from __future__ import annotations

import os
from types import SimpleNamespace

import pytest

from orchestrator.settings.account import account_at_machine

ON_POSIX = pytest.mark.skipif(os.name == "nt", reason="Windows asks the system in one call")


@ON_POSIX
def test_the_account_is_the_systems_whatever_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    import pwd  # noqa: PLC0415 - Windows has none

    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.setenv(name, "somebody-else")
    monkeypatch.delenv("SUDO_USER", raising=False)

    assert account_at_machine().startswith(f"{pwd.getpwuid(os.getuid()).pw_name}@")


@ON_POSIX
def test_an_account_without_a_name_is_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    import pwd  # noqa: PLC0415 - Windows has none

    def nobody(_: int) -> SimpleNamespace:
        raise KeyError("getpwuid(): uid not found: 12345")

    monkeypatch.setattr(pwd, "getpwuid", nobody)

    assert account_at_machine({}).startswith(f"uid {os.getuid()}@")


def test_who_called_sudo_stands_beside_the_account_and_never_in_its_place() -> None:
    named = account_at_machine({"SUDO_USER": "ada"}, lambda: "root")

    assert named.startswith("root@")
    assert named.endswith(" (sudo by ada)")
    assert account_at_machine({"SUDO_USER": " "}, lambda: "root") == account_at_machine({}, lambda: "root")


def test_a_name_from_the_environment_is_kept_with_symbols_and_short() -> None:
    named = account_at_machine({"SUDO_USER": "a\x1b[2J" + "b" * 5000}, lambda: "root")

    assert "\x1b" not in named
    assert len(named) < 400
