#!/usr/bin/env python3
"""Checks for yourself what a Wealthgraph ledger says about your account.

    python wealthgraph_verify.py receipt receipt.json --key "$KEY"
    python wealthgraph_verify.py history history.jsonl --key "$KEY"
    python wealthgraph_verify.py consistency consistency.json --key "$KEY"

It needs Python 3.11 or newer and the package `cryptography`, nothing of Wealthgraph, and no network. Take the key
(`name+id+base64`) from somewhere you trust, not from the file that you check; give --key again for a key that was
used before it.

What is checked
  receipt      that the entry, word for word, is in the log under the checkpoint, and that the checkpoint is signed.
               The file is the answer of the API: one `proof`, or an answer with any number of them. What the entry
               moved in the account is printed: compare it with what you were told.
  history      the same for every entry of an account; that they are numbered 1, 2, 3 ... without a gap; and that the
               balances that were stated are what the entries add up to.
  consistency  that the log of a newer checkpoint begins with all of the log of an older one: nothing was changed,
               taken out or put in between. The file is the answer of `consistencyProof`.

What it means. Every entry is a leaf of one Merkle tree (RFC 6962), and the checkpoint is the signed root of that tree
at one size (c2sp.org/tlog-checkpoint). Who signed it can't show you another log later without being found out, as long
as you keep a checkpoint and compare (`consistency`). What it can't tell you: whether something newer than the
checkpoint exists, and whether others were shown the same checkpoint. Compare it with a published one for that.

Exit codes: 0 it is true, 1 it is not, 2 the file or the key can't be read.
"""

import argparse
import base64
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

UNIT = 10**8

#: What a customer's ledger accounts are for.
KINDS = {
    1: "pending",
    2: "instant",
    3: "settled",
    4: "unsettled",
    5: "held",
    6: "position",
    7: "position held",
    8: "dividend due",
    9: "owed",
}


class NotTrue(Exception):
    """What the file says does not hold."""


class Unreadable(Exception):
    """The file or the key is not what it should be."""


# --- The Merkle tree of RFC 6962 ---------------------------------------------------------------------------------


def hash_leaf(leaf: bytes) -> bytes:
    return sha256(b"\0" + leaf).digest()


def hash_node(left: bytes, right: bytes) -> bytes:
    return sha256(b"\1" + left + right).digest()


def root_of_inclusion(leaf_hash: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes:
    """The root that follows from a leaf and its audit path (RFC 9162, 2.1.3.2)."""
    if not 0 <= index < size:
        raise NotTrue(f"a tree of {size} entries has no entry number {index}")
    place, last, found = index, size - 1, leaf_hash
    for hash_ in path:
        if last == 0:
            raise NotTrue("the audit path is too long")
        if place & 1 or place == last:
            found = hash_node(hash_, found)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            found = hash_node(found, hash_)
        place, last = place >> 1, last >> 1
    if last != 0:
        raise NotTrue("the audit path is too short")
    return found


def check_consistency(old: int, new: int, old_root: bytes, new_root: bytes, path: Sequence[bytes]) -> None:
    """Whether the tree of ``new`` entries begins with the tree of ``old`` (RFC 9162, 2.1.4.2)."""
    if not 0 < old <= new:
        raise NotTrue(f"a log of {new} entries can't go on from one of {old}")
    if old == new:
        if path or old_root != new_root:
            raise NotTrue("two checkpoints of the same size have different roots: the log was forked")
        return
    hashes = [old_root, *path] if old & (old - 1) == 0 else list(path)
    if not hashes:
        raise NotTrue("the proof is empty")
    place, last = old - 1, new - 1
    while place & 1:
        place, last = place >> 1, last >> 1
    first = second = hashes[0]
    for hash_ in hashes[1:]:
        if last == 0:
            raise NotTrue("the proof is too long")
        if place & 1 or place == last:
            first, second = hash_node(hash_, first), hash_node(hash_, second)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            second = hash_node(second, hash_)
        place, last = place >> 1, last >> 1
    if last != 0:
        raise NotTrue("the proof is too short")
    if first != old_root:
        raise NotTrue("the proof does not lead to the older checkpoint's root: the log was changed")
    if second != new_root:
        raise NotTrue("the proof does not lead to the newer checkpoint's root: the log was changed")


# --- Checkpoints: signed notes (c2sp.org/signed-note, c2sp.org/tlog-checkpoint) -------------------------------------


@dataclass(frozen=True)
class Key:
    name: str
    id: bytes
    public: bytes


@dataclass(frozen=True)
class Checkpoint:
    origin: str
    size: int
    root: bytes
    time: str


def key_from(text: str) -> Key:
    """A key as it is published: name+id+base64."""
    try:
        name, id_, encoded = text.strip().split("+", 2)
        key = unbase64(encoded)
        if key[:1] != b"\x01" or len(key) != 33:
            raise ValueError("it is not an Ed25519 key")
        found = Key(name, sha256(name.encode() + b"\n" + key).digest()[:4], key[1:])
        if not name or found.id.hex() != id_:
            raise ValueError("its id does not belong to it")
    except ValueError as error:
        raise Unreadable(f"{text[:120]!r} is not a key such as name+id+base64: {error}") from None
    return found


def open_checkpoint(note: str, keys: Sequence[Key]) -> Checkpoint:
    """The checkpoint, if it is signed with one of the keys and is of the log that the key is named after."""
    text, separator, signatures = note.rpartition("\n\n")
    text += "\n"
    if not separator or not signatures.endswith("\n"):
        raise NotTrue("the checkpoint is not a signed note")
    signer = None
    for line in signatures[:-1].split("\n"):
        dash, _, rest = line.partition(" ")
        name, _, encoded = rest.partition(" ")
        try:
            signature = unbase64(encoded)
        except ValueError:
            signature = b""
        if dash != "\u2014" or not name or len(signature) < 5:
            raise NotTrue(f"{line[:80]!r} is not a line with a signature")
        for key in keys:
            if (key.name, key.id) == (name, signature[:4]):
                try:
                    Ed25519PublicKey.from_public_bytes(key.public).verify(signature[4:], text.encode())
                except InvalidSignature:
                    raise NotTrue("the checkpoint's signature is not of its text") from None
                signer = key
    if signer is None:
        raise NotTrue("the checkpoint is not signed with the key that you gave")
    lines = text[:-1].split("\n")
    try:
        origin, size, root = lines[0], int(lines[1]), unbase64(lines[2])
        if not all(lines) or origin != signer.name or str(size) != lines[1] or size < 1 or len(root) != 32:
            raise ValueError
    except (IndexError, ValueError):
        raise NotTrue("what is signed is no checkpoint of the log that the key is for") from None
    time = next((line.removeprefix("time ") for line in lines[3:] if line.startswith("time ")), "an unknown time")
    return Checkpoint(origin, size, root, time)


# --- Entries --------------------------------------------------------------------------------------------------------

ENTRY = {
    "actor": str,
    "book": int,
    "cause": (str, type(None)),
    "correlation": (str, type(None)),
    "data": dict,
    "effective_at": str,
    "journal": int,
    "position": int,
    "recorded_at": str,
    "sequence": int,
    "transfers": list,
    "type": str,
    "version": int,
}


def check_entry(proof: dict[str, Any], size: int, checkpoint: Checkpoint) -> dict[str, Any]:
    """The entry of a proof, if it is in the log under the checkpoint."""
    leaf, index, path = need(proof, "leaf", str), need(proof, "index", int), hashes(need(proof, "auditPath", list))
    if size != checkpoint.size:
        raise NotTrue(f"the proof is for a log of {size} entries, the checkpoint for one of {checkpoint.size}")
    if root_of_inclusion(hash_leaf(leaf.encode()), index, size, path) != checkpoint.root:
        raise NotTrue(f"the entry with index {index} is not in the log that the checkpoint is of: {shortened(leaf)}")
    entry: dict[str, Any] = parsed(leaf, "the entry")
    if entry.keys() != ENTRY.keys() or not all(is_a(entry[name], kind) for name, kind in ENTRY.items()):
        raise NotTrue(f"the entry has not the fields of an entry: {shortened(leaf)}")
    if entry["position"] != index + 1:
        raise NotTrue(f"the entry says that it is number {entry['position']}, but it stands at {index + 1}")
    if checkpoint.origin.rpartition("/")[2] != str(entry["journal"]):
        raise NotTrue(f"the entry is of journal {entry['journal']}, the checkpoint of {checkpoint.origin}")
    return entry


def movements(entry: dict[str, Any], book: int) -> Iterator[tuple[int, int]]:
    """By ledger account of the book: how many units of 1e-8 came (or went, below zero)."""
    for transfer in entry["transfers"]:
        try:
            debit, credit, amount = transfer
            if not (is_a(debit, int) and is_a(credit, int) and is_a(amount, str)):
                raise ValueError
            sides = ((debit, -units(amount)), (credit, units(amount)))
        except (TypeError, ValueError):
            raise NotTrue(f"{transfer!r} in entry {entry['position']} is not a transfer") from None
        for account, change in sides:
            # A ledger account's number is its address: 38 bits of book, 20 of asset, 5 of kind.
            if account >> 25 == book:
                yield account, change


# --- The three checks -----------------------------------------------------------------------------------------------


def check_receipts(text: str, keys: Sequence[Key]) -> str:
    found = list(objects_with(parsed(text, "the file"), {"leaf", "auditPath", "treeSize"}))
    if not found:
        raise Unreadable("there is no receipt in the file: save the `proof` of an entry as the API answers it")
    lines = []
    for proof in found:
        checkpoint = open_checkpoint(need(proof, "checkpoint", str), keys)
        entry = check_entry(proof, need(proof, "treeSize", int), checkpoint)
        lines.append(
            f"TRUE: {entry['type']}, number {entry['sequence']} of book {entry['book']}, recorded at"
            f" {entry['recorded_at']}, is entry {entry['position']} of {checkpoint.origin}"
            f" (checkpoint of {checkpoint.size} entries, {checkpoint.time})."
        )
        moved: dict[int, int] = {}
        for account, change in movements(entry, entry["book"]):
            moved[account] = moved.get(account, 0) + change
        lines += [f"  {named(account)}: {plain(change)}" for account, change in sorted(moved.items()) if change]
    return "\n".join(lines)


def check_history(text: str, keys: Sequence[Key]) -> str:
    lines = [parsed(line, f"line {number}") for number, line in enumerate(text.split("\n"), 1) if line.strip()]
    if len(lines) < 2:
        raise Unreadable("a history has a first line, the entries, and a line with the balances")
    head, *entries, tail = lines
    checkpoint = open_checkpoint(need(head, "checkpoint", str), keys)
    size, book, journal = need(head, "treeSize", int), need(head, "book", int), need(head, "journal", int)
    account = need(head, "account", str)
    balances: dict[int, int] = {}
    position = 0
    if not entries:
        raise Unreadable("the history has no entries")
    for number, proof in enumerate(entries, 1):
        entry = check_entry(proof, size, checkpoint)
        if (entry["journal"], entry["book"]) != (journal, book):
            raise NotTrue(f"entry {entry['position']} is of book {entry['book']}, the history of book {book}")
        if entry["sequence"] != number:
            raise NotTrue(f"entry {number} of the account is missing: {entry['sequence']} comes next")
        if entry["position"] <= position:
            raise NotTrue(f"entry {number} of the account was not recorded after the one before it")
        if number == 1 and (entry["type"], entry["data"].get("account")) != ("ACCOUNT_OPENED", account):
            raise NotTrue(f"the history does not begin with the opening of account {account}")
        position = entry["position"]
        for ledger_account, change in movements(entry, book):
            balances[ledger_account] = balances.get(ledger_account, 0) + change
    if len(entries) != need(head, "entries", int):
        raise NotTrue(f"the history is of {head['entries']} entries, but there are {len(entries)}")
    check_balances(balances, need(tail, "balances", list))
    stand = "".join(f"\n  {named(account)}: {plain(found)}" for account, found in sorted(balances.items()) if found)
    return (
        f"TRUE: all {len(entries)} entries of account {account} (book {book}) are in {checkpoint.origin}, none is"
        f" missing in between, and its {len(balances)} balances are their sums (checkpoint of {checkpoint.size}"
        f" entries, {checkpoint.time}).{stand}"
    )


def named(account: int) -> str:
    """What a ledger account of a customer is for, and which asset it holds."""
    asset, kind = account >> 5 & (1 << 20) - 1, account & 31
    return f"{'USD' if asset == 1 else f'asset {asset}'} {KINDS.get(kind, f'kind {kind}')}"


def check_balances(found: dict[int, int], stated: list[Any]) -> None:
    """Whether the balances that were stated are those that the entries add up to."""
    told: dict[int, int] = {}
    for each in stated:
        try:
            account, balance = each
            told[account] = units(balance)
        except (TypeError, ValueError):
            raise Unreadable(f"{each!r} is not a balance") from None
    if len(told) != len(stated) or told.keys() != found.keys():
        raise NotTrue("the balances that are stated are not of the ledger accounts that the entries move")
    for account, ours in sorted(found.items()):
        theirs = told[account]
        if ours != theirs:
            raise NotTrue(
                f"ledger account {account} is said to stand at {plain(theirs)}, but the entries add up to {plain(ours)}"
            )


def check_two_checkpoints(text: str, keys: Sequence[Key]) -> str:
    found = list(objects_with(parsed(text, "the file"), {"old", "new", "path"}))
    if len(found) != 1:
        raise Unreadable("save the one `consistencyProof` as the API answers it")
    old, new = (open_checkpoint(need(found[0], name, str), keys) for name in ("old", "new"))
    if old.origin != new.origin:
        raise NotTrue(f"the checkpoints are of two logs, {old.origin} and {new.origin}")
    check_consistency(old.size, new.size, old.root, new.root, hashes(need(found[0], "path", list)))
    return (
        f"TRUE: {new.origin} with {new.size} entries ({new.time}) begins with all of what it was"
        f" with {old.size} ({old.time})."
    )


# --- Reading --------------------------------------------------------------------------------------------------------


def parsed(text: str, what: str) -> Any:
    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            raise ValueError("a field comes twice")
        return found

    try:
        return json.loads(text, object_pairs_hook=once, parse_float=str, parse_constant=str)
    except ValueError as error:
        raise Unreadable(f"{what} is not JSON: {error}") from None
    except RecursionError:
        raise Unreadable(f"{what} is nested too deeply") from None


def objects_with(value: Any, names: set[str]) -> Iterator[dict[str, Any]]:
    """Every object, however deep, that has one of the fields: then it must have all of them."""
    if isinstance(value, dict) and names & value.keys():
        yield value
    elif isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from objects_with(each, names)


def need(value: Any, name: str, kind: type) -> Any:
    if not isinstance(value, dict) or not is_a(value.get(name), kind):
        raise Unreadable(f"the field {name} is missing or is not what it should be")
    return value[name]


def is_a(value: Any, kind: Any) -> bool:
    return isinstance(value, kind) and not isinstance(value, bool)


def hashes(path: Iterable[Any]) -> list[bytes]:
    try:
        found = [unbase64(each) for each in path]
    except (TypeError, ValueError):
        raise NotTrue("the path has something that is no hash") from None
    if any(len(each) != 32 for each in found):
        raise NotTrue("the path has something that is no hash")
    return found


def unbase64(text: str) -> bytes:
    found = base64.b64decode(text, validate=True)
    if base64.b64encode(found).decode() != text:
        raise ValueError("not base64 in its one form")
    return found


def units(amount: str) -> int:
    """A decimal with eight places as units of 1e-8."""
    whole, _, places = amount.partition(".")
    sign = -1 if whole.startswith("-") else 1
    digits = whole.removeprefix("-")
    if not (digits + places).isascii() or not digits.isdigit() or not places.isdigit() or len(places) != 8:
        raise ValueError(f"{amount!r} is not an amount with eight decimals")
    return sign * (int(digits) * UNIT + int(places))


def plain(amount: int) -> str:
    return f"{'-' if amount < 0 else ''}{abs(amount) // UNIT}.{abs(amount) % UNIT:08}"


def shortened(text: str) -> str:
    return text if len(text) <= 200 else text[:200] + " ..."


CHECKS: dict[str, Callable[[str, Sequence[Key]], str]] = {
    "receipt": check_receipts,
    "history": check_history,
    "consistency": check_two_checkpoints,
}


def main(arguments: Sequence[str] | None = None) -> int:
    description, _, more = (__doc__ or "").partition("\n")
    parser = argparse.ArgumentParser(
        description=description, epilog=more, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=CHECKS, help="what the file is")
    parser.add_argument("file", type=Path, help="the file to check")
    parser.add_argument("--key", action="append", required=True, help="the public key: name+id+base64")
    asked = parser.parse_args(arguments)
    try:
        text = asked.file.read_bytes().decode()
        print(CHECKS[asked.what](text, [key_from(each) for each in asked.key]))
    except NotTrue as why:
        print(f"NOT TRUE: {why}.")
        return 1
    except (Unreadable, OSError, UnicodeError, RecursionError) as why:
        print(f"CAN'T BE READ: {why}.", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
