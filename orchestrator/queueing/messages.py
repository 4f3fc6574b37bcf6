"""The name of every message; both ends import it. Messages carry no data: the database is the truth."""

from __future__ import annotations

WORK = "muster.work"
"""There is something to do; look into the database. Lost, doubled or late, it changes nothing but the delay."""

QUEUE = "muster"
"""The one queue that workers listen to."""

ARGUMENTS: dict[str, tuple[type, ...]] = {WORK: ()}
"""The arguments that each message carries, by their types; a message with others is dropped (message_form.py)."""
