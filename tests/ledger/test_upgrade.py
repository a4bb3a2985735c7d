"""A log that was written before there were partitions and two clocks is all there afterwards, and goes on."""

import asyncpg
import pytest

from app.infra import embedded
from app.infra.database import api_engine, reading
from app.kernel.clock import ManualClock
from app.kernel.events import EventType, NewEvent
from app.kernel.money import UNIT
from app.ledger.audit import prove
from app.ledger.books import journals
from app.ledger.chart import USD, Kind, address
from app.ledger.history import AsEffective, cash_at
from app.ledger.post import post
from app.ledger.replay import replay
from app.ledger.types import Entry, Leg, Posted
from migrations.script import SQL
from tests.ledger.books import NOON

pytestmark = pytest.mark.asyncio

_BEFORE = """
DO $$ DECLARE journal integer; book bigint; bank bigint; noon timestamptz := '2026-11-25 12:00Z'; BEGIN
  INSERT INTO tenant VALUES (gen_random_uuid(), 'old', now());
  journal := ledger.open_journal((SELECT id FROM tenant), 'main');
  book := (ledger.open_books(journal, 'customer', ARRAY[gen_random_uuid()]))[1];
  bank := ((SELECT id FROM ledger.book WHERE kind = 'outside') << 25) | (1 << 5) | 16;
  FOR n IN 1..30 LOOP
    PERFORM ledger.post(journal, noon - n * interval '1 s', ARRAY[book], ARRAY['DEPOSIT'], ARRAY[1::smallint],
      ARRAY['test'], ARRAY[NULL::uuid], ARRAY[NULL::uuid],
      ARRAY[noon + CASE n % 5 WHEN 0 THEN interval '-1 day' WHEN 1 THEN interval '-20 s' ELSE n * interval '1 s' END],
      ARRAY['{}'], ARRAY[1], ARRAY[bank], ARRAY[(book << 25) | (1 << 5) | 3], ARRAY[100000000::bigint], ARRAY[false]);
  END LOOP;
END $$
"""


_TRANSFERS = "SELECT journal_id, position, leg, amount, credit_balance FROM ledger.transfer ORDER BY 1, 2, 3"


async def test_the_log_of_before_is_carried_over(postgres: embedded.Server) -> None:
    superuser = await asyncpg.connect(postgres.dsn)
    await superuser.execute("CREATE DATABASE upgrading_the_ledger")
    old = await asyncpg.connect(postgres.url("upgrading_the_ledger"))
    before: list[asyncpg.Record] = []
    for script in sorted(SQL.glob("*.sql")):
        if script.name.startswith("0011"):
            await old.execute(_BEFORE)
            before = await old.fetch(_TRANSFERS)
        await old.execute(script.read_text())
    assert await old.fetch(_TRANSFERS) == before
    assert len(before) == 30
    late = await old.fetch("SELECT lateness, count(*) FROM ledger.event GROUP BY 1 ORDER BY 1")
    assert [tuple(row) for row in late] == [(0, 19), (1, 5), (2, 6)]
    await old.execute("SET ROLE wealthgraph_engine")
    [journal] = await journals(old)
    book = await old.fetchval("SELECT id FROM ledger.book WHERE kind = 'customer'")
    assert (await replay(old, journal.id)).disagreement is None
    entry = Entry(
        NewEvent(book, EventType.DEPOSIT, "test", NOON),
        [Leg(address(journal.outside, USD, Kind.FBO), address(book, USD, Kind.SETTLED), UNIT)],
    )
    [verdict] = await post(old, journal.id, NOON, NOON, [entry])
    assert isinstance(verdict, Posted)
    assert verdict.position == 31
    assert (await prove(old, journal, ManualClock(NOON))).position == 31
    engine = api_engine(postgres.url("upgrading_the_ledger"), 1)
    async with reading(engine, journal.tenant_id) as connection:
        assert (await cash_at(connection, journal.id, book, AsEffective(NOON, 31))).settled == 12 * UNIT
    await engine.dispose()
    await old.close()
    await superuser.execute("DROP DATABASE upgrading_the_ledger WITH (FORCE)")
    await superuser.close()
