"""The firm's books: what operators see of them."""

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from app.accounting import reads
from app.accounting.balances import fetching, refuse_archived, trial_balance_at
from app.accounting.errors import LedgerRangeError
from app.accounting.general_ledger import Between, LedgerLine, LineKey, archived_of
from app.accounting.general_ledger import ledger_page as read_ledger_page
from app.accounting.reads import LedgerAccount
from app.accounting.reserve import CustomerReserve, customer_reserve, secured_debts
from app.accounting.trial_balance import TrialBalance
from app.accounting.types import DailyClose
from app.identity.policy import Action, require
from app.kernel.errors import Refusal
from app.kernel.events import Event
from app.kernel.paging import Page, PageOf
from app.ledger.archived import archived_until
from app.ledger.chart import USD, BookKind
from app.ledger.reads import head_position
from app.orders.open_trades import open_trades
from resolvers.context import Context
from resolvers.desk import Desk
from resolvers.ids import encode_id
from resolvers.paging import cursor_number


@dataclass(frozen=True, slots=True)
class Column:
    """The two columns of an asset, under its name. Units."""

    asset: str
    debit: int
    credit: int

    @property
    def balanced(self) -> bool:
        return self.debit == self.credit


def asset_name(context: Context, asset: int) -> str:
    """USD, or an instrument's symbol."""
    instrument = context.services.market.instruments.get(asset)
    return "USD" if asset == USD else f"asset {asset}" if instrument is None else instrument.symbol


async def trial_balance(context: Context, desk: Desk, at: str | None) -> TrialBalance:
    """The books as of an entry, or of the newest. Raises a ``Refusal`` for an entry that is not there yet."""
    async with context.read() as connection:
        head = await head_position(connection, desk.journal_id)
        position = head if at is None else cursor_number(at)
        if position > head:
            message = f"The journal has {head} entries, and the cursor names number {position}; take an earlier one."
            raise Refusal(LedgerRangeError.POSITION_INVALID, message, "at")
        return await trial_balance_at(fetching(connection), desk.journal_id, position)


async def trial_balance_of(context: Context, close: DailyClose) -> TrialBalance:
    """The books of a close: those of all closes that are asked for are read together."""
    found = await context.loaders.books.load((close.journal_id, close.position))
    if found is not None:
        return found
    async with context.read() as connection:
        await refuse_archived(fetching(connection), close.journal_id, close.position)


async def closes_page(context: Context, desk: Desk, asked: PageOf[date]) -> Page[DailyClose]:
    """Daily closes, newest first."""
    async with context.read() as connection:
        return await reads.closes(connection, desk.journal_id, asked)


async def find_close(context: Context, close_id: UUID) -> DailyClose | None:
    """The close, for operators."""
    require(context.principal, Action.VIEW_DESK)
    return await context.loaders.daily_close.load(close_id)


async def changes_page(context: Context, close: DailyClose, asked: PageOf[int]) -> Page[Event]:
    """What was recorded after a close and took effect before its end, oldest first."""
    async with context.read() as connection:
        return await reads.changes_since(connection, close, asked)


@dataclass(frozen=True, slots=True)
class LedgerPage:
    """A page of the general ledger. Unless ``history_from`` is None, lines of the days asked for are not at hand: some
    that were recorded up to that time."""

    page: Page[LedgerLine]
    history_from: datetime | None


async def ledger_page(
    context: Context, desk: Desk, first_day: date | None, last_day: date | None, asked: PageOf[LineKey]
) -> LedgerPage:
    """A page of the general ledger, oldest first. Raises a ``Refusal`` for days that make no sense."""
    for name, day in (("from", first_day), ("to", last_day)):
        if day is not None and not 1990 <= day.year < 3000:
            raise Refusal(LedgerRangeError.DATES_INVALID, f"{day} is no day of these books; give another.", name)
    if first_day is not None and last_day is not None and last_day < first_day:
        message = f"{last_day} is before {first_day}; give them the other way round."
        raise Refusal(LedgerRangeError.DATES_INVALID, message, "to")
    between = Between(first_day, last_day)
    async with context.read() as connection:
        fetch = fetching(connection)
        page = await read_ledger_page(fetch, desk.journal_id, between, asked)
        if not await archived_of(fetch, desk.journal_id, between):
            return LedgerPage(page, None)
        return LedgerPage(page, (await archived_until(connection, [desk.journal_id]))[desk.journal_id])


def account_id(line: LedgerLine) -> str | None:
    """The global id of the customer's account that a line is about."""
    if line.book is not BookKind.CUSTOMER or line.reference is None:
        return None
    return encode_id("Account", line.reference)


async def reserve(context: Context, desk: Desk) -> CustomerReserve:
    """The customer reserve formula, filled in as of now."""
    market = context.services.market

    def price(asset: int) -> int | None:
        quote = market.quote(asset)
        return None if quote is None else quote.last

    async with context.read() as connection:
        fetch = fetching(connection)
        books = await trial_balance_at(fetch, desk.journal_id, await head_position(connection, desk.journal_id))
        trades = await open_trades(connection, desk.journal_id, market.today())
        return customer_reserve(books, trades, await secured_debts(fetch, desk.journal_id, price))


async def find_ledger_account(context: Context, number: int) -> LedgerAccount | None:
    """The ledger account, for operators."""
    require(context.principal, Action.VIEW_DESK)
    return await context.loaders.ledger_account.load(number)
