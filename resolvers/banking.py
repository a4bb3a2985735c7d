"""Money in and out over the sandbox rail."""

from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from app.banking.deposit import deposit as post_deposit
from app.banking.types import CashError, CashMovement, check_amount, units_of
from app.banking.withdraw import withdraw as post_withdrawal
from app.clients.types import Account
from app.identity.policy import Action
from app.kernel.errors import Refusal
from app.kernel.events import Event
from app.ledger.batch import UseCase
from app.ledger.idempotency import idempotency_key
from app.ledger.reads import event_of
from resolvers.context import Context
from resolvers.requests import account_for, parse_key


@dataclass(frozen=True, slots=True)
class CashRequest:
    """A movement as the API takes it."""

    account_id: str
    amount: Decimal
    currency: str


async def deposit(context: Context, request: CashRequest, key: str) -> tuple[Account, Event]:
    """Put money in. Raises a ``Refusal``; then nothing has changed."""
    return await _move(context, request, key, "deposit", post_deposit)


async def withdraw(context: Context, request: CashRequest, key: str) -> tuple[Account, Event]:
    """Take settled money out. Raises a ``Refusal``; then nothing has changed."""
    return await _move(context, request, key, "withdraw", post_withdrawal)


async def _move(
    context: Context, request: CashRequest, key: str, operation: str, use_case: UseCase[CashMovement, UUID]
) -> tuple[Account, Event]:
    account = await account_for(context, request.account_id, Action.MOVE_CASH)
    if not context.services.sandbox_rail:
        raise Refusal(CashError.RAIL_UNAVAILABLE, "The sandbox rail is for demos and tests; no bank is linked yet.")
    amount = units_of(request.amount)
    check_amount(amount)
    asked = {"account": request.account_id, "amount": amount, "currency": request.currency}
    principal = context.principal
    idempotency = idempotency_key(principal.actor, parse_key(key), operation, asked)
    writer = await context.services.writers.of(account.tenant_id)
    await context.renew()
    correlation = await writer.submit(use_case, CashMovement(account.book_id, amount, principal.actor), idempotency)
    await context.renew()
    async with context.read() as connection:
        event = await event_of(connection, account.book_id, correlation)
    fresh = await context.loaders.account.load(account.id)
    assert fresh is not None
    assert event is not None
    return fresh, event
