"""Answers that say that the tenant as a whole cannot do what was asked; pure.

Intune has no code of its own for them: the status is 400 or 403, the code BadRequest or Forbidden, and only the message
tells. "Request not applicable to target tenant." stands for a missing licence.
"""

from __future__ import annotations

import re


def concerns_tenant(code: str, text: str) -> bool:
    """Whether a refusal concerns the tenant (its licence, tenant attach, a feature) and not the device."""
    # A code is a sentence without blanks: TenantNotOnboarded, SubscriptionExpired.
    said = (
        " ".join(f"{_CAMEL.sub(' ', code)} {text}".split()).casefold().replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")
    )
    if _LICENCE.search(said) or _TENANT_WIDE.search(said):
        return True
    return _FEATURE_OFF.search(said) is not None and _OF_DEVICE.search(said) is None


_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])|_")
_COMPLETE = r"(?:tenant|organi[sz]ation|subscription|customer|directory|account)s?"
_NO = (
    r"(?:\b(?:not|never|no longer|cannot|without|lacks?|missing|disabled|expired|suspended|unable|ineligible|off)|n't)"
)
_LICENCE = re.compile(
    r"licen[cs](?:e|ing)|not licensed|subscription (?:has |is )?(?:expired|required|disabled|suspended)"
)
_TENANT_WIDE = re.compile(
    r"not applicable to (?:the |this |your )?target tenant"
    r"|tenant[- ]?attach"
    rf"|\b{_COMPLETE}\b[^.]{{0,80}}{_NO}\b[^.]{{0,40}}"
    r"\b(?:onboard|enrol|attach|enabl|provision|configur|register|support|activ|entitl|set up|opt|eligible|allow)"
    rf"|{_NO}\b[^.]{{0,60}}\b(?:for|in|on|by|to) (?:this|the|your|target|current) (?:target )?{_COMPLETE}\b"
)
_FEATURE_OFF = re.compile(
    r"\b(?:feature|capability|functionality|co-?management|connector|cloud attach|preview)\b[^.]{0,80}"
    r"\b(?:disabled|turned off|switched off|unavailable|(?:not|n't) (?:been )?"
    r"(?:enabled|available|turned on|activated|configured|onboarded|set up))\b"
)
_OF_DEVICE = re.compile(r"\b(?:this|the) (?:managed )?device\b|\bplatform\b|operating system|\bdevice (?:id|type)\b")
