"""The dashboard as one part of the web process: its pages, its files, and the headers that protect both."""

from __future__ import annotations

from functools import cache

from fastapi import FastAPI
from starlette.routing import BaseRoute
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from orchestrator.settings import Settings
from orchestrator.web.access_pages import access_routes
from orchestrator.web.blackout_pages import blackout_pages
from orchestrator.web.device_pages import device_pages
from orchestrator.web.display_page import display_routes
from orchestrator.web.entra import entra_routes
from orchestrator.web.halt_page import halt_routes
from orchestrator.web.health_page import health_page
from orchestrator.web.job_pages import job_pages
from orchestrator.web.lanes_page import lanes_page
from orchestrator.web.list_pages import list_pages
from orchestrator.web.live import live_routes
from orchestrator.web.many_jobs import many_routes
from orchestrator.web.move_forms import move_routes
from orchestrator.web.new_job import new_job_routes
from orchestrator.web.notification_pages import notification_pages
from orchestrator.web.overview_page import overview_routes
from orchestrator.web.pages import HERE, Pages
from orchestrator.web.problem_pages import explain_problems
from orchestrator.web.result_lists import result_list_routes
from orchestrator.web.saved_views import view_routes
from orchestrator.web.schedule_pages import schedule_pages
from orchestrator.web.search_page import search_page
from orchestrator.web.sign_in import sign_in_routes
from orchestrator.web.tenant_pages import tenant_pages

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)


def make_web(settings: Settings) -> FastAPI:
    """The dashboard, to be mounted beside the API; it shares the state of the process."""
    pages, routes = _routes(settings.max_bytes)
    web = FastAPI(openapi_url=None)
    web.router.routes.extend(routes)
    web.mount("/static", StaticFiles(directory=HERE / "static"))
    explain_problems(web, pages)
    web.add_middleware(_Guard)
    return web


@cache
def _routes(max_bytes: int) -> tuple[Pages, list[BaseRoute]]:
    # Once in a process: FastAPI reads the signature of every route, which takes a while, and none has state.
    pages, once = Pages(), FastAPI(openapi_url=None)
    for routes in (
        overview_routes(pages),
        sign_in_routes(pages),
        entra_routes(pages),
        new_job_routes(pages, max_bytes),
        live_routes(pages),
        device_pages(pages),
        many_routes(pages),
        view_routes(),
        move_routes(pages),
        result_list_routes(pages),
        job_pages(pages),
        schedule_pages(pages),
        blackout_pages(pages),
        list_pages(pages, max_bytes),
        access_routes(pages),
        tenant_pages(pages),
        notification_pages(pages),
        lanes_page(pages),
        health_page(pages),
        halt_routes(pages),
        display_routes(pages),
        search_page(pages),
    ):
        once.include_router(routes)
    return pages, once.routes


class _Guard:
    """Says to the browser what may happen on our pages, and how long it may keep our files."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, with our headers on its answer."""
        path: str = scope["path"]
        keeps = path.startswith("/static/") and scope["query_string"]

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] += [
                    (name, value) for name, value in _HEADERS if name not in dict(message["headers"])
                ]
                if keeps:
                    message["headers"].append((b"cache-control", b"public, max-age=31536000, immutable"))
            await send(message)

        await self._app(scope, receive, send_guarded)


_HEADERS = [
    (b"content-security-policy", _POLICY.encode()),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=()"),
]
