"""The account of the operating system that a command runs under, as the audit log names it."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Mapping

from orchestrator.domain.plain_text import shown

_LONGEST = 100


def account_at_machine(environment: Mapping[str, str] | None = None, account: Callable[[], str] | None = None) -> str:
    """`account@machine`, with who called `sudo` behind it; never fails.

    The account comes from the operating system. `LOGNAME` and `USER` could be set by any user in the
    environment, and `getpass.getuser` reads those first. SUDO_USER is from the environment as well, so it stands beside
    the account and never in its place.
    """
    name = f"{(account or _account)()}@{platform.node() or 'unknown'}"
    sudo_user = (os.environ if environment is None else environment).get("SUDO_USER", "").strip()
    return shown(f"{name} (sudo by {sudo_user[:_LONGEST]})" if sudo_user else name)


def _account() -> str:
    if os.name == "nt":
        # There it asks the system for the user of this process; elsewhere it would be that of the terminal.
        try:
            return os.getlogin()
        except OSError:
            return "unknown"
    import pwd  # noqa: PLC0415 - Windows has none

    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except (KeyError, OSError):
        # A container that runs as a bare number has no entry.
        return f"uid {os.getuid()}"
