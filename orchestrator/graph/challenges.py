"""The claims that continuous access evaluation wants in a new token; pure."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping


def claims_wanted(headers: Mapping[str, str]) -> str | None:
    """The JSON text of the claims that a 401 asks for, or None.

    https://learn.microsoft.com/entra/identity-platform/app-resilience-continuous-access-evaluation
    """
    challenge = next((text for name, text in headers.items() if name.casefold() == "www-authenticate"), "")
    if "insufficient_claims" not in challenge or len(challenge) > _LONGEST:
        return None
    found = _CLAIMS.search(challenge)
    return None if found is None else _decoded(found[1])


def _decoded(encoded: str) -> str | None:
    standard = encoded.rstrip("=").replace("-", "+").replace("_", "/")
    try:
        claims = base64.b64decode(standard + "=" * (-len(standard) % 4), validate=True).decode()
        return claims if isinstance(json.loads(claims), dict) else None
    except (ValueError, RecursionError):
        return None


_LONGEST = 16 * 1024
_CLAIMS = re.compile(r'\bclaims="?([A-Za-z0-9+/_=-]+)"?')
