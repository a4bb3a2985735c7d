"""Corporate actions: what companies do to their shares, for operators."""

import datetime
from collections.abc import Awaitable
from typing import Annotated, Any, TypeAlias

import strawberry

from app.corporate_actions import types as actions
from resolvers import corporate_actions as resolve
from resolvers import market as resolve_market
from resolvers.ids import encode_id
from schema.enums import describe
from schema.errors import answer, codes
from schema.keys import Key
from schema.market import Instrument
from schema.money import Money, dollars
from schema.relay import Info, Node
from schema.scalars import Decimal

ActionKind: TypeAlias = actions.ActionKind
describe(
    ActionKind,
    "CorporateActionKind",
    "What a company does.",
    {
        "SPLIT": "Each share becomes more of them.",
        "REVERSE_SPLIT": "Several shares become one.",
        "DIVIDEND": "Each share gets money.",
        "MERGER": "Each share is exchanged for shares of another company, for money, or for both.",
    },
)
ActionStatus: TypeAlias = actions.ActionStatus
describe(
    ActionStatus,
    "CorporateActionStatus",
    "How far a corporate action has come.",
    {
        "ANNOUNCED": "It has not begun, and can be canceled.",
        "CLEARING": "Trading is halted and open orders end; it is applied when nothing is in flight.",
        "APPLYING": "Accounts are brought to the new terms, a thousand at a time.",
        "ACCRUING": "It is worked out who is entitled to the dividend.",
        "ACCRUED": "The dividend is due, and is paid on the pay date.",
        "PAYING": "The dividend is being paid, a thousand accounts at a time.",
        "COMPLETED": "It is done for everybody.",
        "CANCELED": "It was canceled before it began.",
    },
)
Fractions: TypeAlias = actions.Fractions
describe(
    Fractions,
    "FractionPolicy",
    "What becomes of parts of a share.",
    {"KEPT": "Everybody keeps them.", "CASH": "Money takes their place, at the action's price."},
)

Action_ = strawberry.Parent[actions.CorporateAction]


def _action_id(root: Action_) -> strawberry.ID:
    return strawberry.ID(encode_id("CorporateAction", root.id))


def _instrument(root: Action_, info: Info) -> Any:
    return resolve_market.by_id(info.context, root.instrument_id)


def _into(root: Action_, info: Info) -> Any:
    return None if root.into_id is None else resolve_market.by_id(info.context, root.into_id)


def _term(name: str) -> Any:
    def term(root: Action_) -> Any:
        return getattr(root.terms, name) or None

    return term


def _dollars(name: str) -> Any:
    def money(root: Action_) -> Any:
        return dollars(getattr(root.terms, name) or None)

    return money


def _fractions(root: Action_) -> Fractions:
    return root.terms.fractions


def _accounts(root: Action_) -> int:
    return root.progress.accounts


@strawberry.type(description="What a company does to its shares, and how far it has been carried out.")
class CorporateAction(Node):
    id: strawberry.ID = strawberry.field(resolver=_action_id, description="Opaque and stable.")
    kind: ActionKind = strawberry.field(description="What is done.")
    status: ActionStatus = strawberry.field(description="How far it has come.")
    instrument: Instrument = strawberry.field(resolver=_instrument, description="Whose shares.")
    into: Instrument | None = strawberry.field(resolver=_into, description="Of a merger, the acquirer.")
    new_shares: Decimal | None = strawberry.field(
        resolver=_term("new_shares"), description="So many shares are given ..."
    )
    old_shares: Decimal | None = strawberry.field(resolver=_term("old_shares"), description="... for so many held.")
    cash_per_share: Money | None = strawberry.field(
        resolver=_dollars("cash_per_share"), description="The money for each share held."
    )
    fractions: Fractions = strawberry.field(resolver=_fractions, description="What becomes of parts of a share.")
    price: Money | None = strawberry.field(
        resolver=_dollars("price"),
        description="What a share is worth under the new terms: for parts of one, and to divide what the old one cost "
        "between shares and cash.",
    )
    ex_date: datetime.date = strawberry.field(
        description="The first day on which shares are dealt at the new terms, or without the dividend."
    )
    record_date: datetime.date = strawberry.field(
        description="The day on which trades of the last day before the ex-date settle."
    )
    pay_date: datetime.date | None = strawberry.field(description="Of a dividend, when it is paid.")
    begins_at: datetime.datetime = strawberry.field(
        description="When it begins, on the market's clock: trading halts, or of a dividend the ex-date begins."
    )
    effective_at: datetime.datetime = strawberry.field(
        description="When it takes effect, on the market's clock: as the session before the ex-date closes."
    )
    accounts: int = strawberry.field(resolver=_accounts, description="How many accounts it has been applied to.")
    reason: str = strawberry.field(description="Why it was announced. Customers don't see it.")
    announced_by: str = strawberry.field(description="Who announced it: an opaque reference.")
    announced_at: datetime.datetime = strawberry.field(description="When that was recorded.")
    canceled_by: str | None = strawberry.field(description="Who canceled it, if somebody did.")
    canceled_at: datetime.datetime | None = strawberry.field(description="When that was recorded.")
    cancel_reason: str | None = strawberry.field(description="Why it was canceled.")
    completed_at: datetime.datetime | None = strawberry.field(description="When it was done for everybody.")

    @classmethod
    def is_type_of(cls, obj: Any, _info: Any) -> bool:
        return isinstance(obj, actions.CorporateAction)


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
