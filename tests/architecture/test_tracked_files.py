from __future__ import annotations

import re
import tempfile
from pathlib import Path

from tests.support.checkout import ROOT, tracked_files

SOMEBODYS_HOME = re.compile(r"/Users/\w|/home/(?!muster\b)\w|[A-Z]:\\Users\\\w")


def test_no_file_names_a_place_on_the_machine_it_was_written_on() -> None:
    places = [f"{place}/" for place in (ROOT, Path.home(), Path(tempfile.gettempdir()) / "pytest-of-")]
    leaks = []
    for file in tracked_files():
        text = file.read_bytes().decode(errors="replace")
        found = [place for place in places if place in text] + SOMEBODYS_HOME.findall(text)
        leaks += [(file.relative_to(ROOT).as_posix(), each) for each in found if file != Path(__file__)]

    assert leaks == []


def test_no_file_carries_a_credential() -> None:
    # A private key, a JWT with a payload, a secret as Entra issues them.
    signs = re.compile(rb"-----BEGIN [A-Z ]*PRIVATE KEY-----\n|eyJ[\w-]{20,}\.eyJ[\w-]{20,}\.|\b\w{3}8Q~[\w~.-]{34}\b")

    assert [file.name for file in tracked_files() if signs.search(file.read_bytes())] == []
