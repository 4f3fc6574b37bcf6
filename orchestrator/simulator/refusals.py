"""The ways to say no: the usual error for a status, Intune's, an approval's, a token's."""

from __future__ import annotations

import base64
import json
from dataclasses import replace

from orchestrator.simulator import replies
from orchestrator.simulator.faults import Fault
from orchestrator.simulator.replies import Headers, Reply
from orchestrator.simulator.tenant import Call

_CODES = {
    400: "BadRequest",
    401: "InvalidAuthenticationToken",
    403: "Forbidden",
    404: "ResourceNotFound",
    405: "MethodNotAllowed",
    408: "RequestTimeout",
    409: "Conflict",
    412: "PreconditionFailed",
    423: "Locked",
    424: "FailedDependency",
    429: "TooManyRequests",
    500: "InternalServerError",
    501: "NotImplemented",
    502: "BadGateway",
    503: "ServiceUnavailable",
    504: "GatewayTimeout",
    507: "InsufficientStorage",
    509: "BandwidthLimitExceeded",
}
# A device that is unsupported or gone is so every time it is asked; a service that is unwell is not.
_STICKS = frozenset({400, 403, 404, 405, 412, 501})


def sticks(status: int) -> bool:
    """True for a status that a device meets each time it is called, rather than now and then."""
    return status in _STICKS


def refusal(
    status: int,
    *,
    code: str | None = None,
    message: str | None = None,
    retry_after: str | None = None,
    effect: bool = False,
) -> Fault:
    """An error with the usual shape for its status; `effect=True` for one that lies: the action was done."""
    headers: Headers = () if retry_after is None else (("retry-after", retry_after),)
    name = code or _CODES.get(status, "UnknownError")

    def answer(call: Call) -> Reply:
        if status == 403 and code is None and message is None:
            return replies.missing_scope(call)
        if status == 404 and message is None:
            return replace(replies.missing_device(call), headers=headers) if code is None else _plain(call)
        if status == 400 and message is None:
            text = "Device action is not supported for this device's platform or management agent"
            return replies.intune_error(call, 400, name, text, phrase="NotSupported", headers=headers)
        return _plain(call)

    def _plain(call: Call) -> Reply:
        return replies.error(call, status, name, message or "An error has occurred.", headers=headers)

    return Fault(f"refuse-{status}", answer, effect=effect)


def denied_by_intune() -> Fault:
    """Intune itself refuses the caller: no licence or no role."""

    def answer(call: Call) -> Reply:
        inside = {
            "ErrorCode": "Forbidden",
            "Message": "Forbidden",
            "Target": None,
            "Details": None,
            "InnerError": None,
            "HttpHeaders": {
                "WWW-Authenticate": 'Bearer realm="urn:intune:service,c3998d6e-2e37-4c56-87b5-7b444ee1cb26"'
            },
        }
        return replies.error(call, 403, "UnknownError", json.dumps(inside))

    return Fault("denied-by-intune", answer)


def approval_wanted(status: int) -> Fault:
    """Multi Admin Approval: 400 asks for a justification, 412 says that a request was filed."""

    def answer(call: Call) -> Reply:
        if status == 412:
            headers = (("x-msft-approval-code", call.request_id),)
            return replies.error(call, 412, "ApprovalRequired", "The request needs approval.", headers=headers)
        text = "The header x-msft-approval-justification is required for this request."
        return replies.error(call, status, "BadRequest", text)

    return Fault(f"approval-{status}", answer)


def claims_challenge(
    call: Call, claims: str = '{"access_token":{"nbf":{"essential":true,"value":"1700000000"}}}'
) -> Reply:
    """Continuous access evaluation wants a new token: 401 with the claims to ask for, base64 as documented."""
    encoded = base64.b64encode(claims.encode()).decode()
    challenge = (
        'Bearer realm="", authorization_uri="https://login.microsoftonline.com/common/oauth2/v2.0/authorize", '
        f'error="insufficient_claims", claims="{encoded}"'
    )
    text = "Continuous access evaluation resulted in challenge with result: InteractionRequired"
    return replies.error(call, 401, "InvalidAuthenticationToken", text, headers=(("www-authenticate", challenge),))


_OAUTH = {
    "invalid_client": (401, "AADSTS7000215: Invalid client secret provided."),
    "unauthorized_client": (400, "AADSTS700016: The application was not found in the directory."),
    "invalid_grant": (400, "AADSTS70043: The refresh token has expired."),
    "invalid_scope": (400, "AADSTS70011: The provided value for the input parameter 'scope' is not valid."),
    "invalid_request": (400, "AADSTS900144: The request body must contain a parameter that is missing."),
    "temporarily_unavailable": (503, "AADSTS90033: A transient error has occurred. Please try again."),
    "too_many_requests": (429, "AADSTS90055: The request has been throttled."),
}


def oauth_refusal(error: str, *, status: int | None = None, retry_after: str | None = None, text: str = "") -> Fault:
    """An error of the token endpoint: https://learn.microsoft.com/entra/identity-platform/reference-error-codes"""
    usual, description = _OAUTH.get(error, (400, "AADSTS50000: There was an error issuing a token."))
    headers: Headers = () if retry_after is None else (("retry-after", retry_after),)

    def answer(call: Call) -> Reply:
        described = f"{text or description} Trace ID: {call.request_id} Correlation ID: {call.client_request_id}"
        payload = {
            "error": error,
            "error_description": described,
            "error_codes": [int((text or description).partition(":")[0].removeprefix("AADSTS"))],
            "trace_id": call.request_id,
            "correlation_id": call.client_request_id,
        }
        return Reply(usual if status is None else status, payload, headers)

    return Fault(f"oauth-{error}", answer)
