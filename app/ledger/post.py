"""The one door: hands entries to ``ledger.post`` in the database and reads its verdicts."""

from collections.abc import Sequence
from datetime import datetime
from typing import TypeVar

import orjson

from app.infra.database import EngineConnection
from app.kernel.money import MAX_UNITS
from app.ledger.types import Entry, Leg, Posted, RefusalReason, Refused

T = TypeVar("T")

# Numbers go as text: the driver looks at each element of an array twice, which costs more than the rest of the call.
_POST = """
SELECT * FROM ledger.post($1, $2, $3, $4::text::bigint[], $5, $6::text::smallint[], $7, $8, $9, $10, $11,
  $12::text::integer[], $13::text::bigint[], $14::text::bigint[], $15::text::bigint[], $16)
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
    numbers: list[int] = []
    legs: list[Leg] = []
    for number, entry in enumerate(entries, 1):
        legs += entry.legs
        numbers += [number] * len(entry.legs)
    amounts = [leg.amount for leg in legs]
    if amounts and not 0 <= min(amounts) <= max(amounts) <= MAX_UNITS:
        wrong = next(amount for amount in amounts if not 0 <= amount <= MAX_UNITS)
        raise ValueError(f"a leg's amount must be 0 to {MAX_UNITS} units, got {wrong}")
    row = await connection.fetchrow(
        _POST,
        journal_id,
        recorded_at,
        effective_at,
        _numbers([event.book for event in events]),
        [event.type.value for event in events],
        _numbers([event.version for event in events]),
        [event.actor for event in events],
        _unless_nobody_has_any([event.cause for event in events]),
        _unless_nobody_has_any([event.correlation for event in events]),
        _unless_nobody_has_any(
            [None if event.effective_at == effective_at else event.effective_at for event in events]
        ),
        [orjson.dumps(event.data).decode() if event.data else "{}" for event in events],
        _numbers(numbers),
        _numbers([leg.debit for leg in legs]),
        _numbers([leg.credit for leg in legs]),
        _numbers(amounts),
        [leg.up_to for leg in legs],
    )
    assert row is not None
    return _verdicts(entries, *row)


def _numbers(values: Sequence[int]) -> str:
    return "{" + ",".join(map(str, values)) + "}"


def _unless_nobody_has_any(values: Sequence[T | None]) -> Sequence[T | None] | None:
    return values if any(values) else None


def _verdicts(
    entries: Sequence[Entry],
    positions: Sequence[int],
    sequences: Sequence[int],
    reasons: Sequence[str | None],
    accounts: Sequence[int],
    needed: Sequence[int],
    shortages: Sequence[int],
    taken: Sequence[int],
) -> list[Posted | Refused]:
    verdicts: list[Posted | Refused] = []
    start = 0
    for index, (entry, reason) in enumerate(zip(entries, reasons, strict=True)):
        end = start + len(entry.legs)
        if reason is None:
            verdicts.append(Posted(positions[index], sequences[index], taken[start:end]))
        else:
            verdicts.append(Refused(RefusalReason(reason), accounts[index], needed[index] or 0, shortages[index] or 0))
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
