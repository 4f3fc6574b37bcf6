"""ETags: a client does not get the same content twice, and changes nothing that it has not seen."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Coroutine
from typing import Annotated, Any

from fastapi import Depends, Request, Response
from fastapi.responses import StreamingResponse
from fastapi.routing import APIRoute
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import Message

from orchestrator.api.problems import problem_response

_CHANGES = frozenset({"PATCH", "PUT", "DELETE"})


class TaggedRoute(APIRoute):
    """A route whose whole answers to GET carry an ETag, and are 304 where the caller has that one.

    Its changes take an `If-Match`; see `Unchanged`.
    """

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        super().__init__(path, endpoint, **_described(options))

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


class Stale(HTTPException):
    """412: the resource is not the one that `If-Match` names."""

    def __init__(self) -> None:
        super().__init__(412, "It has changed since you looked. Get it again, and decide anew.")


async def refuse_stale(request: Request) -> None:
    """Stale where the request has an `If-Match`, and a GET of its address is answered with another tag."""
    seen = request.headers.get("if-match")
    if seen is None:
        return
    tag = await _tag_of(request)
    if tag is not None and not _knows(seen, tag):
        raise Stale


Unchanged = Annotated[None, Depends(refuse_stale)]
"""With `If-Match`, 412 where a GET of the same address is answered with another tag by now; what cannot be seen is
refused by the change. It stands behind what looks at who asks."""


async def _tag_of(request: Request) -> str | None:
    headers: Headers | None = None

    async def note(message: Message) -> None:
        nonlocal headers
        if message["type"] == "http.response.start" and message["status"] == 200:
            headers = Headers(raw=message["headers"])

    given = [(name, value) for name, value in request.scope["headers"] if name != b"if-none-match"]
    await request.app.router({**request.scope, "method": "GET", "headers": given}, request.receive, note)
    return None if headers is None else headers.get("etag")


def _knows(given: str, tag: str) -> bool:
    """Whether it is among these, weakly: a cache on the way may have dropped or added that it is weak."""
    known = {each.strip().removeprefix("W/") for each in given.split(",")}
    return bool(known & {"*", tag.removeprefix("W/")})


def _described(options: dict[str, Any]) -> dict[str, Any]:
    """Returns the OpenAPI description of the two conditional headers and their answers."""
    methods = set(options.get("methods") or ())
    response = options.get("response_class")
    if methods & _CHANGES:
        name, said = "If-Match", "The ETag of what the change was decided by."
        responses: dict[int | str, dict[str, Any]] = {412: problem_response(412)}
    elif methods == {"GET"} and not (isinstance(response, type) and issubclass(response, StreamingResponse)):
        name, said = "If-None-Match", "ETags that the caller has."
        etag = {"headers": {"ETag": {"description": "Names this content.", "schema": {"type": "string"}}}}
        responses = {200: etag, 304: {"description": "It is what the caller has.", **etag}}
    else:
        return options
    parameter = {"name": name, "in": "header", "required": False, "description": said, "schema": {"type": "string"}}
    extra = options.get("openapi_extra") or {}
    return {
        **options,
        "responses": {**responses, **(options.get("responses") or {})},
        "openapi_extra": {**extra, "parameters": [*extra.get("parameters", ()), parameter]},
    }
