"""Files for the stand-alone verifier in which something was changed, down to a single bit."""

import asyncio
import base64
import json
import re
import string
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.infra import embedded
from app.ledger.chart import BookKind, Kind
from tests.conftest import fresh_database
from tests.proof.conftest import Template
from tests.proof.receipts import answer, consistency, proofs, receipt
from tests.proof.sealed import Sealed
from tests.proof.trees import load_verifier

verifier = load_verifier()


def holds(what: str, text: bytes, keys: Sequence[str]) -> bool:
    """The same as the program, without starting it."""
    try:
        verifier.CHECKS[what](text.decode(), [verifier.key_from(key) for key in keys])
    except (verifier.NotTrue, verifier.Unreadable, UnicodeError, RecursionError):
        return False
    return True


@pytest.fixture(scope="module")
def files(sealed_template: Template, postgres: embedded.Server) -> dict[str, bytes]:
    """A receipt, a history and a consistency proof, each as a file."""
    sealed = sealed_template.sealed
    with fresh_database(postgres, sealed_template.name) as url, tempfile.TemporaryDirectory() as folder:
        found = asyncio.run(proofs(url, sealed))
        lines = asyncio.run(sealed.history(url, Path(folder) / "history.jsonl")).read_bytes()
        log = asyncio.run(consistency(url, sealed, *sealed.sizes[1:]))
    return {
        "receipt": json.dumps(receipt(found[3]), ensure_ascii=False).encode(),
        "history": lines,
        "consistency": json.dumps(answer(log), ensure_ascii=False).encode(),
    }


@pytest.mark.parametrize("what", ["receipt", "history", "consistency"])
@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(chosen=st.data())
def test_no_bit_can_be_flipped(files: dict[str, bytes], sealed: Sealed, what: str, chosen: st.DataObject) -> None:
    damaged = bytearray(files[what])
    bit = chosen.draw(st.integers(0, len(damaged) * 8 - 1))
    assert holds(what, bytes(damaged), sealed.keys)
    damaged[bit // 8] ^= 1 << bit % 8
    assert not holds(what, bytes(damaged), sealed.keys)


@pytest.mark.parametrize("what", ["receipt", "consistency"])
def test_hashes_have_one_form(files: dict[str, bytes], sealed: Sealed, what: str) -> None:
    """32 bytes leave two bits of base64 unused."""
    text = files[what].decode()
    hashes = re.findall(r'"([A-Za-z0-9+/]{43}=)"', text)
    assert len(hashes) > 3
    for found in hashes:
        same = base64.b64decode(found)
        forms = [f"{found[:42]}{last}=" for last in string.ascii_letters + string.digits + "+/"]
        others = [form for form in forms if form != found and base64.b64decode(form) == same]
        assert len(others) == 3
        assert not holds(what, text.replace(found, others[0]).encode(), sealed.keys)


@pytest.mark.parametrize(("what", "field"), [("receipt", "index"), ("history", "treeSize"), ("consistency", "path")])
def test_no_field_comes_twice(files: dict[str, bytes], sealed: Sealed, what: str, field: str) -> None:
    """Else two readers could read two things."""
    text = files[what].decode()
    assert not holds(what, text.replace(f'"{field}"', f'"{field}": 5, "{field}"', 1).encode(), sealed.keys)


def test_kinds_are_those_of_the_chart() -> None:
    assert set(verifier.KINDS) == {int(kind) for kind in Kind if kind.book_kind is BookKind.CUSTOMER}


Change = Callable[[list[dict[str, Any]]], None]


def drop(number: int) -> Change:
    def change(lines: list[dict[str, Any]]) -> None:
        del lines[number]

    return change


def put(number: int, **values: Any) -> Change:
    def change(lines: list[dict[str, Any]]) -> None:
        lines[number] |= values

    return change


def swap(lines: list[dict[str, Any]]) -> None:
    lines[2], lines[3] = lines[3], lines[2]


def twice(lines: list[dict[str, Any]]) -> None:
    lines.insert(2, lines[2])


def richer(lines: list[dict[str, Any]]) -> None:
    lines[-1]["balances"][0][1] = "1000000.00000000"


def poorer(lines: list[dict[str, Any]]) -> None:
    lines[-1]["balances"].pop()


def shorter(lines: list[dict[str, Any]]) -> None:
    """Cut off with everything that says how long it was; the balances are still those of the whole."""
    del lines[-2]
    lines[0]["entries"] -= 1


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (drop(1), "entry 1 of the account is missing: 2 comes next"),
        (drop(3), "entry 3 of the account is missing: 4 comes next"),
        (drop(-2), "entries, but there are"),
        (shorter, "the entries"),
        (swap, "entry 2 of the account is missing: 3 comes next"),
        (twice, "entry 3 of the account is missing: 2 comes next"),
        (richer, "is said to stand at 1000000.00000000, but the entries add up to"),
        (poorer, "not of the ledger accounts that the entries move"),
        (put(0, account="01a1ff60-32b4-706f-9da2-e2feaae50953"), "does not begin with the opening of account"),
        (put(0, book=1), "is of book"),
        (put(0, journal=2), "is of book"),
        (put(0, treeSize=5), "the proof is for a log of 5 entries"),
        (put(2, index=0), "is not in the log"),
    ],
)
def test_a_history_is_whole_or_not_true(
    files: dict[str, bytes], sealed: Sealed, tmp_path: Path, change: Change, why: str
) -> None:
    lines = [json.loads(line) for line in files["history"].splitlines()]
    change(lines)
    file = tmp_path / "history.jsonl"
    file.write_text("\n".join(json.dumps(line) for line in lines))
    code, said = sealed.check("history", file)
    assert (code, why in said) == (1, True), said


def test_the_verifier_imports_nothing_of_ours() -> None:
    text = Path(verifier.__file__).read_text()
    imported = {line.split()[1].partition(".")[0] for line in text.splitlines() if line.startswith(("import", "from"))}
    assert imported == {
        "argparse", "base64", "collections", "cryptography", "dataclasses", "hashlib", "json", "pathlib", "sys",
        "typing",
    }  # fmt: skip
