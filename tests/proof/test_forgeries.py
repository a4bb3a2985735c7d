"""What even the holder of the key can't have: a log that contradicts itself. The verifier reads what it proves."""

import base64
import json
from collections.abc import Sequence
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from app.proof.checkpoint import FIRST, Checkpoint
from app.proof.note import SignerKey
from app.proof.tree import audit_path, cover, fold, hash_leaf, hashes_of, levels
from tests.ledger.books import NOON
from tests.proof.trees import load_verifier

verifier = load_verifier()
KEY = SignerKey("test.example/tenant/1", Ed25519PrivateKey.from_private_bytes(bytes(32)))
ACCOUNT = "01a1ff60-32b4-706f-9da2-e2feaae50953"
OPENED: dict[str, Any] = {
    "actor": "test",
    "book": 3,
    "cause": None,
    "correlation": ACCOUNT,
    "data": {"account": ACCOUNT},
    "effective_at": "2026-11-25T12:00:00.000000Z",
    "journal": 1,
    "position": 1,
    "recorded_at": "2026-11-25T12:00:00.000000Z",
    "sequence": 1,
    "transfers": [],
    "type": "ACCOUNT_OPENED",
    "version": 1,
}
SETTLED = 3 << 25 | 1 << 5 | 3
DEPOSIT: dict[str, Any] = OPENED | {
    "data": {},
    "position": 2,
    "sequence": 2,
    "transfers": [[1, SETTLED, "5.00000000"]],
    "type": "DEPOSIT",
}


def history(entries: Sequence[Any], balances: Sequence[Any]) -> str:
    """A log of these entries and nothing else, signed, as the history of an account."""
    leaves = [json.dumps(entry) for entry in entries]
    rows = levels([hash_leaf(leaf.encode()) for leaf in leaves])
    nodes = {(level, number): hash_ for level, row in enumerate(rows) for number, hash_ in enumerate(row)}
    size = len(leaves)
    root = fold([nodes[node] for node in cover(0, size)])
    note = KEY.sign(Checkpoint(KEY.name, size, root, NOON, FIRST).text)
    head = {"account": ACCOUNT, "journal": 1, "book": 3, "entries": size, "treeSize": size, "checkpoint": note}
    lines: list[Any] = [head]
    for index, leaf in enumerate(leaves):
        path = [base64.b64encode(hash_).decode() for hash_ in hashes_of(audit_path(index, size), nodes)]
        lines.append({"leaf": leaf, "index": index, "auditPath": path})
    return "\n".join(map(json.dumps, [*lines, {"balances": balances}]))


def check(entries: Sequence[Any], balances: Sequence[Any]) -> str:
    said: str = verifier.check_history(history(entries, balances), [verifier.key_from(str(KEY.verifier))])
    return said


def test_an_honest_log_is_true() -> None:
    said = check([OPENED, DEPOSIT], [[SETTLED, "5.00000000"]])
    assert said.startswith("TRUE: all 2 entries")
    assert said.endswith("USD settled: 5.00000000")
    back = DEPOSIT | {"position": 3, "sequence": 3, "transfers": [[SETTLED, 1, "7.00000000"]]}
    assert check([OPENED, DEPOSIT, back], [[SETTLED, "-2.00000000"]]).endswith("settled: -2.00000000")


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"position": 3}, "the entry says that it is number 3, but it stands at 2"),
        ({"position": 1}, "the entry says that it is number 1, but it stands at 2"),
        ({"journal": 2}, "the entry is of journal 2"),
        ({"book": 4}, "is of book 4"),
        ({"sequence": 3}, "entry 2 of the account is missing: 3 comes next"),
        ({"sequence": True}, "has not the fields of an entry"),
        ({"balance": "1.00000000"}, "has not the fields of an entry"),
        ({"data": None}, "has not the fields of an entry"),
        ({"transfers": [[1, SETTLED]]}, "is not a transfer"),
        ({"transfers": [[1, SETTLED, 5]]}, "is not a transfer"),
        ({"transfers": [[1, SETTLED, "5.0"]]}, "is not a transfer"),
        ({"transfers": [[1, SETTLED, "5.000000001"]]}, "is not a transfer"),
        ({"transfers": [[1, str(SETTLED), "5.00000000"]]}, "is not a transfer"),
        ({"transfers": [[True, SETTLED, "5.00000000"]]}, "is not a transfer"),
        ({"transfers": [[1, SETTLED, "5.00000001"]]}, "is said to stand at 5.00000000, but the entries add up to"),
        ({"transfers": [[1, SETTLED + 1, "5.00000000"]]}, "not of the ledger accounts that the entries move"),
        ({"transfers": []}, "not of the ledger accounts that the entries move"),
    ],
)
def test_a_log_that_contradicts_itself_is_not_true(changed: dict[str, Any], why: str) -> None:
    with pytest.raises(verifier.NotTrue, match=why):
        check([OPENED, DEPOSIT | changed], [[SETTLED, "5.00000000"]])


@pytest.mark.parametrize("changed", [{"type": "DEPOSIT"}, {"data": {}}, {"data": {"account": KEY.name}}])
def test_a_history_begins_with_the_opening_of_its_account(changed: dict[str, Any]) -> None:
    with pytest.raises(verifier.NotTrue, match="does not begin with the opening"):
        check([OPENED | changed, DEPOSIT], [[SETTLED, "5.00000000"]])


@pytest.mark.parametrize("balances", [[[SETTLED, "5.00000000"]] * 2, [[SETTLED, "5"]], [[SETTLED]], [5]])
def test_balances_are_stated_once_and_exactly(balances: list[Any]) -> None:
    with pytest.raises((verifier.NotTrue, verifier.Unreadable)):
        check([OPENED, DEPOSIT], balances)
