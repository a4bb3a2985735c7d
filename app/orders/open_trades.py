"""What customers' trades will bring and cost when they settle: for those who work out what is whose until then."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.infra.database import Units
from app.market.types import Side
from app.orders.tables import trade_settlement

#: A delivery that is later than this is no ordinary one any more.
OLD: Final = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class OpenTrades:
    """Customers' money in trades that have not settled, in units. Overdue is what should have settled before today."""

    purchases: int = 0
    sales: int = 0
    overdue_purchases: int = 0
    overdue_sales: int = 0
    old_sales: int = 0


async def open_trades(connection: AsyncConnection, journal_id: int, today: date) -> OpenTrades:
    """A journal's open trades; ``old_sales`` have been overdue for more than 30 days."""
    due_on = trade_settlement.c.due_on
    buy, sell = trade_settlement.c.side == Side.BUY.value, trade_settlement.c.side == Side.SELL.value
    overdue, old = due_on < today, due_on < today - OLD
    amount = func.sum(trade_settlement.c.customers_amount, type_=Units())
    row = (
        await connection.execute(
            select(
                *(
                    amount.filter(condition)
                    for condition in (buy & ~overdue, sell & ~overdue, buy & overdue, sell & overdue & ~old, sell & old)
                )
            ).where(trade_settlement.c.journal_id == journal_id, trade_settlement.c.settled_at.is_(None))
        )
    ).one()
    return OpenTrades(*(units or 0 for units in row))
