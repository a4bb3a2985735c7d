"""Corporate actions: what companies do to their shares, for operators."""

import datetime
from typing import Any, TypeAlias

import strawberry

from app.corporate_actions import types as actions
from resolvers import market as resolve_market
from resolvers.ids import encode_id
from schema.enums import describe
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
