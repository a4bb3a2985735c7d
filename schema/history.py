"""The past of an account: moments, what was held then, what changed about it since, what a balance is made of."""

import datetime
from typing import Any

import strawberry

from app.ledger import types as ledger
from resolvers import history as resolve
from resolvers import market as resolve_market
from resolvers.paging import asked_page, number_key
from schema.cash import CashBalances
from schema.journal import JournalEntry
from schema.market import Instrument
from schema.relay import After, Before, Connection, First, Info, Last, connection
from schema.scalars import Decimal


@strawberry.input(
    description="A moment. Exactly one of `recordedAt`, `effectiveAt` and `entryId`; the first and the last give what "
    "the books said then, the second what is known now (or at `knownAt`) about that time."
)
class Moment:
    recorded_at: datetime.datetime | None = strawberry.field(
        default=None, description="What the books said at this time, on the wall's clock."
    )
    effective_at: datetime.datetime | None = strawberry.field(
        default=None, description="What had taken effect by this time, on the market's clock, whenever it was recorded."
    )
    entry_id: strawberry.ID | None = strawberry.field(
        default=None, description="What the books said right after this journal entry."
    )
    known_at: datetime.datetime | None = strawberry.field(
        default=None, description="With `effectiveAt`: only what was recorded by this time counts."
    )


def asked_moment(moment: Moment) -> resolve.AskedMoment:
    """The input as the resolvers take it."""
    return resolve.AskedMoment(moment.recorded_at, moment.effective_at, moment.entry_id, moment.known_at)


Position_ = strawberry.Parent[ledger.Position]


def _instrument(root: Position_, info: Info) -> Any:
    return resolve_market.by_id(info.context, root.asset)


Restated_ = strawberry.Parent[resolve.Restatement]


def _restated_instrument(root: strawberry.Parent[resolve.RestatedPosition], info: Info) -> Any:
    return resolve_market.by_id(info.context, root.asset)


@strawberry.type(description="What an account had of one instrument at a moment.")
class PastPosition:
    instrument: Instrument = strawberry.field(resolver=_instrument, description="Of what.")
    quantity: Decimal = strawberry.field(description="How many, trade date.")
    held: Decimal = strawberry.field(description="How many stood behind open sell orders.")
    available: Decimal = strawberry.field(description="How many could be sold.")


async def _restated_positions(
    root: Restated_, info: Info, first: First = None, after: After = None, last: Last = None, before: Before = None
) -> Any:
    asked = asked_page(first, after, last, before, number_key)
    return connection(await resolve.restated_positions(info.context, root, asked), lambda each: each.asset)


async def _restated_entries(
    root: Restated_, info: Info, first: First = None, after: After = None, last: Last = None, before: Before = None
) -> Any:
    asked = asked_page(first, after, last, before, number_key)
    return connection(await resolve.restated_entries(info.context, root, asked), lambda event: event.sequence)


@strawberry.type(description="What a position of a time was known to be, and is now.")
class RestatedPosition:
    instrument: Instrument = strawberry.field(resolver=_restated_instrument, description="Of what.")
    before: Decimal = strawberry.field(description="How many, trade date, as was known then.")
    after: Decimal = strawberry.field(description="How many, as is known now.")


@strawberry.type(description="What changed about a time since: what was told late, dated back or corrected.")
class Restatement:
    before: CashBalances = strawberry.field(description="The dollars of that time, as they were known then.")
    after: CashBalances = strawberry.field(description="The dollars of that time, as they are known now.")
    positions: Connection[RestatedPosition] = strawberry.field(
        resolver=_restated_positions, description="The positions of that time that are known otherwise now."
    )
    entries: Connection[JournalEntry] = strawberry.field(
        resolver=_restated_entries, description="The account's entries that make the difference, oldest first."
    )


Explained_ = strawberry.Parent[resolve.Explained]


def _change(root: Explained_) -> Any:
    return root.entry.change


def _balance(root: Explained_) -> Any:
    return root.entry.balance


def _entry(root: Explained_) -> Any:
    return root.event


@strawberry.type(description="One step of a balance.")
class BalanceEntry:
    change: Decimal = strawberry.field(resolver=_change, description="By how much it changed the balance.")
    balance: Decimal = strawberry.field(resolver=_balance, description="The balance afterwards.")
    entry: JournalEntry = strawberry.field(resolver=_entry, description="What happened.")
