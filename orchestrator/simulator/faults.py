"""A fault is a value; here are the slow, the dropped and the lying ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from html import escape

from orchestrator.simulator import replies
from orchestrator.simulator.replies import Headers, Reply
from orchestrator.simulator.tenant import Call


@dataclass(frozen=True, slots=True)
class Fault:
    """One way to misbehave. Without an answer of its own the call is answered as it would have been."""

    name: str
    answer: Callable[[Call], Reply] | None = None
    effect: bool = False
    closes: bool = False
    delay: tuple[float, float] = (0.0, 0.0)

    @property
    def decides(self) -> bool:
        """False for a fault that only holds the ordinary answer back."""
        return self.answer is not None or self.closes or self.effect

    def reply_to(self, call: Call) -> Reply:
        """The reply, and whether the action took effect all the same."""
        if self.closes:
            return Reply(0, delivery="closed", effect=self.effect)
        if self.answer is None:
            return replies.ACCEPTED
        return replace(self.answer(call), effect=self.effect)


def lost_reply() -> Fault:
    """The action takes effect, and the connection closes without a word."""
    return Fault("lost-reply", closes=True, effect=True)


def closed_connection() -> Fault:
    """The connection closes before anything happened."""
    return Fault("closed-connection", closes=True)


def hang(seconds: float, *, effect: bool) -> Fault:
    """Silence for so long; then the ordinary answer if the action took effect, else a closed connection."""
    return Fault("hang", closes=not effect, effect=effect, delay=(seconds, seconds))


def slow(low: float, high: float) -> Fault:
    """The ordinary answer, late."""
    return Fault("slow", delay=(low, high))


def html(status: int = 200, title: str = "Sign in") -> Fault:
    """A page where JSON belongs: a proxy, a filter or a portal answers in Graph's place."""
    page = f"<!DOCTYPE html><html><head><title>{escape(title)}</title></head><body><h1>Please wait</h1></body></html>"
    headers: Headers = (("content-type", "text/html; charset=utf-8"),)
    if status == 407:
        headers = (*headers, ("proxy-authenticate", 'Basic realm="proxy"'))
    return Fault("html", lambda _: Reply(status, page.encode(), headers, stands_between=True))


def unexpected_success(status: int = 200) -> Fault:
    """A 2xx that is not 204."""
    return Fault("unexpected-success", lambda _: Reply(status, {"value": "queued"}))


def redirect(status: int = 302, to: str = "https://elsewhere.example/") -> Fault:
    """Sends the caller to another host, where its token does not belong."""
    return Fault("redirect", lambda _: Reply(status, b"", (("location", to),), stands_between=True))


def huge(megabytes: int = 10, status: int = 500) -> Fault:
    """An error with a body of that size."""

    def answer(call: Call) -> Reply:
        return replies.error(call, status, "InternalServerError", "x" * (megabytes * 1024 * 1024))

    return Fault("huge", answer)


def rubbish_headers(status: int = 503) -> Fault:
    """Headers that cannot be read as what they claim to be."""
    headers: Headers = (
        ("retry-after", "soon, \xfc"),
        ("date", "yesterday"),
        ("x-ms-ags-diagnostic", "{not json"),
        ("content-type", ";;;=garbage"),
        ("request-id", "?"),
        ("www-authenticate", 'Bearer error="insufficient_claims", claims="%%%"'),
    )
    return Fault(
        "rubbish-headers", lambda call: replies.error(call, status, "ServiceUnavailable", "Unwell.", headers=headers)
    )


def truncated(status: int = 503) -> Fault:
    """JSON that stops in the middle."""
    return Fault("truncated", lambda _: Reply(status, b'{"error": {"code": "ServiceUnavai'))
