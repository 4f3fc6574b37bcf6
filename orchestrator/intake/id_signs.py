"""Whether the ids of a device list are Intune's, by what stands beside them; pure.

Ids of a managed device, of an Entra device, of a group member and of an application are all GUIDs, and the action
takes the first kind only. An id is taken for Intune's where the list shows a sign of it, and refused otherwise: a list
of the exports that hold other ids could never be complete.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from orchestrator.domain.errors import IntakeFailed
from orchestrator.intake.noise import bare, folded, letters_of, seen, shown


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The facts beside the ids of a file: its header, and the type of its objects where a `#TYPE` line names it.

    `with_guids` are the places of the columns that hold GUIDs in the first rows; None where no row was looked at.
    """

    header: Sequence[str]
    object_type: str | None = None
    with_guids: Collection[int] | None = None

    @property
    def names(self) -> list[str]:
        """The names of the columns, folded."""
        return [folded(name) for name in self.header]

    @property
    def signs(self) -> list[str]:
        """The names of the columns as their letters and digits alone: exports differ in blanks and hyphens."""
        return [letters_of(name) for name in self.header]

    def may_hold_ids(self, place: int) -> bool:
        """Whether `--column` could name this column: it has a name, and ids as far as it was read."""
        return bool(bare(self.header[place])) and (self.with_guids is None or place in self.with_guids)


def refuse_unless_intune(place: int, around: Surroundings) -> None:
    """IntakeFailed, unless the ids of the column at this place show that they are Intune's."""
    name = shown(around.header[place])
    names = around.names
    if names[place] in _TAKEN_BY_NAME:
        return
    overrule = overruling(around, [place])
    if (foreign := _foreign_type(around.object_type)) is not None:
        raise IntakeFailed(
            f"The `#TYPE` line says that this is a list of {foreign}: the ids under `{name}` are theirs, and the "
            f"action takes no other than Intune's device ids. {INSTEAD}{overrule}"
        )
    if (mark := _entra_mark(around)) is not None:
        raise IntakeFailed(
            f"This is a list from Microsoft Entra: beside `{name}` stands `{mark}`. Entra's ids look like Intune's "
            f"device ids and are others, and the action takes no other than Intune's. {INSTEAD}{overrule}"
        )
    if _has_sign(place, around):
        return
    if (source := _foreign_source(around.signs)) is not None:
        raise IntakeFailed(
            f"This is a list from {source}, and nothing in it shows that the ids under `{name}` are Intune's device "
            f"ids. The action takes no other. {INSTEAD}{overrule}"
        )
    beside = _id_beside(place, around)
    raise IntakeFailed(
        f"Nothing in this list shows that the ids under `{name}` are Intune's device ids{beside}. Ids of Entra "
        "devices, users, groups and applications look the same, and the action takes no other than Intune's. "
        f"{INSTEAD}{overrule}"
    )


def refuse_other_ids(around: Surroundings) -> None:
    """IntakeFailed, if the columns of a list without a managed device id show which other ids it holds."""
    overrule = overruling(around, range(len(around.header)))
    if (foreign := _foreign_type(around.object_type)) is not None:
        raise IntakeFailed(
            f"The `#TYPE` line says that this is a list of {foreign}. The action takes no other ids than Intune's "
            f"device ids. {INSTEAD}{overrule}"
        )
    entra = [ENTRA_IDS[name] for name in around.names if name in ENTRA_IDS]
    if entra:
        raise IntakeFailed(
            f"The file has only Entra ids (`{entra[0]}`): Entra's id of a device is not Intune's, and the action takes "
            f"no other than Intune's. {INSTEAD}{overrule}"
        )
    if (mark := _entra_mark(around)) is not None:
        raise IntakeFailed(
            f"This is a list from Microsoft Entra (it has `{mark}`), and no column of it holds Intune's device ids. "
            f"The action takes no other. {INSTEAD}{overrule}"
        )
    if (source := _foreign_source(around.signs)) is not None:
        raise IntakeFailed(
            f"This is a list from {source}, and no column of it holds Intune's device ids. The action takes no other. "
            f"{INSTEAD}{overrule}"
        )


def refuse_group_template(header: Sequence[str]) -> None:
    """IntakeFailed, if this row is that of a template for the members of an Entra group."""
    first = bare(header[0]).casefold() if header else ""
    if first.startswith("version:v") or any("objectid" in name.casefold() and "[" in name for name in header):
        raise IntakeFailed(
            "This is Microsoft Entra's template for the members of a group. It holds Entra object ids, which are not "
            f"Intune's device ids, and the action takes no other than Intune's. {INSTEAD}"
        )


def refuse_unlike_ids(texts: Sequence[str]) -> None:
    """IntakeFailed, if the first ids of a list are all of one kind that other products use and Intune does not."""
    for pattern, owner in _UNLIKE_IDS:
        if texts and all(pattern.fullmatch(bare(text)) for text in texts):
            raise IntakeFailed(
                f"The ids of this list are those of {owner}, and the action takes no other than Intune's device ids, "
                f"which are GUIDs. {INSTEAD}"
            )


def overruling(around: Surroundings, places: Collection[int]) -> str:
    """How `--column` overrules a refusal, as a sentence; nothing where no column could be named."""
    fitting = [bare(around.header[place]) for place in places if around.may_hold_ids(place)]
    if not fitting:
        return ""
    one = fitting[0] if len(fitting) == 1 and re.fullmatch(r"[\w.-]+", fitting[0]) else None
    spelled = one or (f'"{fitting[0]}"' if len(fitting) == 1 and '"' not in fitting[0] else "NAME")
    shown = spelled if len(spelled) <= _LONGEST_SHOWN and spelled.isprintable() else "NAME"
    return f" (`--column {shown}` overrules this, if you know that they are Intune's device ids.)"


def _has_sign(place: int, around: Surroundings) -> bool:
    """Signs (a) to (d) of the public contract; sign (e), an inventory that knows every id, needs the rows as well."""
    names = around.names
    if sum(1 for name in names if name) == 1:
        return True
    # Letter case and invisible characters apart, only this spelling has its blank between the two words.
    if re.fullmatch(r"device\s+id", seen(around.header[place]).casefold()):
        return True
    if around.object_type is not None and _MANAGED_DEVICE_TYPE.search(around.object_type):
        return True
    beside = {sign for other, sign in enumerate(around.signs) if other != place}
    if names[place] == "deviceid" and not beside.isdisjoint(_ENTRA_DEVICE_IDS):
        return True
    if not beside.isdisjoint(_ONLY_INTUNE):
        return True
    # These stand in the exports of Autopilot, ConfigMgr, Defender and Active Directory too: beside the columns that
    # only those have they are no sign of Intune.
    return not beside.isdisjoint(_MOSTLY_INTUNE) and _foreign_source(around.signs) is None


def _entra_mark(around: Surroundings) -> str | None:
    """The name of a column that only Entra's lists have; None where there is none."""
    signs = around.signs
    is_complete_device = len(_MANAGED_DEVICE_PROPERTIES.intersection(signs)) >= _ENOUGH_PROPERTIES
    for place, sign in enumerate(signs):
        # The modules of Graph PowerShell give every object this column, managed devices among them.
        if sign == "additionalproperties" and is_complete_device:
            continue
        if sign in _ONLY_ENTRA or sign.startswith(_ONLY_ENTRA_STARTS):
            return shown(around.header[place])
    for pair in _ONLY_ENTRA_PAIRS:
        if all(sign in signs for sign in pair):
            return shown(around.header[signs.index(pair[1])])
    return None


def _foreign_source(signs: Sequence[str]) -> str | None:
    present = set(signs)
    return next((source for source, columns in _SOURCES.items() if not present.isdisjoint(columns)), None)


def _foreign_type(object_type: str | None) -> str | None:
    if object_type is None or _MANAGED_DEVICE_TYPE.search(object_type):
        return None
    found = _GRAPH_TYPE.search(object_type) or _OTHER_TYPE.search(object_type)
    return f"`{shown(found['name'])}` objects" if found else None


def _id_beside(place: int, around: Surroundings) -> str:
    names = around.names
    others = [shown(around.header[other]) for other, name in enumerate(names) if other != place and name in _ID_NAMES]
    return f" (`{others[0]}` stands beside it)" if others else ""


INSTEAD = (
    "Export Intune admin center > Devices > All devices instead, and give that file: its column `Device ID` is the one "
    "that works."
)

ENTRA_IDS = {
    "azureaddeviceid": "Azure AD Device ID",
    "azureactivedirectorydeviceid": "AzureActiveDirectoryDeviceId",
    "microsoftentradeviceid": "Microsoft Entra Device ID",
    "microsoftentraiddeviceid": "Microsoft Entra ID Device ID",
    "entradeviceid": "Entra Device ID",
    "aaddeviceid": "AadDeviceId",
    "objectid": "Object ID",
}
"""Names of columns, folded, that hold Entra ids and say so."""

_TAKEN_BY_NAME = frozenset({"manageddeviceid", "intunedeviceid"})
_ID_NAMES = frozenset({"id", "deviceid"})
_ENTRA_DEVICE_IDS = frozenset({"azureaddeviceid", "microsoftentradeviceid"})

# Names as the admin center's exports, its report jobs and `Get-MgDeviceManagementManagedDevice` write them. Ownership,
# compliance and the operating system stand in Entra's lists too.
_ONLY_INTUNE = frozenset(
    {
        *("managementagent", "managementagents", "managementagentloc", "managedbyloc"),
        *("lastcheckin", "lastcheckintime", "lastcheckindatetime", "lastcontact", "lastsync", "lastsyncdatetime"),
    }
)
_MOSTLY_INTUNE = frozenset({"serialnumber", "managedby"})
_ONLY_ENTRA = frozenset(
    {
        # devices: the portal's export, Get-MgDevice, Get-AzureADDevice
        *("trusttype", "devicetrusttype", "accountenabled", "physicalids", "alternativesecurityids", "systemlabels"),
        *("devicetrustlevel", "deviceobjectversion", "profiletype", "registrationdatetime", "registrationtime"),
        *("registeredowners", "registeredusers", "mdmdisplayname", "mdmappid"),
        # every directory object
        *("deleteddatetime", "deleteddate", "deletiontimestamp", "additionalproperties", "objecttype"),
        *("onpremisessecurityidentifier", "onpremisessyncenabled", "onpremiseslastsyncdatetime", "dirsyncenabled"),
        *("lastdirsynctime", "onpremisesdistinguishedname", "onpremisesimmutableid", "onpremisessamaccountname"),
        # users and members of groups
        *("mail", "usertype", "isuser", "isgroup", "isguest", "givenname", "surname", "jobtitle", "businessphones"),
        *("proxyaddresses", "usagelocation", "mailnickname", "othermails", "directorysynced", "creationtype"),
        # groups
        *("grouptypes", "grouptype", "membershiptype", "membershiprule", "mailenabled", "securityenabled"),
        "isassignabletorole",
        # applications and service principals
        *("appid", "appdisplayname", "publisherdomain", "signinaudience", "serviceprincipaltype"),
        *("serviceprincipalnames", "approles", "identifieruris", "keycredentials", "passwordcredentials"),
    }
)
_ONLY_ENTRA_STARTS = ("approximatelast", "jointypetrusttype")
# The columns of the device list in the portal are short words, each of which a list of one's own may have too.
_ONLY_ENTRA_PAIRS = (("jointype", "objectid"), ("registered", "activity"), ("jointype", "registered"))
_MANAGED_DEVICE_PROPERTIES = frozenset(
    {
        *("managementagent", "enrolleddatetime", "manageddevicename", "manageddeviceownertype", "deviceenrollmenttype"),
        *("managementstate", "deviceregistrationstate", "compliancegraceperiodexpirationdatetime", "azureadregistered"),
        *("devicecategorydisplayname", "managementcertificateexpirationdate", "partnerreportedthreatstate"),
        *("deviceactionresults", "configurationmanagerclientenabledfeatures", "jailbroken", "lastsyncdatetime"),
    }
)
_ENOUGH_PROPERTIES = 3

_SOURCES = {
    "Windows Autopilot": frozenset(
        {
            *("grouptag", "purchaseorder", "purchaseorderidentifier", "productkey", "windowsproductid", "hardwarehash"),
            *("deploymentprofileassignmentstatus", "profilestatus", "enrollmentprofile", "addressableusername"),
            *("associatedintunedevice", "associatedmicrosoftentradevice", "associatedazureaddevice"),
            *("azureactivedirectorydeviceid", "lastcontacteddatetime", "deploymentprofileassigneddatetime"),
            *("enrollmentstate", "userlessenrollmentstatus", "deploymentprofileassignmentdetailedstatus"),
        }
    ),
    "ConfigMgr": frozenset(
        {
            *("smsid", "smsuniqueidentifier", "resourceid", "sitecode", "aadtenantid", "collectionid", "isobsolete"),
            *("clientactivestatus", "lastpolicyrequest", "cnisonline", "cnlastonlinetime", "machineid", "smbiosguid"),
            *("resourcetype", "lastactivetime", "isclient", "clientcheckpass", "smsassignedsites"),
        }
    ),
    "Microsoft Defender": frozenset(
        {
            *("exposurelevel", "exposurescore", "onboardingstatus", "sensorhealthstate", "rbacgroupname"),
            *("rbacgroupid", "riskscore", "risklevel", "osplatform", "computerdnsname", "defenderavstatus"),
            *("devicevalue", "machinetags"),
        }
    ),
    "Active Directory": frozenset(
        {
            *("objectguid", "distinguishedname", "samaccountname", "objectsid", "sid", "dnshostname", "objectclass"),
            *("useraccountcontrol", "lastlogontimestamp", "pwdlastset", "objectcategory"),
        }
    ),
}
"""Columns, folded, by which the lists of other products are told; they are no sign beside a name that Intune uses."""

_MANAGED_DEVICE_TYPE = re.compile(r"ManagedDevice\d*$")
_GRAPH_TYPE = re.compile(r"MicrosoftGraph(?P<name>[A-Za-z]\w*)$")
_OTHER_TYPE = re.compile(r"(?P<name>Microsoft\.(?:ActiveDirectory|ConfigurationManagement|Open\.AzureAD)[\w.]*)")
_LONGEST_SHOWN = 80
_UNLIKE_IDS = (
    (re.compile(r"[0-9a-fA-F]{40}", re.ASCII), "Microsoft Defender"),
    (re.compile(r"GUID:.*", re.IGNORECASE), "ConfigMgr clients"),
    (re.compile(r"[0-9]{1,12}", re.ASCII), "ConfigMgr resources or another product"),
)
