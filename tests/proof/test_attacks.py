"""What a superuser without the key does to the log is found: by ``verify``, and by the customer's own verifier where it
concerns the customer's entries."""

import re
from dataclasses import replace
from pathlib import Path

import asyncpg
import pytest

from app.infra.database import EngineConnection
from app.proof.blocks import store_blocks
from app.proof.log import LogDamaged
from app.proof.publisher import FilePublisher
from app.proof.seal import Contradiction, Seals, seal
from app.proof.verify import verify
from tests.ledger.books import NOON
from tests.proof.publishing import new_seals
from tests.proof.sealed import Sealed, attacking, engine, journal_in, positions_of

pytestmark = pytest.mark.asyncio

#: By what is done: how, to the entry at position $1 of the journal.
EDITS = {
    "an amount": "UPDATE ledger.transfer SET amount = amount + 0.00000001 WHERE position = $1 AND leg = 1",
    "an account debited": "UPDATE ledger.transfer SET debit_account_id = 33554467 WHERE leg = 1 AND position = $1",
    "an account credited": "UPDATE ledger.transfer SET credit_account_id = 33554467 WHERE leg = 1 AND position = $1",
    "a field of the data": 'UPDATE ledger.event SET data = data || \'{"reason": ""}\' WHERE position = $1',
    "when it took effect": "UPDATE ledger.event SET effective_at = effective_at + '1 us' WHERE position = $1",
    "when it was recorded": "UPDATE ledger.event SET recorded_at = recorded_at - '1 us'::interval WHERE position = $1",
    "who did it": "UPDATE ledger.event SET actor = 'operator:somebody' WHERE position = $1",
    "what happened": "UPDATE ledger.event SET type = 'WITHDRAWAL' WHERE position = $1",
    "whose it is": "UPDATE ledger.event SET book_id = 1, sequence = 1000000 WHERE position = $1",
    "its transfers": "DELETE FROM ledger.transfer WHERE position = $1",
    "one transfer": "DELETE FROM ledger.transfer WHERE position = $1 AND leg = 1",
    "one transfer more": "INSERT INTO ledger.transfer SELECT journal_id, 99, lateness, position, debit_account_id,"
    " 10000, credit_account_id, 10000, 0, 0, 5 FROM ledger.transfer WHERE position = $1 AND leg = 1",
    "the order of its legs": "UPDATE ledger.transfer SET leg = 10 - leg WHERE position = $1",
}


#: A position that the log will not reach here, and has room for.
BESIDE = 8_000_000
BESIDE_THE_LOG = (
    "INSERT INTO ledger.transfer SELECT (jsonb_populate_record(t, jsonb_build_object('position', $1::bigint,"
    " 'debit_sequence', 10000, 'credit_sequence', 10000))).* FROM ledger.transfer t LIMIT 1"
)


async def about(url: str, sealed: Sealed) -> dict[str, int]:
    """One of Ann's entries with transfers in the first block, in another full one, and after the last full one."""
    positions = await positions_of(url, sealed)
    async with engine(url) as connection:
        rows = await connection.fetch(
            "SELECT position FROM ledger.transfer WHERE position = ANY ($1) GROUP BY 1 HAVING count(*) > 1", positions
        )
        several = [row["position"] for row in rows if row["position"] <= sealed.sizes[-1]]
    return {
        "first": min(several),
        "second": next(at for at in sorted(several) if 1_024 < at <= 2_048),
        "tail": next(at for at in sorted(several) if at > 2_048),
    }


def names(fault: str, position: int) -> bool:
    """Whether the fault says where: that position, or a range that holds it."""
    ranges = [(int(low), int(high)) for low, high in re.findall(r"positions (\d+) to (\d+)", fault)]
    exact = [int(found) for found in re.findall(r"position (\d+)", fault)]
    return exact[0] == position if exact else any(low <= position <= high for low, high in ranges)


async def test_what_nobody_touched_is_true(sealed: Sealed, sealed_url: str, tmp_path: Path) -> None:
    found = await sealed.verify(sealed_url)
    assert found.faults == []
    assert (found.blocks, found.checkpoints) == (2, 3)
    assert found.entries > sealed.sizes[-1]
    code, said = sealed.check("history", await sealed.history(sealed_url, tmp_path / "history.jsonl"))
    assert code == 0, said
    assert said.startswith("TRUE: all ")


async def test_what_is_said_to_be_archived_can_not_be_edited_in_the_log(sealed: Sealed, sealed_url: str) -> None:
    """What is archived is not read from the log: so nothing of it may be there to be shown to anybody."""
    async with attacking(sealed_url) as superuser:
        await superuser.execute(EDITS["an amount"], (await about(sealed_url, sealed))["first"])
        await superuser.execute(
            "UPDATE ledger.journal_head h SET archived = 1024, archived_recorded_at = e.recorded_at,"
            " archived_effective_at = e.latest_effective_at FROM ledger.event e WHERE e.position = 1024"
        )
    found = await sealed.verify(sealed_url)
    assert found.faults == ["there is something at position 1, outside of the log"]


@pytest.mark.parametrize("where", ["first", "second", "tail"])
@pytest.mark.parametrize("what", EDITS)
async def test_no_entry_can_be_edited(sealed: Sealed, sealed_url: str, tmp_path: Path, what: str, where: str) -> None:
    position = (await about(sealed_url, sealed))[where]
    async with attacking(sealed_url) as superuser:
        assert not (await superuser.execute(EDITS[what], position)).endswith(" 0")
    found = await sealed.verify(sealed_url)
    assert names(found.faults[0], position), found.faults
    if where != "tail":  # a full block knows all of its entries
        assert any(fault.startswith(f"position {position} in block ") for fault in found.faults), found.faults
    await refused(sealed, sealed_url, tmp_path)


async def refused(sealed: Sealed, url: str, folder: Path) -> None:
    """The customer's verifier says no; or their history can't even be made any more."""
    try:
        file = await sealed.history(url, folder / "history.jsonl")
    except LogDamaged:
        return
    code, said = sealed.check("history", file)
    assert code == 1, said
    assert said.startswith("NOT TRUE: ")


@pytest.mark.parametrize("where", ["first", "second", "tail"])
async def test_no_entry_can_be_taken_out(sealed: Sealed, sealed_url: str, tmp_path: Path, where: str) -> None:
    position = (await about(sealed_url, sealed))[where]
    async with attacking(sealed_url) as superuser:
        await delete(superuser, "position = $1", position)
    found = await sealed.verify(sealed_url)
    assert f"no entry at position {position}" in found.faults[0] or names(found.faults[0], position)
    await refused(sealed, sealed_url, tmp_path)


async def test_transfers_need_their_entry(sealed: Sealed, sealed_url: str) -> None:
    position = (await about(sealed_url, sealed))["second"]
    async with attacking(sealed_url) as superuser:
        await superuser.execute("DELETE FROM ledger.event WHERE position = $1", position)
    found = await sealed.verify(sealed_url)
    assert f"there are transfers at position {position}, but no entry" in found.faults[0]


@pytest.mark.parametrize("where", ["first", "second", "tail"])
async def test_no_entry_can_be_closed_up(sealed: Sealed, sealed_url: str, tmp_path: Path, where: str) -> None:
    """Taken out, and everything after it moved up."""
    position = (await about(sealed_url, sealed))[where]
    async with attacking(sealed_url) as superuser:
        await delete(superuser, "position = $1", position)
        await move(superuser, position, -1)
    found = await sealed.verify(sealed_url)
    assert names(found.faults[0], position), found.faults
    await refused(sealed, sealed_url, tmp_path)


@pytest.mark.parametrize("where", ["first", "second", "tail"])
async def test_no_entry_can_be_put_in(sealed: Sealed, sealed_url: str, tmp_path: Path, where: str) -> None:
    """A forged one in the past, and everything after it moved down."""
    position = (await about(sealed_url, sealed))[where]
    async with attacking(sealed_url) as superuser:
        await move(superuser, position, 1)
        await superuser.execute(
            "INSERT INTO ledger.event SELECT (jsonb_populate_record(e, jsonb_build_object('position', $1::bigint,"
            " 'sequence', 100000))).* FROM ledger.event e WHERE position = $1::bigint + 1",
            position,
        )
    found = await sealed.verify(sealed_url)
    assert names(found.faults[0], position), found.faults
    await refused(sealed, sealed_url, tmp_path)


@pytest.mark.parametrize("where", ["first", "second", "tail"])
async def test_no_two_entries_can_change_places(sealed: Sealed, sealed_url: str, tmp_path: Path, where: str) -> None:
    position = (await about(sealed_url, sealed))[where]
    async with attacking(sealed_url) as superuser:
        for table in ("event", "transfer"):
            for old, new in ((position, BESIDE), (position - 1, position), (BESIDE, position - 1)):
                await superuser.execute(f"UPDATE ledger.{table} SET position = $2 WHERE position = $1", old, new)
    found = await sealed.verify(sealed_url)
    assert names(found.faults[0], position - 1), found.faults
    await refused(sealed, sealed_url, tmp_path)


@pytest.mark.parametrize("with_head", [False, True])
@pytest.mark.parametrize("where", ["first", "second", "tail", "block"])
async def test_the_end_can_not_be_cut_off(
    sealed: Sealed, sealed_url: str, tmp_path: Path, where: str, with_head: bool
) -> None:
    position = (await about(sealed_url, sealed) | {"block": 2_049})[where]
    async with attacking(sealed_url) as superuser:
        await delete(superuser, "position >= $1", position)
        if with_head:
            await superuser.execute("UPDATE ledger.journal_head SET position = $1::bigint - 1", position)
    found = await sealed.verify(sealed_url)
    assert f"no entry at position {position}" in found.faults[0]
    await refused(sealed, sealed_url, tmp_path)
    await not_signed(sealed, sealed_url)


@pytest.mark.parametrize("position", [0, -5])
async def test_before_the_first_there_is_no_room(sealed: Sealed, sealed_url: str, position: int) -> None:
    async with attacking(sealed_url) as superuser:
        with pytest.raises(asyncpg.CheckViolationError, match="no partition"):
            await superuser.execute(BESIDE_THE_LOG, position)


@pytest.mark.parametrize("position", [1_000_000, BESIDE])
async def test_nothing_can_stand_beside_the_log(sealed: Sealed, sealed_url: str, position: int) -> None:
    async with attacking(sealed_url) as superuser:
        await superuser.execute(BESIDE_THE_LOG, position)
    found = await sealed.verify(sealed_url)
    assert f"something at position {position}" in found.faults[0]


@pytest.mark.parametrize("where", ["first", "second", "tail"])
async def test_the_tree_can_not_be_made_anew_over_a_changed_log(
    sealed: Sealed, sealed_url: str, tmp_path: Path, where: str
) -> None:
    """Blocks and nodes agree with the forged entry then. What was published doesn't."""
    position = (await about(sealed_url, sealed))[where]
    async with attacking(sealed_url) as superuser:
        await superuser.execute(EDITS["an amount"], position)
        await superuser.execute("DELETE FROM ledger.block")
        await superuser.execute("DELETE FROM ledger.tree_node")
    async with engine(sealed_url) as connection:
        await store_blocks(connection, sealed.journal.id, sealed.sizes[-1])
    found = await sealed.verify(sealed_url)
    assert len(found.faults) == 1
    assert names(found.faults[0], position), found.faults
    await refused(sealed, sealed_url, tmp_path)
    await not_signed(sealed, sealed_url)


async def not_signed(sealed: Sealed, url: str) -> None:
    """The sealer refuses, and leaves no trace of a signature."""
    async with engine(url) as connection:
        before = await connection.fetch("SELECT * FROM ledger.checkpoint ORDER BY size")
        with pytest.raises(Contradiction):
            await seal(connection, sealed.seals, sealed.journal, NOON)
        assert await connection.fetch("SELECT * FROM ledger.checkpoint ORDER BY size") == before
    assert sealed.seals.publisher.sizes(sealed.seals.origin(sealed.journal)) == sealed.sizes


@pytest.mark.parametrize("where", ["first", "second", "tail"])
async def test_without_the_key_nothing_can_be_made_anew(
    sealed: Sealed, sealed_url: str, tmp_path: Path, where: str
) -> None:
    """Everything in the database is rewritten, checkpoints too: signed with the wrong key."""
    position = (await about(sealed_url, sealed))[where]
    forger = Seals(new_seals().keys, FilePublisher(tmp_path / "forged"), sealed.seals.base)
    async with attacking(sealed_url) as superuser:
        await superuser.execute(EDITS["an amount"], position)
        for table in ("publication", "checkpoint", "block", "tree_node"):
            await superuser.execute(f"DELETE FROM ledger.{table}")
    async with engine(sealed_url) as connection:
        await seal(connection, forger, await journal_in(sealed_url, sealed), NOON)
    found = await sealed.verify(sealed_url)
    assert "is not in the database as it was published" in found.faults[0]
    assert any(names(fault, position) for fault in found.faults if "positions" in fault), found.faults
    await refused(sealed, sealed_url, tmp_path)
    await not_signed(sealed, sealed_url)


@pytest.mark.parametrize(
    ("statement", "fault"),
    [
        ("UPDATE ledger.block SET root = sha256(root) WHERE number = 1", "another root than its entries"),
        ("UPDATE ledger.block SET chain = sha256(chain) WHERE number = 1", "is not chained"),
        ("UPDATE ledger.tree_node SET hash = sha256(hash)", "the node over positions 1 to 2048 is not"),
        ("DELETE FROM ledger.tree_node", "the node over positions 1 to 2048 is not"),
        ("DELETE FROM ledger.block WHERE number = 0", "block 0 (positions 1 to 1024) is not stored"),
        ("INSERT INTO ledger.block SELECT journal_id, 2, root, chain, leaves FROM ledger.block WHERE number = 1",
         "block 2 is stored, but the log has no entries for it"),
        ("UPDATE ledger.checkpoint SET note = note || ' '", "is not in the database as it was published"),
        ("INSERT INTO ledger.checkpoint SELECT journal_id, 5, 4, root, made_at, note FROM ledger.checkpoint LIMIT 1",
         "that was never published"),
    ],
)  # fmt: skip
async def test_nothing_that_is_stored_of_the_tree_can_be_changed(
    sealed: Sealed, sealed_url: str, statement: str, fault: str
) -> None:
    async with attacking(sealed_url) as superuser:
        assert not (await superuser.execute(statement)).endswith(" 0")
    found = await sealed.verify(sealed_url)
    assert fault in found.faults[0], found.faults


async def delete(superuser: EngineConnection, which: str, position: int) -> None:
    for table in ("event", "transfer"):
        await superuser.execute(f"DELETE FROM ledger.{table} WHERE {which}", position)


async def move(superuser: EngineConnection, position: int, by: int) -> None:
    """Everything from that position on, in two steps as no two may stand at the same."""
    for table in ("event", "transfer"):
        far = 1_000_000
        await superuser.execute(f"UPDATE ledger.{table} SET position = position + {far} WHERE position >= $1", position)
        await superuser.execute(f"UPDATE ledger.{table} SET position = position - {far} + {by} WHERE position >= {far}")


@pytest.mark.parametrize(
    ("what", "fault"),
    [
        ("taken away", "was never published"),
        ("damaged", "is not of this text"),
        ("replaced", "what is published as the checkpoint at"),
    ],
)
async def test_a_changed_folder_is_found_too(
    sealed: Sealed, sealed_url: str, tmp_path: Path, what: str, fault: str
) -> None:
    publisher, origin = FilePublisher(tmp_path), sealed.seals.origin(sealed.journal)
    first, second, third = (sealed.seals.publisher.read(origin, size) for size in sealed.sizes)
    notes = {
        "taken away": {0: first, 2: third},
        "damaged": {0: first, 1: second.replace("time 2026", "time 2027"), 2: third},
        "replaced": {0: first, 1: first, 2: third},
    }[what]
    for number, note in notes.items():
        publisher.publish(origin, sealed.sizes[number], note)
    async with engine(sealed_url) as connection:
        found = await verify(connection, replace(sealed.seals, publisher=publisher), sealed.journal)
    assert any(fault in each for each in found.faults), found.faults
    assert any("does not follow the one published before it" in each for each in found.faults)
