from __future__ import annotations

import pytest

from orchestrator.graph import error_catalogue as meanings
from orchestrator.web.page_words import in_page_words


def test_no_hint_names_an_option_or_a_command_in_backticks() -> None:
    tables = (meanings._BY_BOTH, meanings._BY_CODE, meanings._BY_STATUS)
    said = [in_page_words(text) for table in tables for each in table.values() for text in each[:2]]

    assert len(said) > 50
    assert [text for text in said if "`" in text or " --" in text or "(--" in text or "MUSTER_" in text] == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Mend the file, or take the good rows with --skip-invalid.", "Mend the file, or take the good rows."),
        (
            "There is no job 'x'. `muster job list` shows the jobs there are.",
            "'x'. The page Jobs shows the jobs there are.",
        ),
        (
            "--jitter may take a job beyond its window",
            "“Random delay of the start, at most” may take a job beyond its window",
        ),
        ("say --via managedDevices", "say “Addressed via” managedDevices"),
        ("Then go on with `muster job resume abc`.", "Then resume the job."),
        ("matched up to 7 d (MUSTER_INVENTORY_MAX_AGE), which", "matched up to 7 d, which"),
        (
            "Check MUSTER_CLOUD and MUSTER_GRAPH_URL.",
            "Check the cloud in the settings and the address of Graph in the settings.",
        ),
        ("A plain sentence - with a dash.", "A plain sentence - with a dash."),
    ],
)
def test_a_message_of_the_command_line_is_said_in_the_words_of_the_pages(text: str, words: str) -> None:
    assert in_page_words(text).endswith(words)
