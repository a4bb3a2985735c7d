"""What fell short when a request was refused, and where it is instead."""

from app.identity.policy import Action
from app.kernel.errors import Shortage
from app.kernel.paging import MAX_PAGE
from app.ledger.chart import USD
from app.orders.reads import holds_of
from app.orders.types import Order
from resolvers.context import Context
from resolvers.requests import permitted


def asset(context: Context, shortage: Shortage) -> str:
    """Of what too little is there: USD, or an instrument's symbol."""
    return "USD" if shortage.asset == USD else context.services.market.instruments[shortage.asset].symbol


async def holds(context: Context, shortage: Shortage) -> list[Order]:
    """The open orders that hold what could have been used, oldest first: 100 of them at most."""
    account = await context.loaders.account_by_book.load(shortage.book)
    if account is None or not permitted(context, Action.VIEW_ACCOUNT, account):
        return []
    async with context.read() as connection:
        instrument = None if shortage.asset == USD else shortage.asset
        return await holds_of(connection, account.id, instrument, MAX_PAGE)
