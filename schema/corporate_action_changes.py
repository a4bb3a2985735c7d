"""Announcing a corporate action, and canceling it."""

import datetime
from collections.abc import Awaitable
from typing import Annotated, Any

import strawberry

from app.corporate_actions import types as actions
from resolvers import corporate_actions as resolve
from schema.corporate_actions import ActionKind, CorporateAction, Fractions
from schema.errors import answer, codes
from schema.keys import Key
from schema.relay import Info
from schema.scalars import Decimal

_NO_REASON = "The reason is empty, too long or has characters that can't be shown."
_SHARED = "Other tenants share the simulated market, whose prices would change for them too."

AnnounceErrorCode = codes(
    "AnnounceCorporateActionErrorCode",
    "a corporate action was not announced",
    {
        "INSTRUMENT_UNKNOWN": "There is no instrument of that symbol.",
        "INSTRUMENT_UNSUITABLE": "It is no company's share, or a merger lacks its acquirer.",
        "TERMS_INVALID": "The terms don't suit the kind, or are out of range.",
        "DATES_INVALID": "A date is no session of the exchange, too near, or out of order.",
        "REASON_INVALID": _NO_REASON,
        "ALREADY_ANNOUNCED": "Another action stands against it.",
        "MARKET_SHARED": _SHARED,
    },
)
CancelActionErrorCode = codes(
    "CancelCorporateActionErrorCode",
    "a corporate action was not canceled",
    {
        "ALREADY_BEGUN": "It has begun.",
        "ALREADY_CANCELED": "It was canceled before.",
        "MARKET_SHARED": _SHARED,
        "REASON_INVALID": _NO_REASON,
    },
)


@strawberry.type(description="Why a corporate action was not announced.")
class AnnounceCorporateActionError:
    code: Any = strawberry.field(graphql_type=AnnounceErrorCode, description="For programs.")
    message: str = strawberry.field(description="For people: what is wrong, and what to do.")
    path: list[str] = strawberry.field(description="The input field at fault, outermost first; empty if none is.")


@strawberry.type(description="Why a corporate action was not canceled.")
class CancelCorporateActionError:
    code: Any = strawberry.field(graphql_type=CancelActionErrorCode, description="For programs.")
    message: str = strawberry.field(description="For people: what is wrong, and what to do.")
    path: list[str] = strawberry.field(description="The input field at fault, outermost first; empty if none is.")


@strawberry.type(description="What became of the request.")
class AnnounceCorporateActionPayload:
    action: CorporateAction | None = strawberry.field(default=None, description="The action.")
    errors: list[AnnounceCorporateActionError] = strawberry.field(description="Why there is none; empty if there is.")


@strawberry.type(description="What became of the request.")
class CancelCorporateActionPayload:
    action: CorporateAction | None = strawberry.field(default=None, description="The action, CANCELED.")
    errors: list[CancelCorporateActionError] = strawberry.field(description="Why it was not; empty if it was.")


@strawberry.input(description="What a company does to its shares.")
class CorporateActionInput:
    kind: ActionKind = strawberry.field(description="What is done.")
    symbol: str = strawberry.field(description="Whose shares.")
    ex_date: datetime.date = strawberry.field(
        description="A session of the exchange: the first day at the new terms, or without the dividend."
    )
    reason: str = strawberry.field(description="Why, in 1 to 500 characters. Customers don't see it.")
    into_symbol: str | None = strawberry.field(default=None, description="Of a merger, the acquirer.")
    new_shares: Decimal | None = strawberry.field(
        default=None, description="So many shares are given (4 of a 4-for-1 split) ..."
    )
    old_shares: Decimal | None = strawberry.field(
        default=None, description="... for so many held (1 of a 4-for-1 split)."
    )
    cash_per_share: Decimal | None = strawberry.field(
        default=None, description="Dollars for each share held, of a dividend or a merger."
    )
    fractions: Fractions = strawberry.field(
        default=Fractions.KEPT, description="What becomes of parts of a share, where shares are given."
    )
    price: Decimal | None = strawberry.field(
        default=None,
        description="Dollars that a share is worth under the new terms: needed where parts of one are paid for, and "
        "where a merger gives shares and cash.",
    )
    pay_date: datetime.date | None = strawberry.field(default=None, description="Of a dividend, when it is paid.")


ActionArgument = Annotated[CorporateActionInput, strawberry.argument(description="The action.")]
ActionId = Annotated[strawberry.ID, strawberry.argument(description="Which action.")]
Reason = Annotated[str, strawberry.argument(description="Why, in 1 to 500 characters.")]


async def announce_corporate_action(info: Info, input: ActionArgument, idempotency_key: Key) -> Any:  # noqa: A002
    """Announce an action."""
    request = resolve.ActionRequest(
        kind=input.kind,
        symbol=input.symbol,
        into_symbol=input.into_symbol,
        new_shares=input.new_shares,
        old_shares=input.old_shares,
        cash_per_share=input.cash_per_share,
        fractions=input.fractions,
        price=input.price,
        ex_date=input.ex_date,
        pay_date=input.pay_date,
        reason=input.reason,
    )
    work = _work(resolve.announce_action(info.context, request, idempotency_key))
    return await answer(AnnounceCorporateActionPayload, AnnounceCorporateActionError, AnnounceErrorCode, work)


async def cancel_corporate_action(info: Info, action_id: ActionId, reason: Reason, idempotency_key: Key) -> Any:
    """Cancel an action that has not begun."""
    work = _work(resolve.cancel_action(info.context, action_id, reason, idempotency_key))
    return await answer(CancelCorporateActionPayload, CancelCorporateActionError, CancelActionErrorCode, work)


async def _work(action: Awaitable[actions.CorporateAction]) -> dict[str, Any]:
    return {"action": await action}
