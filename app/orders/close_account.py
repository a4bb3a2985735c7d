"""Closing an account in which no order is open."""

from collections.abc import Sequence
from uuid import UUID

from app.clients.close import CloseAccount, CloseAccountError, close_accounts
from app.kernel.errors import Refusal
from app.ledger.batch import Batch


async def close_without_orders(batch: Batch, commands: Sequence[CloseAccount]) -> list[UUID | Refusal]:
    """Close each; refused while orders are open in it, or anything is left."""
    rows = await batch.connection.fetch(_OPEN, [command.account.id for command in commands])
    open_orders = {row["account_id"]: row["orders"] for row in rows}
    answers: list[UUID | Refusal] = []
    for command in commands:
        if count := open_orders.get(command.account.id):
            orders = "An order is" if count == 1 else f"{count} orders are"
            message = f"{orders} open in the account; cancel what is open, or wait for its end."
            answers.append(Refusal(CloseAccountError.OPEN_ORDERS, message, "accountId"))
        else:
            answers += await close_accounts(batch, [command])
    return answers


_OPEN = """
SELECT account_id, count(*) AS orders FROM customer_order WHERE account_id = ANY ($1) AND ended_at IS NULL
GROUP BY account_id
"""
