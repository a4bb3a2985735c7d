"""What the paper venue knew before it remembered orders whole, it still knows afterwards."""

from datetime import timedelta

import asyncpg
import orjson
import pytest

from app.infra import embedded
from app.infra.database import engine_pool
from app.kernel.clock import ManualClock
from app.kernel.ids import new_id
from app.kernel.money import UNIT
from app.market.types import Side
from app.venues.paper import PaperVenue
from app.venues.port import Change, ReportKind, VenueOrder
from migrations.script import SQL
from tests.venues.tale import Tale
from tests.venues.trial import INSTRUMENT, Counterparty, InProcess
from tests.world import WEDNESDAY

pytestmark = pytest.mark.asyncio

_MARKET_ORDER = """
INSERT INTO market_order (id, tenant_id, journal_id, book_id, instrument_id, side, status, capacity, requested_quantity,
  quantity, supplied, reference_price, trade_date, settles_on, created_at, claimed_by, claimed_at)
VALUES ($1, $2, 1, 1, $3, 'SELL', 'SENT', 'AGENCY', 100, 100, 0, 100, $4, $4, $5, $1, $5)
"""


def _step(kind: ReportKind, after_ms: int, **details: object) -> dict[str, object]:
    return {"kind": kind, "after_ms": after_ms, "at": WEDNESDAY.isoformat(), **details}


async def test_orders_of_the_old_memory_are_known_and_over(postgres: embedded.Server) -> None:
    order = VenueOrder(new_id(), INSTRUMENT.id, Side.SELL, 100 * UNIT)
    id_, stray = order.client_order_id, new_id()
    execution = {"id": f"{id_}-1", "quantity": 60 * UNIT, "price": 99 * UNIT, "cumulative_quantity": 60 * UNIT}
    steps = [
        _step(ReportKind.EXECUTION, 15, **execution),
        _step(ReportKind.CANCELED, 40, cumulative_quantity=60 * UNIT, reason="no more"),
    ]
    superuser = await asyncpg.connect(postgres.dsn)
    await superuser.execute("CREATE DATABASE upgrading")
    old = await asyncpg.connect(postgres.url("upgrading"))
    for script in ("0001_ledger", "0002_market", "0003_clients", "0004_orders"):
        await old.execute((SQL / f"{script}.sql").read_text())
    await old.execute("INSERT INTO tenant VALUES ($1, 'old', $2)", stray, WEDNESDAY)
    await old.execute(_MARKET_ORDER, id_, stray, INSTRUMENT.id, WEDNESDAY.date(), WEDNESDAY)
    for each in (id_, stray):
        await old.execute(
            "INSERT INTO paper.venue_order VALUES ($1, $2, $3)", str(each), WEDNESDAY, orjson.dumps(steps).decode()
        )
    await old.execute((SQL / "0007_venues.sql").read_text())
    await old.close()

    pool = await engine_pool(postgres.url("upgrading"), 2)
    trial = InProcess(lambda m, c: PaperVenue(pool, m, clock=c), ManualClock(WEDNESDAY + timedelta(seconds=1)))
    us = Counterparty(trial, trial.clock.now)
    tale = Tale(order)
    us.tales.append(tale)
    await us.a_while()
    assert us.heard == [], "nothing is told of itself"
    assert await trial.venue.knows(order)
    await us.listen()
    tale.check()
    assert [report.kind for report in tale.reports] == [ReportKind.EXECUTION, ReportKind.CANCELED]
    assert tale.executed == 60 * UNIT
    assert tale.ending is not None
    assert tale.ending.reason == "no more"
    assert (await us.answer_to(tale, Change(order, 1, 0, None))).kind is ReportKind.CHANGE_REJECTED
    assert await trial.venue.knows(VenueOrder(stray, INSTRUMENT.id, Side.BUY, UNIT)) is False
    await pool.close()
    await superuser.execute("DROP DATABASE upgrading WITH (FORCE)")
    await superuser.close()
