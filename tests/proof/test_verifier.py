"""The stand-alone verifier as a customer runs it: a program of its own, a file and a key."""

import json
from pathlib import Path

import pytest

from tests.proof.publishing import new_seals
from tests.proof.receipts import answer, consistency, proofs, receipt, saved
from tests.proof.sealed import Sealed, check

pytestmark = pytest.mark.asyncio


async def test_receipts_of_all_entries_are_true(sealed: Sealed, sealed_url: str, tmp_path: Path) -> None:
    found = await proofs(sealed_url, sealed)
    assert len(found) > 5
    wrapped = {"data": {"nodes": [{"id": "x", "proof": receipt(proof)} for proof in found] + [{"proof": None}]}}
    code, said = sealed.check("receipt", saved(tmp_path / "receipts.json", wrapped))
    assert code == 0
    assert said.count("TRUE: ") == len(found)
    assert "TRUE: ACCOUNT_OPENED, number 1 of book" in said
    code, said = sealed.check("receipt", saved(tmp_path / "one.json", receipt(found[0])))
    assert (code, said.count("TRUE: ")) == (0, 1)


async def test_a_receipt_says_what_was_moved(sealed: Sealed, sealed_url: str, tmp_path: Path) -> None:
    """Or it would prove that there was a deposit, and not of how much."""
    found = receipt((await proofs(sealed_url, sealed))[1])
    code, said = sealed.check("receipt", saved(tmp_path / "receipt.json", found))
    assert code == 0
    assert said.splitlines()[1:] == ["  USD settled: 1000.00000000"]


async def test_the_log_goes_on_from_each_of_its_checkpoints(sealed: Sealed, sealed_url: str, tmp_path: Path) -> None:
    for old in sealed.sizes:
        for new in (size for size in sealed.sizes if size >= old):
            proof = await consistency(sealed_url, sealed, old, new)
            code, said = sealed.check("consistency", saved(tmp_path / "proof.json", {"data": answer(proof)}))
            assert code == 0, said
            assert f"with {new} entries" in said


async def test_what_is_not_true_is_said_with_the_reason(sealed: Sealed, sealed_url: str, tmp_path: Path) -> None:
    found = receipt((await proofs(sealed_url, sealed))[1])
    first, second = (receipt(each) for each in (await proofs(sealed_url, sealed))[:2])
    entry = json.loads(found["leaf"])
    richer = json.dumps(entry | {"transfers": [[1, 2, "1000000.00000000"]]}, separators=(",", ":"))
    for changed, why in (
        ({"leaf": richer}, "is not in the log"),
        ({"index": found["index"] + 1}, "is not in the log"),
        ({"index": -1}, "has no entry number -1"),
        ({"index": found["treeSize"]}, "has no entry number"),
        ({"treeSize": found["treeSize"] + 1}, "the proof is for a log of"),
        ({"auditPath": found["auditPath"][:-1]}, "too short"),
        ({"auditPath": [*found["auditPath"], found["auditPath"][0]]}, "too long"),
        ({"auditPath": first["auditPath"]}, "is not in the log"),
        ({"auditPath": [*found["auditPath"][:-1], "AAAA"]}, "no hash"),
        ({"checkpoint": found["checkpoint"].replace("time 2026", "time 2027")}, "signature is not of its text"),
    ):
        code, said = sealed.check("receipt", saved(tmp_path / "receipt.json", found | changed))
        assert (code, why in said) == (1, True), said
        assert said.startswith("NOT TRUE: ")
    assert first["auditPath"] != second["auditPath"]


async def test_the_key_decides(sealed: Sealed, sealed_url: str, tmp_path: Path) -> None:
    file = saved(tmp_path / "receipt.json", receipt((await proofs(sealed_url, sealed))[0]))
    name, _, _ = sealed.keys[0].split("+", 2)
    other = [str(key) for key in new_seals().keys.verifiers(name)]
    code, said = check("receipt", file, other)
    assert (code, "not signed with the key that you gave" in said) == (1, True)
    assert check("receipt", file, [*other, *sealed.keys])[0] == 0, "one of several is enough"
    for none in ("", "nonsense", f"{name}+00000000+AAAA"):
        code, said = check("receipt", file, [none])
        assert (code, "CAN'T BE READ" in said) == (2, True)


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", "no JSON", '{"leaf": 1}', "[" * 100_000, '{"a": 1, "a": 2}', "\ud800"]
)
@pytest.mark.parametrize("what", ["receipt", "history", "consistency"])
async def test_what_is_no_proof_can_not_be_read(sealed: Sealed, tmp_path: Path, what: str, text: str) -> None:
    file = tmp_path / "file"
    file.write_bytes(text.encode(errors="surrogatepass"))
    code, said = sealed.check(what, file)
    assert code == 2
    assert said.startswith("CAN'T BE READ: ")
    assert "Traceback" not in said
    assert sealed.check(what, tmp_path / "nothing")[0] == 2
