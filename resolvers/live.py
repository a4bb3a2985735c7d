"""The value of an account, followed."""

from collections.abc import AsyncGenerator

from app.identity.policy import Action
from app.ledger.writers import stream_of_book
from resolvers import accounts
from resolvers.context import Context
from resolvers.requests import account_for

#: Prices move all the time; the value is worked out anew this often (seconds) at most, and at once after a change.
VALUE_INTERVAL = 1.0


async def account_value(context: Context, account_id: str) -> AsyncGenerator[accounts.Value, None]:
    """The account's value now, and again whenever it has changed."""
    account = await account_for(context, account_id, Action.VIEW_ACCOUNT)
    last: tuple[int, int] | None = None
    async with context.services.hub.listen(stream_of_book(account.book_id)) as bell:
        while True:
            await context.renew()
            account = await account_for(context, account_id, Action.VIEW_ACCOUNT)
            value = await accounts.value(context, account)
            if (value.cash, value.positions) != last:
                last = (value.cash, value.positions)
                yield value
            await bell.wait(VALUE_INTERVAL)
