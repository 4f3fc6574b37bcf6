from __future__ import annotations

import re
from pathlib import Path

import pytest
from sybil import Sybil
from sybil.parsers.markdown import PythonCodeBlockParser

from tests.support.checkout import ROOT, tracked_files

DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
WITH_PYTHON = [document for document in DOCUMENTS if "```python" in document.read_text(encoding="utf-8")]


@pytest.mark.parametrize("document", WITH_PYTHON, ids=lambda file: file.relative_to(ROOT).as_posix())
def test_the_python_in_a_document_runs(document: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    for example in Sybil(parsers=[PythonCodeBlockParser()]).parse(document):
        example.evaluate()


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda file: file.relative_to(ROOT).as_posix())
def test_every_link_inside_the_checkout_leads_somewhere(document: Path) -> None:
    prose = re.sub(r"^```.*?^```", "", document.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    links = [link for link in re.findall(r"\]\(([^)\s]+)\)", prose) if not re.match(r"[a-z]+:", link)]

    broken = [link for link in links if not _leads_somewhere(document, link)]

    assert broken == []


def test_the_page_about_tests_names_only_tests_that_there_are() -> None:
    named = set(re.findall(r"`(test_\w+)`", (ROOT / "docs" / "tests.md").read_text(encoding="utf-8")))
    defined = {
        name for file in ROOT.glob("tests/**/*.py") for name in re.findall(r"def (test_\w+)", file.read_text("utf-8"))
    }

    assert named
    assert named - defined == set()


def _leads_somewhere(document: Path, link: str) -> bool:
    path, _, anchor = link.partition("#")
    target = (document.parent / path) if path else document
    if not target.exists():
        return False
    return not anchor or target.suffix != ".md" or anchor in _anchors(target)


def _anchors(document: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", document.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_each_test_of_the_table_of_expensive_ones_is_there() -> None:
    named = re.findall(r"^\| `(test_\w+)` \|", (ROOT / "docs" / "tests.md").read_text(encoding="utf-8"), re.MULTILINE)
    sources = "".join(file.read_text(encoding="utf-8") for file in tracked_files("tests/**/test_*.py"))

    assert named
    assert [name for name in named if f"def {name}(" not in sources] == []
