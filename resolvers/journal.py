"""Journal entries: what happened, and the transfers that are its transaction."""

from dataclasses import dataclass
from uuid import UUID

from app.clients.types import Account
from app.identity.policy import Action, may
from app.kernel.events import Event
from app.ledger.chart import USD, BookKind, Kind, asset_of, book_of, kind_of
from app.ledger.types import Transfer
from app.orders.types import Order
from resolvers import orders
from resolvers.context import Context
from resolvers.paging import number_key
from resolvers.requests import permitted


@dataclass(frozen=True, slots=True)
class Side:
    """One side of a transfer. ``balance`` (units) is None where it is not the reader's to see."""

    kind: Kind
    book: BookKind
    balance: int | None


@dataclass(frozen=True, slots=True)
class Movement:
    """A transfer as a reader of one account's journal sees it. ``amount`` in units."""

    debit: Side
    credit: Side
    amount: int
    asset: str


#: Journals are numbered by 32 bits; a larger number is none.
MAX_JOURNAL = 2**31 - 1


def entry_key(key: str) -> tuple[int, int]:
    """The journal and the position in the key of an entry's id. Raises ``ValueError`` for any other text."""
    journal_id, _, position = key.partition(".")
    return min(number_key(journal_id), MAX_JOURNAL), number_key(position)


async def find(context: Context, journal_id: int, position: int) -> Event | None:
    """The entry, if the caller may see the account it belongs to (or the whole desk)."""
    event = await context.loaders.event.load((journal_id, position))
    if event is None or may(context.principal, Action.VIEW_DESK):
        return event
    account = await account_of(context, event)
    return event if account is not None else None


async def account_of(context: Context, event: Event) -> Account | None:
    """The account whose story the entry is part of, if the caller may see it."""
    account = await context.loaders.account_by_book.load(event.book)
    return account if account is not None and permitted(context, Action.VIEW_ACCOUNT, account) else None


async def movements(context: Context, event: Event) -> list[Movement]:
    """The transfers of the entry. Balances of other books than its own are for operators."""
    transfers = await context.loaders.transfers.load((event.journal_id, event.position))
    sees_all = may(context.principal, Action.VIEW_DESK)
    return [_movement(context, event, transfer, sees_all) for transfer in transfers]


async def order_of(context: Context, event: Event) -> Order | None:
    """The order that the entry is about."""
    id_ = event.data.get("order")
    return await orders.find(context, UUID(id_)) if id_ else None


async def is_proven(context: Context, event: Event) -> bool:
    """Whether the auditor has added the log up again to here, and it agreed."""
    return event.position <= await context.loaders.proven.load(event.journal_id)


def _movement(context: Context, event: Event, transfer: Transfer, sees_all: bool) -> Movement:
    asset = asset_of(transfer.debit)
    instrument = context.services.market.instruments.get(asset)
    return Movement(
        debit=_side(event, transfer.debit, transfer.debit_balance, sees_all),
        credit=_side(event, transfer.credit, transfer.credit_balance, sees_all),
        amount=transfer.amount,
        asset="USD" if asset == USD or instrument is None else instrument.symbol,
    )


def _side(event: Event, account: int, balance: int, sees_all: bool) -> Side:
    kind = kind_of(account)
    return Side(kind, kind.book_kind, balance if sees_all or book_of(account) == event.book else None)
