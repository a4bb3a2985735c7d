"""Money in and out."""

from typing import Annotated, Any

import strawberry

from resolvers import banking as resolve
from schema.accounts import Account
from schema.errors import answer, codes
from schema.journal import JournalEntry
from schema.keys import Key
from schema.money import MoneyInput
from schema.relay import Info
from schema.shortage import Shortage

CashErrorCode = codes(
    "CashErrorCode",
    "money was not moved",
    {
        "RAIL_UNAVAILABLE": "There is no way to move money here: the sandbox rail is off and no bank is linked.",
        "AMOUNT_NOT_POSITIVE": "The amount is zero or less.",
        "AMOUNT_NOT_WHOLE_CENTS": "The amount has a part of a cent.",
        "AMOUNT_TOO_LARGE": "The amount is larger than one movement may be.",
        "INSUFFICIENT_FUNDS": "The account has not that much to withdraw.",
        "ACCOUNT_CLOSED": "The account is closed.",
    },
)


@strawberry.type(description="Why money was not moved.")
class CashError:
    code: Any = strawberry.field(graphql_type=CashErrorCode, description="For programs.")
    message: str = strawberry.field(description="For people: what is wrong, and what to do.")
    path: list[str] = strawberry.field(description="The input field at fault, outermost first; empty if none is.")
    shortage: Shortage | None = strawberry.field(default=None, description="By how much it fell short, if that is why.")


@strawberry.input(description="An amount in or out of an account.")
class CashInput:
    account_id: strawberry.ID = strawberry.field(description="Which account.")
    amount: MoneyInput = strawberry.field(description="How much.")


@strawberry.type(description="What became of the request.")
class CashPayload:
    account: Account | None = strawberry.field(default=None, description="The account afterwards.")
    entry: JournalEntry | None = strawberry.field(default=None, description="The movement in its journal.")
    errors: list[CashError] = strawberry.field(description="Why nothing was moved; empty if it was.")


def _request(cash: CashInput) -> resolve.CashRequest:
    return resolve.CashRequest(cash.account_id, cash.amount.amount, "USD")


CashArgument = Annotated[CashInput, strawberry.argument(description="The movement.")]


async def deposit(info: Info, input: CashArgument, idempotency_key: Key) -> Any:  # noqa: A002
    """Put money in."""

    async def work() -> dict[str, Any]:
        account, entry = await resolve.deposit(info.context, _request(input), idempotency_key)
        return {"account": account, "entry": entry}

    return await answer(CashPayload, CashError, CashErrorCode, work())


async def withdraw(info: Info, input: CashArgument, idempotency_key: Key) -> Any:  # noqa: A002
    """Take money out."""

    async def work() -> dict[str, Any]:
        account, entry = await resolve.withdraw(info.context, _request(input), idempotency_key)
        return {"account": account, "entry": entry}

    return await answer(CashPayload, CashError, CashErrorCode, work())
