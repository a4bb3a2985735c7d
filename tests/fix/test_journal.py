"""A session's memory: what was said about an order is found at once, however much else was said."""

import asyncpg
import pytest

from app.fix.journal import Journal
from app.fix.tags import MsgType
from app.fix.types import Direction, SessionId
from app.infra.database import engine_pool
from app.kernel.clock import SystemClock
from app.kernel.ids import new_id

pytestmark = pytest.mark.asyncio

#: A message of the order's own, and one each of its numbered requests, among those of many others.
_FILL = """
INSERT INTO fix.message (session_id, direction, era, sequence, application, type, cl_ord_id, raw, recorded_at)
SELECT $1::int, direction, 0, n, true, '8',
  CASE WHEN n <= 10 THEN $2::text || CASE n WHEN 1 THEN '' ELSE '.' || n END ELSE md5(n::text) END, $3::bytea, now()
FROM generate_series(1, 5000) AS n, unnest(ARRAY['IN', 'OUT']) AS direction
"""
_READ = """
SELECT sum(idx_tup_read)
  + (SELECT seq_tup_read FROM pg_stat_user_tables WHERE schemaname = 'fix' AND relname = 'message')
FROM pg_stat_user_indexes WHERE schemaname = 'fix' AND relname = 'message'
"""


async def test_a_look_for_an_order_reads_no_other_orders_messages(database_url: str) -> None:
    """Also by a plan that was made when there was nothing yet."""
    pool, superuser = await engine_pool(database_url, 1), await asyncpg.connect(database_url)
    journal, order = Journal(pool, SessionId("US", "THEM"), SystemClock()), new_id().hex
    tenure = await journal.open()
    for _ in range(10):
        await journal.about(Direction.IN, order, [MsgType.EXECUTION_REPORT])
    raw = b"8=FIX.4.4\x019=5\x0135=8\x0110=000\x01"
    await superuser.execute(_FILL, tenure.session_id, order, raw)
    await pool.execute("SELECT pg_stat_force_next_flush()")
    before = await superuser.fetchval(_READ)
    found = await journal.about(Direction.IN, order, [MsgType.EXECUTION_REPORT])
    assert [each.place.sequence for each in found] == list(range(1, 11))
    assert [
        each.place.sequence for each in await journal.about(Direction.IN, f"{order}.7", ["8"], found[-1].place)
    ] == [7]
    await pool.execute("SELECT pg_stat_force_next_flush()")
    assert await superuser.fetchval(_READ) - before < 100
    await superuser.close()
    await pool.close()
