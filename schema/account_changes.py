"""Opening an account, and closing it."""

from typing import Annotated, Any

import strawberry

from resolvers import accounts as resolve
from schema.accounts import Account
from schema.errors import answer, codes
from schema.keys import Key
from schema.relay import Info

OpenAccountErrorCode = codes(
    "OpenAccountErrorCode",
    "an account was not opened",
    {"NAME_INVALID": "The name is empty, too long or has characters that can't be shown."},
)


@strawberry.type(description="Why an account was not opened.")
class OpenAccountError:
    code: Any = strawberry.field(graphql_type=OpenAccountErrorCode, description="For programs.")
    message: str = strawberry.field(description="For people: what is wrong, and what to do.")
    path: list[str] = strawberry.field(description="The input field at fault, outermost first; empty if none is.")


@strawberry.type(description="What became of the request.")
class OpenAccountPayload:
    account: Account | None = strawberry.field(default=None, description="The new account.")
    errors: list[OpenAccountError] = strawberry.field(description="Why there is none; empty if there is.")


Name = Annotated[str, strawberry.argument(description="How you call it, in 1 to 60 characters.")]


async def open_account(info: Info, name: Name, idempotency_key: Key) -> Any:
    """Open an account."""

    async def work() -> dict[str, Any]:
        return {"account": await resolve.open_account(info.context, name, idempotency_key)}

    return await answer(OpenAccountPayload, OpenAccountError, OpenAccountErrorCode, work())


CloseAccountErrorCode = codes(
    "CloseAccountErrorCode",
    "an account was not closed",
    {
        "ALREADY_CLOSED": "It is closed already.",
        "NOT_EMPTY": "Money, shares or debts are left in it: the message says which.",
        "OPEN_ORDERS": "Orders are open in it.",
        "DIVIDEND_COMING": "A dividend on what it held is still to be paid: the message says when.",
    },
)


@strawberry.type(description="Why an account was not closed.")
class CloseAccountError:
    code: Any = strawberry.field(graphql_type=CloseAccountErrorCode, description="For programs.")
    message: str = strawberry.field(description="For people: what is wrong, and what to do.")
    path: list[str] = strawberry.field(description="The input field at fault, outermost first; empty if none is.")


@strawberry.type(description="What became of the request.")
class CloseAccountPayload:
    account: Account | None = strawberry.field(default=None, description="The account, which is closed now.")
    errors: list[CloseAccountError] = strawberry.field(description="Why it was not; empty if it was.")


AccountId = Annotated[strawberry.ID, strawberry.argument(description="Which account.")]


async def close_account(info: Info, account_id: AccountId, idempotency_key: Key) -> Any:
    """Close an account."""

    async def work() -> dict[str, Any]:
        return {"account": await resolve.close_account(info.context, account_id, idempotency_key)}

    return await answer(CloseAccountPayload, CloseAccountError, CloseAccountErrorCode, work())
