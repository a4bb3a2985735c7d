"""The one door: hands entries to ``ledger.post`` in the database and reads its verdicts."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TypeVar

import orjson

from app.infra.database import EngineConnection
from app.kernel.events import EventType
from app.kernel.money import MAX_UNITS
from app.ledger.types import Entry, Posted, RefusalReason, Refused

T = TypeVar("T")

# Numbers and types go as text: the driver looks at each element of an array twice, which costs more than the rest of
# the call.
_POST = """
SELECT * FROM ledger.post($1, $2, $3, $4::text::bigint[], $5::text::bigint[], $6::text::integer[], $7::text::text[], $8,
  $9, $10, $11, $12, $13, $14::text::integer[], $15::text::integer[], $16::text::integer[], $17::text::bigint[], $18)
"""


async def post(
    connection: EngineConnection,
    journal_id: int,
    recorded_at: datetime,
    effective_at: datetime,
    entries: Sequence[Entry],
) -> list[Posted | Refused]:
    """Append each entry, or refuse it alone, in order, inside the caller's transaction.

    ``effective_at`` is now, on the market's clock: no entry takes effect later, and one that took effect before it is
    dated back.
    """
    if not entries:
        return []
    events = [entry.event for entry in entries]
    legs = [leg for entry in entries for leg in entry.legs]
    amounts = [leg.amount for leg in legs]
    if amounts and not 0 <= min(amounts) <= max(amounts) <= MAX_UNITS:
        wrong = next(amount for amount in amounts if not 0 <= amount <= MAX_UNITS)
        raise ValueError(f"a leg's amount must be 0 to {MAX_UNITS} units, got {wrong}")
    # Each book and account is named once, ascending; events and legs say at which place.
    books = _places(event.book for event in events)
    accounts = _places([*(leg.debit for leg in legs), *(leg.credit for leg in legs)])
    book = [books[event.book] for event in events]
    debit = [accounts[leg.debit] for leg in legs]
    credit = [accounts[leg.credit] for leg in legs]
    row = await connection.fetchrow(
        _POST,
        journal_id,
        recorded_at,
        effective_at,
        _array(books),
        _array(accounts),
        _array(book),
        _array([event.type for event in events]),
        _unless_all([event.version for event in events], 1),
        [event.actor for event in events],
        _unless_all([event.cause for event in events], None),
        _unless_all([event.correlation for event in events], None),
        _unless_all([None if event.effective_at == effective_at else event.effective_at for event in events], None),
        _unless_all([orjson.dumps(event.data).decode() if event.data else None for event in events], None),
        _array([number for number, entry in enumerate(entries, 1) for _ in entry.legs]),
        _array(debit),
        _array(credit),
        _array(amounts),
        _unless_all([leg.up_to for leg in legs], False),
    )
    assert row is not None
    return _verdicts(entries, amounts, *row)


def _places(ids: Iterable[int]) -> dict[int, int]:
    """Where each id stands among all of them, from 1."""
    return {id_: place for place, id_ in enumerate(sorted(set(ids)), 1)}


def _array(values: Iterable[int] | Iterable[EventType]) -> str:
    return "{" + ",".join(map(str, values)) + "}"


def _unless_all(values: list[T], usual: T) -> list[T] | None:
    """The list, or None when everything in it is as usual."""
    return None if values.count(usual) == len(values) else values


def _verdicts(
    entries: Sequence[Entry],
    amounts: Sequence[int],
    positions: Sequence[int],
    sequences: Sequence[int],
    refusals: Sequence[str | None] | None,
    accounts: Sequence[int | None],
    needed: Sequence[int | None],
    shortages: Sequence[int | None],
    taken: Sequence[int] | None,
) -> list[Posted | Refused]:
    moved = amounts if taken is None else taken
    verdicts: list[Posted | Refused] = []
    start = 0
    for index, entry in enumerate(entries):
        end = start + len(entry.legs)
        if refusals is None or (reason := refusals[index]) is None:
            verdicts.append(Posted(positions[index], sequences[index], moved[start:end]))
        else:
            lacking = needed[index] or 0, shortages[index] or 0
            verdicts.append(Refused(RefusalReason(reason), accounts[index], *lacking))
        start = end
    return verdicts


async def post_facts(
    connection: EngineConnection,
    journal_id: int,
    recorded_at: datetime,
    effective_at: datetime,
    entries: Sequence[Entry],
) -> list[Posted]:
    """Append entries for what has happened already. A fact that the ledger refuses is a fault of ours: it raises."""
    posted = []
    verdicts = await post(connection, journal_id, recorded_at, effective_at, entries)
    for entry, verdict in zip(entries, verdicts, strict=True):
        if isinstance(verdict, Refused):
            raise RuntimeError(f"the ledger refused a fact: {entry} gave {verdict}")
        posted.append(verdict)
    return posted
