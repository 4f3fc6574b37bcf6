"""Root, authority and scope of each national cloud: they only work together.

https://learn.microsoft.com/graph/deployments
"""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.domain.lane import Cloud


@dataclass(frozen=True, slots=True)
class CloudAddresses:
    """Where one cloud is called, where it signs in, and where a person registers an app."""

    root: str
    authority: str
    portal: str

    @property
    def scope(self) -> str:
        """All that the app was granted for this cloud's Graph; a token for another cloud's is refused."""
        return f"{self.root}/.default"


def addresses_of(cloud: Cloud) -> CloudAddresses:
    """The addresses of a cloud."""
    return _ADDRESSES[cloud]


def is_cloud_root(root: str) -> bool:
    """Whether Microsoft itself answers at this address, and nothing that stands for Graph."""
    return any(root.casefold() == each.root for each in _ADDRESSES.values())


_ADDRESSES = {
    Cloud.GLOBAL: CloudAddresses(
        "https://graph.microsoft.com", "https://login.microsoftonline.com", "https://portal.azure.com"
    ),
    # The two American clouds share a sign-in authority: it does not identify the cloud.
    Cloud.US_GOV: CloudAddresses(
        "https://graph.microsoft.us", "https://login.microsoftonline.us", "https://portal.azure.us"
    ),
    Cloud.US_GOV_DOD: CloudAddresses(
        "https://dod-graph.microsoft.us", "https://login.microsoftonline.us", "https://portal.azure.us"
    ),
    Cloud.CHINA: CloudAddresses(
        "https://microsoftgraph.chinacloudapi.cn", "https://login.chinacloudapi.cn", "https://portal.azure.cn"
    ),
}
