from __future__ import annotations

import base64
import json
import time

import pytest

from orchestrator.domain.tenant import NEEDED_PERMISSION
from orchestrator.usecases.operations.check_tenant import check_tenant
from tests.support.apps import an_app


@pytest.mark.parametrize(("seconds", "is_usable"), [(3600, True), (-60, False)])
async def test_a_token_that_has_expired_is_not_called_usable(sqlite_url: str, seconds: int, *, is_usable: bool) -> None:
    claims = {"aud": "https://graph.microsoft.com", "roles": [NEEDED_PERMISSION], "exp": int(time.time()) + seconds}
    payload = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")

    async with an_app(sqlite_url, "https://graph.microsoft.com", token=f"e30.{payload}.signature") as app:
        found = await check_tenant(app, "default")

    assert found.is_usable is is_usable
