"""Entra ids look like managed device ids and are none; files that hold only those are refused; pure."""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.domain.errors import IntakeFailed


def refuse_entra_ids(folded: Sequence[str], *, taken: str | None) -> None:
    """IntakeFailed, if the column about to be taken (folded, None: there is none) holds Entra ids for all we know."""
    if taken is None and (named := [ENTRA_IDS[name] for name in folded if name in ENTRA_IDS]):
        raise IntakeFailed(
            f"The file has only Entra ids (`{named[0]}`): Entra's id of a device is not Intune's, and the action takes "
            f"no other than Intune's. {_INSTEAD}"
        )
    # A device of Entra's list has an object id, a device id and the marks; one of Intune's has a single id and no mark.
    beside = [_MARKS[name] for name in folded if name in _MARKS]
    if "id" in folded and "deviceid" in folded:
        beside.append("DeviceId")
    if taken in {"id", "deviceid"} and beside:
        column = "Id" if "id" in folded else "DeviceId"
        raise IntakeFailed(
            f"This is a list of Entra devices: its `{column}` stands beside `{beside[0]}`. Entra's ids of a device are "
            f"not Intune's, and the action takes no other than Intune's. {_INSTEAD}"
        )


def refuse_group_template(header: Sequence[str]) -> None:
    """IntakeFailed, if this first row is that of a template for the members of an Entra group."""
    first = header[0].strip().casefold() if header else ""
    if first.startswith("version:v") or any("objectid" in name.casefold() and "[" in name for name in header):
        raise IntakeFailed(
            "This is Microsoft Entra's template for the members of a group. It holds Entra object ids, which are not "
            f"Intune's device ids, and the action takes no other than Intune's. {_INSTEAD}"
        )


ENTRA_IDS = {
    "azureaddeviceid": "Azure AD Device ID",
    "microsoftentradeviceid": "Microsoft Entra Device ID",
    "microsoftentraiddeviceid": "Microsoft Entra ID Device ID",
    "entradeviceid": "Entra Device ID",
    "aaddeviceid": "AadDeviceId",
    "objectid": "Object ID",
}
"""Names of columns, folded, that hold Entra ids and say so."""

_INSTEAD = (
    "Export Intune admin center > Devices > All devices instead, and give that file: its column `Device ID` is the one "
    "that works. (`--column NAME` overrules this.)"
)
_MARKS = {
    "trusttype": "TrustType",
    "accountenabled": "AccountEnabled",
    "approximatelastsignindatetime": "ApproximateLastSignInDateTime",
}
