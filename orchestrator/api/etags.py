"""Answers that name their content, so that whoever has it already need not get it again."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.responses import StreamingResponse
from fastapi.routing import APIRoute


class TaggedRoute(APIRoute):
    """A route whose whole answers to GET carry an ETag, and are 304 where the caller has that one."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The usual handler, with the tag around it."""
        handle = super().get_route_handler()

        async def tagged(request: Request) -> Response:
            response = await handle(request)
            if request.method != "GET" or response.status_code != 200 or isinstance(response, StreamingResponse):
                return response
            # Weak: gzip makes other bytes of the same content.
            tag = f'W/"{hashlib.sha256(response.body).hexdigest()[:32]}"'
            headers = {"ETag": tag, "Cache-Control": "private, no-cache"}
            if _knows(request.headers.get("if-none-match", ""), tag):
                return Response(status_code=304, headers=headers)
            response.headers.update(headers)
            return response

        return tagged


def _knows(given: str, tag: str) -> bool:
    """Whether it is among these, weakly: a cache on the way may have dropped or added that it is weak."""
    known = {each.strip().removeprefix("W/") for each in given.split(",")}
    return bool(known & {"*", tag.removeprefix("W/")})
