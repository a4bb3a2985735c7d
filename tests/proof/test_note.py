"""Signed notes and checkpoints: a published note, what is refused, and ours read by the stand-alone verifier."""

import contextlib
import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from app.proof.checkpoint import FIRST, Checkpoint, open_checkpoint
from app.proof.note import NoteInvalid, SignerKey, VerifierKey, from_base64, open_note
from tests.ledger.books import NOON
from tests.proof.trees import load_verifier

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "notes.json").read_text())["note"]
ORIGIN = "test.example/log/1"
KEY = SignerKey(ORIGIN, Ed25519PrivateKey.from_private_bytes(bytes(32)))
OTHER = SignerKey(ORIGIN, Ed25519PrivateKey.from_private_bytes(b"\1" * 32))
CHECKPOINT = Checkpoint(ORIGIN, 123, b"\7" * 32, NOON, FIRST)
verifier = load_verifier()


def published_key() -> VerifierKey:
    name, _, encoded = GOLDEN["key"].split("+", 2)
    return VerifierKey(name, from_base64(encoded)[1:])


def test_a_published_note_is_read() -> None:
    assert str(published_key()) == GOLDEN["key"]
    assert open_note(GOLDEN["note"], [published_key()]) == GOLDEN["text"]


def test_a_checkpoint_is_three_lines_and_two_more() -> None:
    note = KEY.sign(CHECKPOINT.text)
    assert note.split("\n")[:5] == [
        ORIGIN,
        "123",
        "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=",
        "time 2026-11-25T12:00:00.000000Z",
        "previous AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
    ]
    assert note == KEY.sign(CHECKPOINT.text), "signing again gives the same note"
    assert open_checkpoint(note, [OTHER.verifier, KEY.verifier]) == CHECKPOINT
    found = verifier.open_checkpoint(note, [verifier.key_from(str(KEY.verifier))])
    assert (found.origin, found.size, found.root) == (ORIGIN, 123, CHECKPOINT.root)


def test_other_peoples_signatures_are_let_be() -> None:
    note = KEY.sign(CHECKPOINT.text)
    witnessed = note + OTHER.sign("x\n").splitlines()[-1].replace(ORIGIN, "witness.example") + "\n"
    assert open_checkpoint(witnessed, [KEY.verifier]) == CHECKPOINT
    assert verifier.open_checkpoint(witnessed, [verifier.key_from(str(KEY.verifier))]).size == 123


def test_a_note_with_any_bit_changed_is_refused() -> None:
    """Bits that base64 doesn't use, too: else there were two forms of one signature."""
    note = KEY.sign(CHECKPOINT.text).encode()
    key = verifier.key_from(str(KEY.verifier))
    for bit in range(len(note) * 8):
        changed = bytearray(note)
        changed[bit // 8] ^= 1 << bit % 8
        with contextlib.suppress(UnicodeDecodeError):
            damaged = changed.decode()
            with pytest.raises(NoteInvalid):
                open_checkpoint(damaged, [KEY.verifier])
            with pytest.raises(verifier.NotTrue):
                verifier.open_checkpoint(damaged, [key])


ELSEWHERE = SignerKey("test.example/log/2", KEY.private)


@pytest.mark.parametrize(
    "note",
    [
        "",
        "text\n",
        "text\n\n",
        OTHER.sign(CHECKPOINT.text),
        KEY.sign("no checkpoint\n"),
        KEY.sign(CHECKPOINT.text.replace("123", "0123")),
        KEY.sign(CHECKPOINT.text.replace("123", "-1")),
        KEY.sign(CHECKPOINT.text.replace("BwcH", "", 1)),
        KEY.sign(CHECKPOINT.text.replace(ORIGIN, ELSEWHERE.name)),
        # The same private key signs for every log: a signature says nothing under another name.
        ELSEWHERE.sign(CHECKPOINT.text),
        ELSEWHERE.sign(CHECKPOINT.text).replace(ELSEWHERE.name, ORIGIN),
        KEY.sign(CHECKPOINT.text).removesuffix("\n"),
        KEY.sign(CHECKPOINT.text) + "\n",
        KEY.sign(CHECKPOINT.text).replace("— ", "- "),
    ],
)
def test_what_is_no_checkpoint_of_this_log_is_refused(note: str) -> None:
    with pytest.raises(NoteInvalid):
        open_checkpoint(note, [KEY.verifier])
    with pytest.raises(verifier.NotTrue):
        verifier.open_checkpoint(note, [verifier.key_from(str(KEY.verifier))])


@pytest.mark.parametrize("line", ["something else", "previous AAAA", "time yesterday"])
def test_we_sign_nothing_but_checkpoints_of_our_own_form(line: str) -> None:
    with pytest.raises(NoteInvalid, match="no checkpoint"):
        open_checkpoint(KEY.sign(f"{CHECKPOINT.text}{line}\n"), [KEY.verifier])


ANOTHER_ID = str(KEY.verifier).replace(KEY.verifier.id.hex(), "00000000")


@pytest.mark.parametrize("text", ["", "name", "name+00000000+AAAA", ANOTHER_ID])
def test_a_key_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(verifier.Unreadable):
        verifier.key_from(text)
