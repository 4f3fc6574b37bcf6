"""Names or ids that somebody pastes into the form of a new job, read as a device list of one column."""

from __future__ import annotations

from dataclasses import replace
from io import BytesIO

from orchestrator.http.uploads import Upload

PASTED_FIELD = "pasted"
_FILE_NAME = "pasted-devices.csv"


def with_pasted(upload: Upload) -> Upload:
    """The upload with the pasted devices as its list, where no file was chosen; a chosen file wins."""
    lines = upload.besides.get(PASTED_FIELD, "").splitlines()
    devices = [line.strip() for line in lines if line.strip()]
    if upload.file_name is not None or not devices:
        return upload
    return replace(upload, stream=BytesIO("\n".join(devices).encode()), file_name=_FILE_NAME)
