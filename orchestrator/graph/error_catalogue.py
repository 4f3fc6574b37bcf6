"""The meaning of each error and what to do about it, in one sentence each, for people; pure."""

from __future__ import annotations

from typing import NamedTuple

from orchestrator.domain.outcome import NOT_FROM_GRAPH, GraphError


class Meaning(NamedTuple):
    """One sentence of what it means, and one of what to do."""

    meaning: str
    hint: str


def meaning(error: GraphError) -> Meaning:
    """By the code where it says something of its own, else by the status; there is always an answer."""
    code, status = error.code.casefold(), error.http_status or 0
    return _BY_BOTH.get((status, code)) or _BY_CODE.get(code) or _BY_STATUS.get(status) or _by_class(status)


def _by_class(status: int) -> Meaning:
    if status == 0:
        return Meaning("The call broke off.", "Look at the network between this machine and Graph, then `job retry`.")
    if 200 <= status < 300:
        return Meaning(
            "Graph answered with a success that is not the documented 204: it may have happened.",
            "Look whether something between here and Graph answers in its place (a proxy, a sign-in page).",
        )
    if 300 <= status < 400:
        return _BY_STATUS[302]
    if status >= 500:
        return _BY_STATUS[500]
    return Meaning(
        "Graph refused the call for this device.",
        "Quote the request id to Microsoft support if it does not explain itself.",
    )


_UNWELL = (
    "Nothing is wrong with the device; `job retry` later. Service health is shown in the Microsoft 365 admin center."
)
_MAY_HAVE_HAPPENED = "If the action may be repeated, `job retry --status uncertain` sends it again."
_PERMISSION = Meaning(
    "The app lacks the permission, or Intune grants it nothing.",
    "Give the app DeviceManagementManagedDevices.PrivilegedOperations.All with admin consent and see that the tenant"
    " has an active Intune licence; `tenant check` says what the token carries.",
)
_DENIED = Meaning(
    "The caller may not act on this device.",
    "For a person: an Intune role with Remote tasks / Initiate Configuration Manager action, and scope tags that show"
    " the device. For an app: the permission and the tenant's Intune licence.",
)
_APPROVAL = Meaning(
    "An access policy wants a second administrator to approve (Multi Admin Approval).",
    "Exclude the app from the policy in Intune, Tenant administration, Multi Admin Approval, then `job resume`.",
)
_MISSING = Meaning(
    "Graph knows no managed device with this id.",
    "It may be deleted, or the id may be of another kind: only Intune's Device ID works, no Entra device or object id.",
)
_UNSUPPORTED = Meaning(
    "The device cannot take this action.",
    "It needs Windows with a ConfigMgr client that is co-managed or tenant-attached; leave phones, Macs and"
    " MDM-only devices out (`--only-eligible`).",
)
_ENDPOINT = Meaning(
    "This address has no such action.",
    "The action exists in Graph's beta only and not in 21Vianet's cloud: check MUSTER_CLOUD and MUSTER_GRAPH_URL."
    " The five script forms of `--via` may not be routed in practice; managedDevices is.",
)
_TOKEN = Meaning(
    "Graph does not take the token, not even a fresh one.",
    "Check MUSTER_CLOUD, MUSTER_TENANT_ID and how the app signs in; `tenant check` shows what the token says.",
)
_THROTTLED = Meaning(
    "Graph's limit of calls was reached in every attempt.",
    "Other apps share the tenant's limit: lower MUSTER_WRITE_LIMIT or run at another time, then `job retry`.",
)
_NOT_CONNECTED = (
    "Check the network, the proxy variables (HTTPS_PROXY, NO_PROXY) and MUSTER_GRAPH_URL; `muster doctor` goes the way"
    " that a call goes."
)

_BY_BOTH = {
    (403, "approvalrequired"): _APPROVAL,
    (403, "accessdenied"): _DENIED,
    (403, "authorization_requestdenied"): _DENIED,
    (400, "internalerror"): Meaning(
        "Graph could not read the id.",
        "See whether the line of the device list holds Intune's Device ID and nothing else.",
    ),
}
_BY_CODE = {
    "workerlost": Meaning(
        "The worker died before it recorded the answer: the device may have been called.",
        f"Nothing needs to be mended at the device. {_MAY_HAVE_HAPPENED}",
    ),
    "interrupted": Meaning(
        "Muster was ended before the answer came: the device may have been called.",
        f"Nothing needs to be mended at the device. {_MAY_HAVE_HAPPENED}",
    ),
    "connectfailed": Meaning("No connection to Graph could be made.", _NOT_CONNECTED),
    "connecttimedout": Meaning("No connection to Graph was made in time.", _NOT_CONNECTED),
    "namenotfound": Meaning("The name of Graph's host could not be resolved.", _NOT_CONNECTED),
    "proxyrefused": Meaning("The proxy made no connection to Graph.", _NOT_CONNECTED),
    "noanswer": Meaning("A connection was made, and Graph did not answer.", _NOT_CONNECTED),
    "proxyunreachable": Meaning("The proxy could not be reached.", _NOT_CONNECTED),
    "noconnectionfree": Meaning("All connections of this process were busy.", "Run more workers, or `job retry`."),
    "requestinvalid": Meaning("The request could not be written.", "This is a fault of Muster: please report it."),
    "tlsfailed": Meaning(
        "The certificate of what answered for Graph is not trusted.",
        "Where a proxy inspects TLS, name its certificates in MUSTER_CA_BUNDLE.",
    ),
    NOT_FROM_GRAPH.casefold(): Meaning(
        "Something between here and Graph answered in Graph's place: a proxy, a filter or a sign-in page.",
        f"It is no verdict on the device. {_NOT_CONNECTED}",
    ),
    "answertimedout": Meaning(
        "The call was sent, and no answer came in time: it may have happened.", _MAY_HAVE_HAPPENED
    ),
    "connectionlost": Meaning(
        "The call was sent, and the connection was lost: it may have happened.", _MAY_HAVE_HAPPENED
    ),
    "callfailed": Meaning("The call broke off: it may have happened.", _MAY_HAVE_HAPPENED),
    "envelopeunreadable": Meaning(
        "The answer to an envelope made no sense: it may have happened.",
        "Set MUSTER_BATCHING=off to send calls singly.",
    ),
    "partunanswered": Meaning(
        "The answer to an envelope left this call out: it may have happened.",
        "Set MUSTER_BATCHING=off to send calls singly.",
    ),
    "signinrefused": Meaning("Sign-in was refused.", "The message names what to mend; `tenant check` tries it alone."),
    "signinunreachable": Meaning("The sign-in authority could not be reached.", _NOT_CONNECTED),
    "notsupported": _UNSUPPORTED,
    "approvalrequired": _APPROVAL,
}
_BY_STATUS = {
    302: Meaning(
        "The call was sent elsewhere, which is never followed: a token goes to no other host.",
        "Check MUSTER_GRAPH_URL, and whether a proxy wants a sign-in of its own.",
    ),
    400: _UNSUPPORTED,
    401: _TOKEN,
    403: _PERMISSION,
    404: _MISSING,
    405: _ENDPOINT,
    408: Meaning("Graph gave up waiting for the call: it may have happened.", _MAY_HAVE_HAPPENED),
    409: Meaning("Something else was changing the device at the same time.", "`job retry` later."),
    412: _APPROVAL,
    423: Meaning("The device was locked by something else in every attempt.", "`job retry` later."),
    424: Meaning("What the call depended on failed in every attempt.", "`job retry` later."),
    429: _THROTTLED,
    500: Meaning("Graph or Intune failed in every attempt.", _UNWELL),
    501: _UNSUPPORTED,
    502: Meaning("A gateway before Graph or Intune failed in every attempt.", _UNWELL),
    503: Meaning("Graph or Intune was not available in any attempt.", _UNWELL),
    504: Meaning("Intune did not answer Graph in time: it may have happened.", _MAY_HAVE_HAPPENED),
    507: Meaning("The service says that its storage is full.", _UNWELL),
    509: Meaning("The service's limit of bandwidth was reached in every attempt.", _UNWELL),
}
