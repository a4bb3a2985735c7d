"""The one door: hands entries to ``ledger.post`` in the database and reads its verdicts."""

from collections.abc import Sequence
from datetime import datetime

import orjson

from app.infra.database import EngineConnection
from app.kernel.money import MAX_UNITS
from app.ledger.types import Entry, Posted, RefusalReason, Refused

_POST = "SELECT * FROM ledger.post($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$14,$15)"


async def post(
    connection: EngineConnection, journal_id: int, recorded_at: datetime, entries: Sequence[Entry]
) -> list[Posted | Refused]:
    """Append each entry, or refuse it alone, in order, inside the caller's transaction."""
    if not entries:
        return []
    events = [entry.event for entry in entries]
    legs = [(index, leg) for index, entry in enumerate(entries, 1) for leg in entry.legs]
    for _, leg in legs:
        if not 0 <= leg.amount <= MAX_UNITS:
            raise ValueError(f"a leg's amount must be 0 to {MAX_UNITS} units, got {leg.amount}")
    row = await connection.fetchrow(
        _POST,
        journal_id,
        recorded_at,
        [event.book for event in events],
        [event.type.value for event in events],
        [event.version for event in events],
        [event.actor for event in events],
        [event.cause for event in events],
        [event.correlation for event in events],
        [event.effective_at for event in events],
        [orjson.dumps(event.data).decode() for event in events],
        [index for index, _ in legs],
        [leg.debit for _, leg in legs],
        [leg.credit for _, leg in legs],
        [leg.amount for _, leg in legs],
        [leg.up_to for _, leg in legs],
    )
    assert row is not None
    positions, sequences, reasons, accounts, shortages, taken = row
    verdicts: list[Posted | Refused] = []
    start = 0
    for index, entry in enumerate(entries):
        end = start + len(entry.legs)
        if reasons[index] is None:
            verdicts.append(Posted(positions[index], sequences[index], taken[start:end]))
        else:
            verdicts.append(Refused(RefusalReason(reasons[index]), accounts[index], shortages[index] or 0))
        start = end
    return verdicts


async def post_facts(
    connection: EngineConnection, journal_id: int, recorded_at: datetime, entries: Sequence[Entry]
) -> list[Posted]:
    """Append entries for what has happened already. A fact that the ledger refuses is a fault of ours: it raises."""
    posted = []
    for entry, verdict in zip(entries, await post(connection, journal_id, recorded_at, entries), strict=True):
        if isinstance(verdict, Refused):
            raise RuntimeError(f"the ledger refused a fact: {entry} gave {verdict}")
        posted.append(verdict)
    return posted
