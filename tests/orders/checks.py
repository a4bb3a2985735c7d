"""What must be so at any moment, whatever happened: asked of the database after every step, and after every crash."""

from collections.abc import Sequence

from app.infra.database import EngineConnection
from app.ledger.replay import replay


async def faults_in_the_books(connection: EngineConnection, journal_id: int) -> list[Sequence[object]]:
    """Everything that is wrong: sums, custody, holds, parts of cents, statements, lots, running balances."""
    rows = await connection.fetch(_UNEQUAL)
    found: list[Sequence[object]] = [tuple(row) for row in rows]
    disagreement = (await replay(connection, journal_id)).disagreement
    return found if disagreement is None else [*found, ("replay", disagreement)]


async def evidence(connection: EngineConnection, faults: Sequence[Sequence[object]]) -> str:
    """All that is stored about the market orders among the faults: one that seldom shows must tell enough."""
    ids = [str(fault[1]) for fault in faults if len(fault) > 1]
    rows = await connection.fetch(_EVIDENCE, ids)
    return "\n".join([*map(str, faults), *(f"{row['what']}: {row['row']}" for row in rows)])


async def unfinished(connection: EngineConnection) -> list[Sequence[object]]:
    """What is left behind though nothing more is going to happen: to be asked when no order is open."""
    return [tuple(row) for row in await connection.fetch(_UNFINISHED)]


#: Kinds are numbered as in app/ledger/chart.py. A sell gets at most a cent less than its part of the average price:
#: those who stay to the end together, those who leave each. What is dealt is the customers' before it is the house's,
#: where all are served in one commit and nothing is taken back.
_UNEQUAL = """
SELECT 'sum of an asset', asset_id::text FROM ledger.account GROUP BY asset_id HAVING sum(balance) <> 0
UNION ALL
SELECT 'custody', asset_id::text FROM ledger.account WHERE asset_id <> 1 GROUP BY asset_id
HAVING sum(balance) FILTER (WHERE kind IN (6, 7, 9, 11, 22, 23)) <> -sum(balance) FILTER (WHERE kind IN (18, 19))
UNION ALL
SELECT 'a gap in the log', journal_id::text FROM ledger.event GROUP BY journal_id HAVING count(*) <> max(position)
UNION ALL
-- Their own history is all that moves customers' accounts: so they can add it up themselves.
SELECT 'moved by another''s entry', e.position::text FROM ledger.transfer t
JOIN ledger.event e USING (journal_id, position)
JOIN ledger.book b ON b.id IN (t.debit_account_id >> 25, t.credit_account_id >> 25)
WHERE b.kind = 'customer' AND b.id <> e.book_id
UNION ALL
SELECT 'below zero', id::text FROM ledger.account WHERE balance < 0 AND kind IN (1, 2, 3, 4, 5, 6, 7, 8, 11)
UNION ALL
SELECT 'more than zero', id::text FROM ledger.account WHERE balance > 0 AND kind IN (9, 23)
UNION ALL
SELECT 'a part of a cent', id::text FROM ledger.account
WHERE asset_id = 1 AND kind IN (1, 2, 3, 4, 5, 9, 10, 15, 16, 17) AND balance * 100 <> trunc(balance * 100)
UNION ALL
SELECT 'held', coalesce(h.book_id, o.book_id)::text FROM (
  SELECT book_id, CASE kind WHEN 5 THEN 1 ELSE asset_id END AS asset, sum(balance) AS held
  FROM ledger.account WHERE kind IN (5, 7) AND balance <> 0 GROUP BY 1, 2) h
FULL JOIN (
  SELECT book_id, CASE side WHEN 'BUY' THEN 1 ELSE instrument_id END AS asset, sum(held) AS held
  FROM customer_order WHERE held <> 0 GROUP BY 1, 2) o USING (book_id, asset)
WHERE h.held IS DISTINCT FROM o.held
UNION ALL
SELECT 'held behind a final order', id::text FROM customer_order WHERE ended_at IS NOT NULL AND held <> 0
UNION ALL
SELECT 'status and end', id::text FROM customer_order
WHERE (ended_at IS NOT NULL) <> (status IN ('FILLED', 'CANCELED', 'REPLACED', 'EXPIRED', 'REJECTED'))
UNION ALL
SELECT 'line of a statement', a.order_id::text FROM allocation a JOIN customer_order o ON o.id = a.order_id
WHERE (a.filled_quantity, a.filled_amount) <> (o.filled_quantity, o.filled_amount)
   OR o.market_order_id IS DISTINCT FROM a.market_order_id
UNION ALL
SELECT 'more than was asked for', id::text FROM customer_order
WHERE filled_quantity > quantity OR (side = 'BUY' AND filled_amount > amount)
UNION ALL
SELECT 'left on an ended market order', b.id::text FROM ledger.account b JOIN market_order m USING (book_id)
LEFT JOIN allocation_run r ON r.market_order_id = m.id
WHERE m.ended_at IS NOT NULL AND b.balance <> 0 AND r.market_order_id IS NULL
  AND (m.filled_quantity, m.filled_amount) = (m.allocated_quantity, m.allocated_amount)
UNION ALL
SELECT 'executions', m.id::text FROM market_order m
LEFT JOIN execution e ON e.market_order_id = m.id AND e.standing AND e.kind <> 'BUST' GROUP BY m.id
HAVING m.filled_quantity <> coalesce(sum(e.quantity), 0)
UNION ALL
SELECT 'what customers have', m.id::text FROM market_order m JOIN allocation a ON a.market_order_id = m.id
GROUP BY m.id
HAVING (m.customers_quantity, m.customers_amount) <> (sum(a.filled_quantity), sum(a.filled_amount))
UNION ALL
SELECT 'shares shared out', m.id::text FROM market_order m JOIN allocation a ON a.market_order_id = m.id
JOIN customer_order o ON o.id = a.order_id LEFT JOIN allocation_run r ON r.market_order_id = m.id
WHERE m.ended_at IS NULL AND r.market_order_id IS NULL GROUP BY m.id
HAVING (m.side = 'SELL' OR count(o.amount) = 0) AND sum(a.filled_quantity) <>
  least(m.allocated_quantity, sum(CASE WHEN o.ended_at IS NULL THEN a.quantity ELSE a.filled_quantity END))
UNION ALL
SELECT 'cash shared out', m.id::text FROM market_order m JOIN allocation a ON a.market_order_id = m.id
JOIN customer_order o ON o.id = a.order_id
LEFT JOIN allocation_run r ON r.market_order_id = m.id
WHERE m.allocated_quantity > 0 AND m.side = 'SELL' AND r.market_order_id IS NULL AND NOT EXISTS
  (SELECT 1 FROM execution e WHERE e.market_order_id = m.id
    AND (e.venue_execution_id LIKE 'late %' OR e.kind <> 'EXECUTION' AND m.departed_quantity > 0)) GROUP BY m.id
HAVING m.departed_amount + coalesce((m.allocated_amount - m.departed_amount)
    * (sum(a.filled_quantity) - m.departed_quantity) / nullif(m.allocated_quantity - m.departed_quantity, 0), 0)
  - sum(a.filled_amount)
  NOT BETWEEN 0 AND 0.01 * CASE WHEN m.ended_at IS NULL THEN count(*) ELSE 1 + count(o.ends_as) END
UNION ALL
SELECT 'cash that buyers paid', m.id::text FROM market_order m JOIN allocation a ON a.market_order_id = m.id
JOIN customer_order o ON o.id = a.order_id
LEFT JOIN allocation_run r ON r.market_order_id = m.id
WHERE m.allocated_quantity > 0 AND m.side = 'BUY' AND r.market_order_id IS NULL
  AND NOT EXISTS (SELECT 1 FROM execution e WHERE e.market_order_id = m.id
    AND (e.recorded_at > m.ended_at OR e.kind <> 'EXECUTION' AND m.departed_quantity > 0)) GROUP BY m.id
HAVING count(o.amount) = 0 AND abs(
  m.departed_amount + coalesce((m.allocated_amount - m.departed_amount)
    * (sum(a.filled_quantity) - m.departed_quantity) / nullif(m.allocated_quantity - m.departed_quantity, 0), 0)
  - sum(a.filled_amount)) > 0.01 * count(*)
UNION ALL
SELECT 'dealt for customers', m.id::text FROM market_order m JOIN allocation a ON a.market_order_id = m.id
JOIN customer_order o ON o.id = a.order_id
JOIN (SELECT market_order_id, max(recorded_at) AS last, bool_and(kind = 'EXECUTION') AS plain
      FROM execution GROUP BY 1) e ON e.market_order_id = m.id
WHERE e.plain AND e.last <= m.ended_at AND m.participants <= 3 GROUP BY m.id
HAVING count(o.amount) = 0 AND count(*) FILTER (WHERE o.status = 'EXPIRED' AND m.status <> 'EXPIRED') = 0
  AND sum(a.filled_quantity) <
    least(m.filled_quantity, sum(CASE WHEN o.ends_as IS NULL THEN a.quantity
      -- Who left had a part in what was dealt last if all of it came to its end by that, and not by a run before it,
      -- which may have been posted in the same commit.
      WHEN (o.ended_at, m.ended_at) <> (e.last, e.last) THEN a.filled_quantity
      WHEN (SELECT max(position) FROM ledger.event WHERE correlation = o.id AND type IN
             ('ORDER_FILLED', 'ORDER_CANCELED', 'ORDER_REPLACED', 'ORDER_EXPIRED', 'ORDER_REJECTED'))
         < (SELECT max(position) FROM ledger.event WHERE correlation = m.id AND type = 'EXECUTION')
      THEN a.filled_quantity ELSE a.quantity END))
UNION ALL
SELECT 'lots', p.book_id::text FROM (
  SELECT book_id, asset_id, sum(balance) AS shares FROM ledger.account WHERE kind IN (6, 7) GROUP BY 1, 2) p
LEFT JOIN (SELECT book_id, instrument_id, sum(remaining) AS shares FROM lot GROUP BY 1, 2) l
  ON l.book_id = p.book_id AND l.instrument_id = p.asset_id
WHERE p.shares <> coalesce(l.shares, 0)
UNION ALL
SELECT 'cost of a lot', id::text FROM lot WHERE remaining_cost < 0 OR (remaining = 0) > (remaining_cost = 0)
UNION ALL
SELECT 'lots sold', o.id::text FROM customer_order o LEFT JOIN lot_sale s ON s.order_id = o.id
WHERE o.side = 'SELL' GROUP BY o.id
HAVING coalesce(sum(s.quantity), 0) <> o.filled_quantity OR coalesce(sum(s.proceeds), 0) <> o.filled_amount
"""

_UNFINISHED = """
SELECT 'an open order', id::text || ' ' || status FROM customer_order WHERE ended_at IS NULL
UNION ALL
SELECT 'an open market order', id::text || ' ' || status FROM market_order WHERE ended_at IS NULL
UNION ALL
SELECT 'a run', market_order_id::text FROM allocation_run
UNION ALL
SELECT 'not shared out', id::text FROM market_order
WHERE (filled_quantity, filled_amount) <> (allocated_quantity, allocated_amount)
UNION ALL
SELECT 'a venue that was not heard out', market_order_id::text FROM venue_order
WHERE status NOT IN ('NEW', 'FILLED', 'CANCELED', 'EXPIRED', 'REJECTED')
UNION ALL
SELECT 'held', id::text FROM ledger.account WHERE kind IN (5, 7, 22) AND balance <> 0
"""

_EVIDENCE = """
WITH m AS (SELECT * FROM market_order WHERE id::text = ANY ($1)),
     a AS (SELECT * FROM allocation WHERE market_order_id IN (SELECT id FROM m))
SELECT 'market order' AS what, row_to_json(m)::text AS row FROM m
UNION ALL
SELECT 'at the venue', row_to_json(v)::text FROM venue_order v WHERE market_order_id IN (SELECT id FROM m)
UNION ALL
SELECT 'execution', row_to_json(e)::text FROM execution e WHERE market_order_id IN (SELECT id FROM m)
UNION ALL
SELECT 'allocation', row_to_json(a)::text FROM a
UNION ALL
SELECT 'order', row_to_json(o)::text FROM customer_order o WHERE market_order_id IN (SELECT id FROM m)
UNION ALL
(SELECT 'event', row_to_json(e)::text FROM ledger.event e
 WHERE correlation IN (SELECT id FROM m UNION SELECT order_id FROM a) ORDER BY position)
"""
