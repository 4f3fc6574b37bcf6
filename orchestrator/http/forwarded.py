"""`X-Forwarded-For`: addresses only, and none from beyond an entry that is no address."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence

from starlette.types import ASGIApp, Receive, Scope, Send

_HEADER = b"x-forwarded-for"
_WITH_PORT = re.compile(r"(?:\[(?P<six>[0-9A-Fa-f:.]+)\]|(?P<four>[0-9.]+))(?::\d{1,5})?")


class ForwardedAddresses:
    """Lets through, of `X-Forwarded-For`, what are addresses; who may be believed is decided behind it.

    A header of text would put that text into the audit log in place of an address, and count failed sign-ins against a
    name that changes with each attempt.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, its header cleaned."""
        if scope["type"] in {"http", "websocket"}:
            told = [value.decode("latin-1") for name, value in scope["headers"] if name == _HEADER]
            if told:
                others = [(name, value) for name, value in scope["headers"] if name != _HEADER]
                kept = addresses(told)
                added = [(_HEADER, ", ".join(kept).encode())] if kept else []
                scope = {**scope, "headers": [*others, *added]}
        await self._app(scope, receive, send)


def addresses(values: Sequence[str]) -> list[str]:
    """The addresses at the end of the header's values, in their order and usual spelling; ports are left out.

    Each proxy writes behind what it was given, so that an entry which is no address spoils all before it.
    """
    kept: list[str] = []
    for entry in reversed(",".join(values).split(",")):
        address = address_of(entry.strip())
        if address is None:
            break
        kept.insert(0, address)
    return kept


def address_of(entry: str) -> str | None:
    """The address in its usual spelling, without a port; None for anything else."""
    with_port = _WITH_PORT.fullmatch(entry)
    text = entry if with_port is None else with_port["six"] or with_port["four"]
    if "%" in text:
        # A zone of this machine means nothing to others, and may be any text.
        return None
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        return None
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return str(mapped or found)
