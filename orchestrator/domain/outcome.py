"""The outcomes of one attempt: a closed set that every caller handles."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import TypeGuard

NOT_FROM_GRAPH = "NotFromGraph"
"""The code of a reply that something between here and Graph wrote: a proxy, a gateway, a sign-in page."""


@dataclass(frozen=True, slots=True)
class GraphError:
    """The facts of a reply that was no 204, kept as Graph gave them; `http_status` is None where nothing came back."""

    code: str
    message: str
    http_status: int | None = None
    request_id: str | None = None

    @property
    def is_from_graph(self) -> bool:
        """Whether Graph wrote the reply, as far as its shape says."""
        return self.code != NOT_FROM_GRAPH


class Bar(StrEnum):
    """Why no call of this job can work: each has its own way to mend it."""

    TOKEN_REFUSED = "token-refused"  # noqa: S105 - a reason, no secret
    PERMISSION_MISSING = "permission-missing"
    APPROVAL_REQUIRED = "approval-required"
    WRONG_ENDPOINT = "wrong-endpoint"
    TENANT_UNABLE = "tenant-unable"
    REFUSED_ALIKE = "refused-alike"
    UNREACHABLE = "unreachable"


@dataclass(frozen=True, slots=True)
class Accepted:
    """204: Graph took the request and will relay it."""

    request_id: str | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """Graph said no to this device; asking again will not help.

    `perhaps_everywhere` marks a denial that, while nothing was accepted yet, more likely concerns the caller.
    """

    error: GraphError
    perhaps_everywhere: bool = False


@dataclass(frozen=True, slots=True)
class Deferred:
    """Not now: it did not work this time, and may work later.

    `retry_after` is the longest wait that the reply named, None if it named none. `closes_lane` means that
    no call at all may leave before then. `may_have_happened` means that Graph may be wrong about
    that: a costly action is not sent again by itself.
    """

    error: GraphError
    retry_after: timedelta | None = None
    closes_lane: bool = False
    may_have_happened: bool = False

    @property
    def never_arrived(self) -> bool:
        """Whether nothing reached Graph: no connection, no token, or a refusal by something in between."""
        is_graphs = self.error.http_status is not None and self.error.is_from_graph
        return not is_graphs and not self.may_have_happened


@dataclass(frozen=True, slots=True)
class Uncertain:
    """Sent, and no answer that can be trusted: it may have happened.

    `is_answer` tells a reply that makes no sense (200, a page of HTML) from silence; asking again mends only silence.
    """

    error: GraphError
    is_answer: bool = False


@dataclass(frozen=True, slots=True)
class Barred:
    """No call can work for any device: the job stops, and this device was not acted on."""

    error: GraphError
    bar: Bar


Outcome = Accepted | Refused | Deferred | Uncertain | Barred


def is_cut_off(outcome: Outcome) -> TypeGuard[Deferred | Uncertain]:
    """Whether Graph cannot be reached from here: no connection, no token, or something in between that answers."""
    match outcome:
        case Deferred(error):
            return (outcome.never_arrived and error.code not in _FAULTS_OF_OURS) or not error.is_from_graph
        case Uncertain(error):
            return not error.is_from_graph
        case Accepted() | Refused() | Barred():
            return False


_FAULTS_OF_OURS = frozenset({"NoConnectionFree", "RequestInvalid", "CallBroke"})
"""Codes of calls that did not leave for a reason in this process: they say nothing about the way to Graph."""
