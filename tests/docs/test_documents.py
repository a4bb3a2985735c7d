"""What the documents name is there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_tests_and_files_that_a_document_names_are_there(document: Path) -> None:
    text = document.read_text()
    missing = []
    for name in re.findall(r"`(tests/[\w/]+\.py(?:::\w+)?)`", text):
        file, _, test = name.partition("::")
        if not (ROOT / file).exists() or (test and f"def {test}(" not in (ROOT / file).read_text()):
            missing.append(name)
    for link in re.findall(r"\]\(([^)#:]+)\)", text):
        if not (document.parent / link).exists():
            missing.append(link)
    assert missing == []
