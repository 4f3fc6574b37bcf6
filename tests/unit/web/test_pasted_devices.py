from __future__ import annotations

from io import BytesIO

from orchestrator.domain.action import Action
from orchestrator.http.uploads import SubmissionForm, Upload
from orchestrator.web.pasted_devices import PASTED_FIELD, with_pasted

FORM = SubmissionForm(action=Action.QUICK_SCAN)


def test_pasted_names_become_a_list_of_one_column() -> None:
    upload = with_pasted(Upload(BytesIO(), None, FORM, {PASTED_FIELD: " BER-LT-0412\r\n\r\nMUC-PC-1187 \n"}))

    assert upload.file_name == "pasted-devices.csv"
    assert upload.stream.read() == b"BER-LT-0412\nMUC-PC-1187"


def test_a_chosen_file_comes_before_what_was_pasted_and_blanks_are_no_list() -> None:
    chosen = Upload(BytesIO(b"x"), "ring.csv", FORM, {PASTED_FIELD: "BER-LT-0412"})
    blank = Upload(BytesIO(), None, FORM, {PASTED_FIELD: " \n "})

    assert with_pasted(chosen) is chosen
    assert with_pasted(blank) is blank
