"""Fills an empty database with the catalogue and its price history."""

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from itertools import chain
from typing import Final, NamedTuple

from app.infra.database import EngineConnection
from app.market.calendar import calendar_of
from app.market.catalogue import INSTRUMENTS
from app.market.history import Close, historical_closes, simulated_closes
from app.market.types import BarInterval, BarSource, Instrument

#: Taken while loading, so that two processes starting at once load once.
_LOCK: Final = 0x4D61_726B_6574
_BAR_COLUMNS: Final = ("instrument_id", "interval", "time", "close", "source")


class Loaded(NamedTuple):
    """How many rows a load added: zeros when everything was there."""

    instruments: int
    bars: int


async def load(connection: EngineConnection) -> Loaded:
    """Add the instruments, their ledger assets and, if there is no bar at all, every daily close. Idempotent.

    Raises ``MissingPriceHistory`` before anything is written if the history isn't installed.
    """
    async with connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock($1)", _LOCK)
        instruments = await add_instruments(connection)
        bars = 0
        if not await connection.fetchval("SELECT EXISTS (SELECT FROM bar)"):
            status = await connection.copy_records_to_table("bar", columns=_BAR_COLUMNS, records=_bars())
            bars = int(status.removeprefix("COPY "))
    return Loaded(instruments, bars)


async def add_instruments(connection: EngineConnection) -> int:
    """Add what the catalogue has and the database has not; answers how many that were."""
    await connection.execute(
        "SELECT ledger.add_assets($1, $2, 'instrument')",
        [instrument.id for instrument in INSTRUMENTS],
        [instrument.symbol for instrument in INSTRUMENTS],
    )
    added = await connection.fetch(
        "INSERT INTO instrument (id, symbol, name, kind, exchange, whole_shares, tradable)"
        " SELECT * FROM"
        " unnest($1::int[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bool[], $7::bool[])"
        " ON CONFLICT DO NOTHING RETURNING id",
        *zip(*(_row(instrument) for instrument in INSTRUMENTS), strict=True),
    )
    return len(added)


def _row(instrument: Instrument) -> tuple[int, str, str, str, str, bool, bool]:
    return (
        instrument.id,
        instrument.symbol,
        instrument.name,
        instrument.kind.value,
        instrument.exchange,
        instrument.whole_shares,
        instrument.tradable,
    )


def _bars() -> Iterator[tuple[int, str, datetime, Decimal, str]]:
    by_symbol = {instrument.symbol: instrument for instrument in INSTRUMENTS}
    interval = BarInterval.ONE_DAY.value

    def bar(close: Close, source: BarSource) -> tuple[int, str, datetime, Decimal, str]:
        instrument = by_symbol[close.symbol]
        _, end = calendar_of(instrument.exchange).session_bounds(close.session)
        return instrument.id, interval, end, close.price, source.value

    return chain(
        (bar(close, BarSource.HISTORICAL) for close in historical_closes()),
        (bar(close, BarSource.SIMULATED) for close in simulated_closes()),
    )
