"""Accepted orders that wait for their group's window to close."""

from collections.abc import Sequence

from app.kernel.money import to_decimal
from app.ledger.batch import Batch
from app.orders.rows import SELECT_ORDER, order_from
from app.orders.types import Group, Order, OrderType


async def waiting_orders(batch: Batch, groups: Sequence[Group], most: int) -> dict[Group, list[Order]]:
    """The first ``most`` orders that wait in each group, the oldest first."""
    found: dict[Group, list[Order]] = {group: [] for group in groups}
    for type_, read in ((OrderType.MARKET, _WAITING_MARKET), (OrderType.LIMIT, _WAITING_LIMIT)):
        asked = [group for group in groups if group.terms.type is type_]
        if not asked:
            continue
        rows = await batch.connection.fetch(
            read,
            *(batch.journal.id, most, batch.effective_at),
            [group.instrument_id for group in asked],
            [group.side.value for group in asked],
            [None if group.terms.limit_price is None else to_decimal(group.terms.limit_price) for group in asked],
            [group.terms.time_in_force.value for group in asked],
            [group.terms.expires_at for group in asked],
        )
        for row in rows:
            found[asked[row["place"] - 1]].append(order_from(row))
    return found


#: In the order of the index customer_order_waiting, so that nothing is sorted: of market orders no limit differs.
_WAITING = (
    "SELECT u.place, o.* FROM unnest($4::int[], $5::text[], $6::numeric[], $7::text[], $8::timestamptz[])"  # noqa: S608 - no input in it
    " WITH ORDINALITY AS u(instrument, side, limit_price, time_in_force, expires_at, place), LATERAL ("
    + SELECT_ORDER
    + """
  FROM customer_order o
  WHERE o.journal_id = $1 AND o.instrument_id = u.instrument AND o.side = u.side AND o.status = 'ACCEPTED' AND {}
  ORDER BY o.limit_price, o.placed_at, o.id LIMIT $2) o
"""
)

_WAITING_MARKET = _WAITING.format(
    "o.type = 'MARKET' AND o.limit_price IS NULL AND o.time_in_force = 'DAY' AND o.expires_at > $3"
)

_WAITING_LIMIT = _WAITING.format(
    "o.type = 'LIMIT' AND o.limit_price = u.limit_price AND o.time_in_force = u.time_in_force"
    " AND o.expires_at IS NOT DISTINCT FROM u.expires_at AND (o.expires_at IS NULL OR o.expires_at > $3)"
)
