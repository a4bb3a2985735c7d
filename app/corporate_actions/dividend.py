"""A cash dividend: it is due to who held the shares when the ex-date began, and paid on the pay date, both in chunks.

Who holds counts by trade date, as positions do everywhere in the house: whoever bought on the day before the ex-date
has it, settled or not, and keeps it if they sell on the ex-date. So it does not matter when this runs. Who owes shares
then, because a deal was taken back after they were gone, owes the dividend on them too: the custodian's position, for
which the company pays, is without them.
"""

from dataclasses import replace
from datetime import date

from app.corporate_actions.arithmetic import dollars
from app.corporate_actions.changed import report_changed
from app.corporate_actions.holders import next_books
from app.corporate_actions.record import further, set_progress, set_status
from app.corporate_actions.story import data_of, told
from app.corporate_actions.types import ActionStatus, CorporateAction, Stage
from app.kernel.events import EventType, NewEvent
from app.kernel.money import to_decimal, to_text
from app.ledger.action_postings import accrue_dividend, accrue_rounding, pay_dividend, pay_house_dividend
from app.ledger.batch import Batch
from app.ledger.receivables import owed_by_book
from app.ledger.types import Entry
from app.orders.entitled import Holding, holdings_before, house_before
from app.orders.progress import ENGINE
from app.orders.rows import units
from app.orders.run import CHUNK


async def accrue(batch: Batch, action: CorporateAction) -> None:
    """The next chunk of who is entitled, or at last the house's part."""
    await (_house_part if action.progress.stage is Stage.HOUSE else _holders)(batch, action)


async def _holders(batch: Batch, action: CorporateAction) -> None:
    done = action.progress
    books = await next_books(batch, action.instrument_id, done.through, CHUNK)
    found = await holdings_before(batch, action.instrument_id, action.ex_date, books)
    due = [(each, dollars(each.quantity, action.terms.cash_per_share)) for each in found]
    entitled = [(each, amount) for each, amount in due if amount]
    await batch.post_facts([_due(batch, action, each, amount) for each, amount in entitled])
    await batch.connection.executemany(
        "INSERT INTO dividend_entitlement (action_id, book_id, tenant_id, quantity, amount)"
        " VALUES ($1, $2, $3, $4, $5)",
        [
            (action.id, each.book, batch.journal.tenant_id, to_decimal(each.quantity), to_decimal(amount))
            for each, amount in entitled
        ],
    )
    progress = further(
        done,
        books=len(entitled),
        through=books[-1] if books else done.through,
        before=sum(each.quantity for each in found),
        cash=sum(amount for _, amount in entitled),
        last=len(books) < CHUNK,
    )
    await set_progress(batch, action, progress)


def _due(batch: Batch, action: CorporateAction, held: Holding, amount: int) -> Entry:
    data = data_of(action) | {"quantity": to_text(held.quantity), "amount": to_text(amount)}
    event = NewEvent(held.book, EventType.DIVIDEND_DUE, ENGINE, action.effective_at, correlation=action.id, data=data)
    return Entry(event, accrue_dividend(batch.journal, held.book, amount))


async def _house_part(batch: Batch, action: CorporateAction) -> None:
    """The company pays for the custodian's whole position; what that is beyond everybody's whole cents is rounding."""
    done = action.progress
    house = await house_before(batch, action.instrument_id, action.ex_date)
    action = replace(
        action,
        progress=replace(done, shares_after=house, house_cash=dollars(house, action.terms.cash_per_share)),
    )
    data = data_of(action) | {
        "quantity": to_text(house),
        "amount": to_text(action.progress.house_cash),
        "rounding": to_text(_rounding(action)),
    }
    event = NewEvent(
        batch.journal.house,
        EventType.DIVIDEND_DUE,
        ENGINE,
        action.effective_at,
        correlation=action.id,
        data=data,
    )
    await batch.post_facts([Entry(event, accrue_rounding(batch.journal, _rounding(action)))])
    await set_progress(batch, action, action.progress)
    await set_status(batch, action, ActionStatus.ACCRUED)


def _rounding(action: CorporateAction) -> int:
    done = action.progress
    company = dollars(done.shares_before + done.shares_after, action.terms.cash_per_share)
    return company - done.cash - done.house_cash


async def begin_to_pay(batch: Batch, action: CorporateAction) -> None:
    """The pay date has come: from the first holder on."""
    await set_progress(batch, action, replace(action.progress, through=0))
    await set_status(batch, action, ActionStatus.PAYING)


async def pay(batch: Batch, action: CorporateAction) -> None:
    """The next chunk of holders, of whom the entitled are paid, and with the last of them the house."""
    done = action.progress
    books = await next_books(batch, action.instrument_id, done.through, CHUNK)
    last = len(books) < CHUNK
    rows = await batch.connection.fetch(_UNPAID, action.id, None if last else books[-1], CHUNK)
    if len(rows) == CHUNK:
        # They are all of these books; or more than these, where an earlier version had begun to pay.
        last, books = False, [book for book in books if book <= rows[-1]["book_id"]]
    await report_changed(batch, action, books, {row["book_id"]: units(row["quantity"]) for row in rows})
    amounts = {row["book_id"]: units(row["amount"]) for row in rows}
    owed = await owed_by_book(batch.connection, list(amounts))
    entries = [_paid(batch, action, book, amount, owed.get(book, 0)) for book, amount in amounts.items()]
    await batch.connection.execute(
        "UPDATE dividend_entitlement SET paid_at = $3 WHERE action_id = $1 AND book_id = ANY ($2)",
        action.id,
        list(amounts),
        batch.recorded_at,
    )
    if last:
        data = data_of(action) | {"amount": to_text(done.house_cash)}
        event = NewEvent(
            batch.journal.house, EventType.DIVIDEND, ENGINE, batch.effective_at, correlation=action.id, data=data
        )
        entries.append(Entry(event, pay_house_dividend(batch.journal, done.house_cash, _rounding(action))))
        entries.append(told(batch, action, EventType.CORPORATE_ACTION_COMPLETED, accounts=done.accounts))
        await set_status(batch, action, ActionStatus.COMPLETED)
    else:
        await set_progress(batch, action, replace(done, through=max([*books, *amounts])))
    await batch.post_facts(entries)


def _paid(batch: Batch, action: CorporateAction, book: int, amount: int, owed: int) -> Entry:
    data = data_of(action) | {"amount": to_text(amount)}
    event = NewEvent(book, EventType.DIVIDEND, ENGINE, batch.effective_at, correlation=action.id, data=data)
    return Entry(event, pay_dividend(batch.journal, book, amount, owed))


def is_payable(action: CorporateAction, today: date) -> bool:
    """Whether the pay date has come."""
    return action.pay_date is not None and action.pay_date <= today


_UNPAID = """
SELECT book_id, quantity, amount FROM dividend_entitlement
WHERE action_id = $1 AND paid_at IS NULL AND ($2::bigint IS NULL OR book_id <= $2) ORDER BY book_id LIMIT $3
"""
