"""Closing an account that has no part in a dividend any more.

A closed account can be given nothing: so it stays open from the ex-date on until what it held then has been paid for.
"""

from collections.abc import Sequence
from uuid import UUID

from asyncpg import Record

from app.clients.close import CloseAccount, CloseAccountError
from app.kernel.errors import Refusal
from app.ledger.batch import Batch
from app.orders.close_account import close_without_orders
from app.orders.entitled import holdings_before


async def close_without_dividends(batch: Batch, commands: Sequence[CloseAccount]) -> list[UUID | Refusal]:
    """Close each; refused while a dividend is to come, an order is open, or anything is left."""
    begun = await batch.connection.fetch(_BEGUN, batch.journal.id, batch.effective_at)
    answers: list[UUID | Refusal] = []
    for command in commands:
        refusal = await _unpaid(batch, command) or await _unknown(batch, command, begun)
        answers += [refusal] if refusal else await close_without_orders(batch, [command])
    return answers


async def _unpaid(batch: Batch, command: CloseAccount) -> Refusal | None:
    row = await batch.connection.fetchrow(_UNPAID, command.account.book_id)
    if row is None:
        return None
    message = (
        f"A dividend of {row['symbol']} is paid on {row['pay_date']} (ex-date {row['ex_date']}); close it after that."
    )
    return Refusal(CloseAccountError.DIVIDEND_COMING, message, "accountId")


async def _unknown(batch: Batch, command: CloseAccount, begun: Sequence[Record]) -> Refusal | None:
    """Whether it held some on the day before an ex-date that has come, and is not yet told what is due for it."""
    book = command.account.book_id
    for row in begun:
        if row["through"] >= book:
            continue
        if await holdings_before(batch, row["instrument_id"], row["ex_date"], [book]):
            message = (
                f"A dividend of {row['symbol']} is being worked out, ex-date {row['ex_date']}, and the account held "
                f"some; close it once it is paid, on {row['pay_date']}."
            )
            return Refusal(CloseAccountError.DIVIDEND_COMING, message, "accountId")
    return None


_UNPAID = """
SELECT i.symbol, c.ex_date, c.pay_date FROM dividend_entitlement d JOIN corporate_action c ON c.id = d.action_id
JOIN instrument i ON i.id = c.instrument_id WHERE d.book_id = $1 AND d.paid_at IS NULL ORDER BY c.pay_date LIMIT 1
"""
_BEGUN = """
SELECT c.instrument_id, c.ex_date, c.pay_date, c.through, i.symbol FROM corporate_action c
JOIN instrument i ON i.id = c.instrument_id
WHERE c.journal_id = $1 AND c.kind = 'DIVIDEND' AND c.status IN ('ANNOUNCED', 'ACCRUING') AND c.begins_at <= $2
ORDER BY c.ex_date
"""
