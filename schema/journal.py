"""The journal: every entry with its transfers."""

import datetime
from typing import Any, TypeAlias

import strawberry

from app.kernel import events
from app.ledger import chart
from resolvers import journal as resolve
from resolvers.ids import encode_id
from schema.order_events import EventType
from schema.orders import Order
from schema.relay import Info, Node
from schema.scalars import Decimal

LedgerAccountKind: TypeAlias = chart.Kind
strawberry.enum(LedgerAccountKind, name="LedgerAccountKind", description="What a ledger account is for.")
BookKind: TypeAlias = chart.BookKind
strawberry.enum(BookKind, description="In whose book a ledger account stands.")


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


async def _order(root: Event_, info: Info) -> Any:
    return await resolve.order_of(info.context, root)


async def _transfers(root: Event_, info: Info) -> Any:
    return await resolve.movements(info.context, root)


@strawberry.type(description="Something that happened, with the transfers that are its transaction. It never changes.")
class JournalEntry(Node):
    id: strawberry.ID = strawberry.field(resolver=_entry_id, description="Opaque and stable.")
    sequence: int = strawberry.field(description="Its number in the account's own history, without gaps.")
    type: EventType = strawberry.field(description="What happened.")
    actor: str = strawberry.field(description="Who did it: an opaque reference, or `engine`.")
    recorded_at: datetime.datetime = strawberry.field(description="When it was recorded.")
    effective_at: datetime.datetime = strawberry.field(description="When it took effect, on the market's clock.")
    order: Order | None = strawberry.field(resolver=_order, description="The order it is about, if it is about one.")
    transfers: list[Transfer] = strawberry.field(resolver=_transfers, description="What moved.")

    @classmethod
    def is_type_of(cls, obj: Any, _info: Any) -> bool:
        return isinstance(obj, events.Event)
