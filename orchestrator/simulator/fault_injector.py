"""Everything that can be asked to go wrong, in sentences: `graph.lose_reply(device)`, `graph.outage(seconds=5)`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from math import inf
from typing import Any

from orchestrator.simulator import faults, refusals
from orchestrator.simulator.faults import Fault
from orchestrator.simulator.script import FaultScript, Subject, When, devices_named
from orchestrator.simulator.tokens import TokenGate

Devices = str | Iterable[str] | None


_TO_GRAPH: tuple[Subject, ...] = ("call", "envelope", "look")
_WITH_SIGN_IN: tuple[Subject, ...] = (*_TO_GRAPH, "discovery", "token")


class FaultInjector:
    """Scripts faults.

    `when` narrows each of them: `share` (0 to 1), `times` (how often for each named device, or in all), `after_calls`,
    `since` and `until` (on the simulator's clock), `sticky` (the same devices each time they are asked). What happens
    once by nature, such as a lost reply, happens once to a named device unless `times` says otherwise.
    """

    def __init__(self, script: FaultScript, gate: TokenGate, *, clock: Callable[[], float]) -> None:
        self._script, self._gate, self._clock = script, gate, clock

    def behave(self) -> None:
        """Removes every fault."""
        self._script.clear()
        self._gate.accept_again()

    def refuse(
        self,
        devices: Devices = None,
        status: int = 404,
        *,
        code: str | None = None,
        message: str | None = None,
        retry_after: str | None = None,
        effect: bool = False,
        **when: Any,
    ) -> None:
        """Answer with that error; with `effect=True` the action was done all the same."""
        fault = refusals.refusal(status, code=code, message=message, retry_after=retry_after, effect=effect)
        self._add(fault, devices, {"sticky": refusals.sticks(status), **when})

    def lose_reply(self, devices: Devices = None, **when: Any) -> None:
        """Do the action, then close the connection without an answer."""
        self._add_once(faults.lost_reply(), devices, when)

    def close_connection(self, devices: Devices = None, **when: Any) -> None:
        """Close the connection before anything happens."""
        self._add_once(faults.closed_connection(), devices, when)

    def hang(self, devices: Devices = None, *, seconds: float = 60.0, effect: bool = True, **when: Any) -> None:
        """Stay silent for so long."""
        self._add_once(faults.hang(seconds, effect=effect), devices, when)

    def slow_down(self, devices: Devices = None, *, low: float = 0.1, high: float = 1.0, **when: Any) -> None:
        """Answer as usual, but late."""
        self._add(faults.slow(low, high), devices, when)

    def outage(
        self, *, seconds: float, status: int = 503, starts_in: float = 0.0, retry_after: str | None = None
    ) -> None:
        """Answer every call and envelope with that error for a while, before any fault of a single device.

        Status 0 closes every connection.
        """
        since = self._clock() + starts_in
        fault = faults.closed_connection() if status == 0 else refusals.refusal(status, retry_after=retry_after)
        when = When(since=since, until=since + seconds)
        self._script.add(fault, when, before_all=True)
        self._script.add(fault, when, of="envelope", before_all=True)

    def answer_html(self, devices: Devices = None, *, status: int = 200, title: str = "Sign in", **when: Any) -> None:
        """Answer with the page of a proxy, a filter or a portal, as something between the caller and Graph does."""
        self._add(faults.html(status, title), devices, when)

    def stand_between(
        self, *, status: int = 403, title: str = "Access denied", sign_in: bool = False, **when: Any
    ) -> None:
        """Answer everything in Graph's place with a page, as a proxy or a portal does; with `sign_in` Entra's too."""
        fault, narrowed = faults.html(status, title), When(**when)
        for subject in _WITH_SIGN_IN if sign_in else _TO_GRAPH:
            self._script.add(fault, narrowed, of=subject, before_all=True)

    def answer_success(self, devices: Devices = None, *, status: int = 200, effect: bool = False, **when: Any) -> None:
        """Answer with a 2xx that is not 204."""
        self._add(replace(faults.unexpected_success(status), effect=effect), devices, when)

    def redirect(
        self, devices: Devices = None, *, status: int = 302, to: str = "https://elsewhere.example/", **when: Any
    ) -> None:
        """Send the caller to another host."""
        self._add(faults.redirect(status, to), devices, when)

    def answer_huge(self, devices: Devices = None, *, megabytes: int = 10, status: int = 500, **when: Any) -> None:
        """Answer with an error of that size."""
        self._add(faults.huge(megabytes, status), devices, when)

    def answer_rubbish(self, devices: Devices = None, *, status: int = 503, **when: Any) -> None:
        """Answer with headers that mean nothing."""
        self._add(faults.rubbish_headers(status), devices, when)

    def answer_truncated(self, devices: Devices = None, *, status: int = 503, **when: Any) -> None:
        """Answer with half a JSON document."""
        self._add(faults.truncated(status), devices, when)

    def withdraw_consent(self, *, after_calls: int = 0, devices: Devices = None, **when: Any) -> None:
        """From some call on, the permission is gone: 403 that names the scope."""
        self._add(refusals.refusal(403), devices, {"after_calls": after_calls, **when})

    def deny_by_intune(self, devices: Devices = None, **when: Any) -> None:
        """Intune refuses the caller: no licence or role."""
        self._add(refusals.denied_by_intune(), devices, when)

    def want_approval(self, devices: Devices = None, *, status: int = 400, **when: Any) -> None:
        """Multi Admin Approval stands in the way, as 400 or as 412."""
        self._add(refusals.approval_wanted(status), devices, when)

    def challenge_token(self, *, tokens: float = 1) -> None:
        """Continuous access evaluation refuses the token in use until a new one comes."""
        self._gate.refuse_until_renewed(tokens=tokens, challenge=True)

    def revoke_token(self, *, tokens: float = 1, forever: bool = False) -> None:
        """401 until a new token comes; `forever` refuses each new one as well."""
        self._gate.refuse_until_renewed(tokens=inf if forever else tokens)

    def refuse_envelopes(self, status: int = 501, *, retry_after: str | None = None, **when: Any) -> None:
        """Refuse `$batch` as a whole; no part of it is looked at."""
        fault = refusals.refusal(status, message="Batching is not available.", retry_after=retry_after)
        self._script.add(fault, When(**when), of="envelope")

    def lose_envelope(self, *, before_effect: bool = False, **when: Any) -> None:
        """Close the connection on an envelope, after its parts were done or before."""
        fault = faults.closed_connection() if before_effect else faults.lost_reply()
        self._script.add(fault, When(**{"times": 1, **when}), of="envelope")

    def hang_envelope(self, *, seconds: float = 60.0, effect: bool = True, **when: Any) -> None:
        """Stay silent on an envelope for so long."""
        self._script.add(faults.hang(seconds, effect=effect), When(**{"times": 1, **when}), of="envelope")

    def refuse_tokens(
        self, error: str = "invalid_client", *, status: int | None = None, retry_after: str | None = None, **when: Any
    ) -> None:
        """The token endpoint answers with that OAuth error."""
        self._script.add(
            refusals.oauth_refusal(error, status=status, retry_after=retry_after), When(**when), of="token"
        )

    def slow_tokens(self, seconds: float, **when: Any) -> None:
        """The token endpoint takes its time."""
        self._script.add(faults.slow(seconds, seconds), When(**when), of="token")

    def answer_tokens_with_html(self, *, status: int = 200, title: str = "Sign in", **when: Any) -> None:
        """The token endpoint answers with a page."""
        self._script.add(faults.html(status, title), When(**when), of="token")

    def _add_once(self, fault: Fault, devices: Devices, when: dict[str, Any]) -> None:
        bounded = when.keys() & {"share", "times", "since", "until"}
        self._add(fault, devices, when if bounded else {"times": 1, **when})

    def _add(self, fault: Fault, devices: Devices, when: dict[str, Any]) -> None:
        self._script.add(fault, When(devices=devices_named(devices), **when))
