"""The journal: every entry with its transfers."""

import datetime
from typing import Any, TypeAlias

import strawberry

from app.kernel import events
from app.ledger import chart
from resolvers import journal as resolve
from resolvers import proof as resolve_proof
from resolvers.ids import encode_id
from schema.enums import describe
from schema.event_types import EventType
from schema.orders import Order
from schema.proof import EntryProof, LogBlock
from schema.relay import Info, Node
from schema.scalars import Decimal

LedgerAccountKind: TypeAlias = chart.Kind
describe(
    LedgerAccountKind,
    "LedgerAccountKind",
    "What a ledger account is for.",
    {
        "PENDING": "A customer's money that is still under way from the bank.",
        "INSTANT": "A customer's money that the firm lends until the deposit behind it has come in.",
        "SETTLED": "A customer's money that has come in.",
        "UNSETTLED": "What a customer's sales brought, until their settlement day.",
        "HELD": "A customer's money behind open orders to buy.",
        "POSITION": "A customer's shares.",
        "POSITION_HELD": "A customer's shares behind open orders to sell.",
        "DIVIDEND_DUE": "Dividends that are due to a customer.",
        "RECEIVABLE": "What a customer owes the firm: below zero.",
        "CASH": "The firm's own money.",
        "INVENTORY": "The firm's own shares, mostly parts of one.",
        "FEES": "What the firm earned in fees.",
        "PROMO": "What the firm gave away.",
        "ROUNDING": "Parts of a cent.",
        "ACH": "Money under way between banks.",
        "FBO": "The bank account for the benefit of customers.",
        "FIRM_BANK": "The firm's own bank account.",
        "STREET": "What the clearing house owes, or is owed.",
        "CUSTODIAN": "What the custodian keeps.",
        "DIVIDEND_RECEIVABLE": "Dividends that companies owe.",
        "CORPORATE_ACTION": "The other side of splits and the like.",
        "MARKET_ORDER": "What was dealt for a market order and not shared out yet.",
        "SHORT": "Shares that the firm owes: below zero.",
    },
)
BookKind: TypeAlias = chart.BookKind
describe(
    BookKind,
    "BookKind",
    "In whose book a ledger account stands.",
    {
        "CUSTOMER": "A customer's account.",
        "HOUSE": "The firm itself.",
        "OUTSIDE": "Banks, the clearing house, the custodian.",
        "MARKET_ORDER": "A market order, while it is dealt and shared out.",
    },
)


Lateness: TypeAlias = events.Lateness
describe(
    Lateness,
    "Lateness",
    "How long after it took effect something was recorded, while others were that took effect later.",
    {
        "ON_TIME": "It was recorded in its turn.",
        "TOLD_LATE": "By up to a minute: it took that long to hear of it.",
        "BACKDATED": "By more: it was dated back.",
    },
)


@strawberry.type(description="One side of a transfer.")
class TransferSide:
    kind: LedgerAccountKind = strawberry.field(description="Which ledger account.")
    book: BookKind = strawberry.field(description="In whose book.")
    balance: Decimal | None = strawberry.field(description="Its balance afterwards; null where it is not yours to see.")


@strawberry.type(description="A movement of one asset from one ledger account to another.")
class Transfer:
    debit: TransferSide = strawberry.field(description="Where it comes from.")
    credit: TransferSide = strawberry.field(description="Where it goes.")
    amount: Decimal = strawberry.field(description="How much.")
    asset: str = strawberry.field(description="Of what: USD, or an instrument's symbol.")


Event_ = strawberry.Parent[events.Event]


def _entry_id(root: Event_) -> strawberry.ID:
    return strawberry.ID(encode_id("JournalEntry", f"{root.journal_id}.{root.position}"))


def _reference(name: str) -> Any:
    def reference(root: Event_) -> str | None:
        found = getattr(root, name)
        return None if found is None else str(found)

    return reference


async def _order(root: Event_, info: Info) -> Any:
    return await resolve.order_of(info.context, root)


async def _is_proven(root: Event_, info: Info) -> bool:
    return await resolve.is_proven(info.context, root)


async def _transfers(root: Event_, info: Info) -> Any:
    return await resolve.movements(info.context, root)


def _reverses(root: Event_) -> strawberry.ID | None:
    position = root.data.get("reverses")
    return None if position is None else strawberry.ID(encode_id("JournalEntry", f"{root.journal_id}.{position}"))


async def _block(root: Event_, info: Info) -> Any:
    return await resolve_proof.block_of(info.context, root)


async def _proof(root: Event_, info: Info) -> Any:
    return await resolve_proof.entry_proof(info.context, root)


@strawberry.type(description="Something that happened, with the transfers that are its transaction. It never changes.")
class JournalEntry(Node):
    id: strawberry.ID = strawberry.field(resolver=_entry_id, description="Opaque and stable.")
    sequence: int = strawberry.field(description="Its number in the account's own history, without gaps.")
    type: EventType = strawberry.field(description="What happened.")
    actor: str = strawberry.field(description="Who did it: an opaque reference, or `engine`.")
    recorded_at: datetime.datetime = strawberry.field(description="When it was recorded.")
    effective_at: datetime.datetime = strawberry.field(description="When it took effect, on the market's clock.")
    lateness: Lateness = strawberry.field(description="Whether others, recorded before it, took effect after it.")
    cause: str | None = strawberry.field(
        resolver=_reference("cause"), description="An opaque reference to what brought it about, if anything did."
    )
    correlation: str | None = strawberry.field(
        resolver=_reference("correlation"),
        description="An opaque reference that it shares with all that belongs together: a deposit, an order.",
    )
    proven: bool = strawberry.field(
        resolver=_is_proven, description="Whether the log was added up again to here, and agreed."
    )
    order: Order | None = strawberry.field(resolver=_order, description="The order it is about, if it is about one.")
    reverses: strawberry.ID | None = strawberry.field(
        resolver=_reverses, description="The journal entry that it takes back, if it is a reversal."
    )
    transfers: list[Transfer] = strawberry.field(resolver=_transfers, description="What moved.")
    block: LogBlock | None = strawberry.field(
        resolver=_block, description="The block of the log that holds it; null until that is full."
    )
    proof: EntryProof | None = strawberry.field(
        resolver=_proof,
        description="Proof that this is what was signed; null while no checkpoint covers it, for a minute at most.",
    )

    @classmethod
    def is_type_of(cls, obj: Any, _info: Any) -> bool:
        return isinstance(obj, events.Event)
