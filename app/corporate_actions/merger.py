"""A merger is applied: each share of the target becomes shares of the acquirer, money, or both; customers in chunks,
then the house. The lots' cost goes on in the new shares, but for the part that the money paid for."""

from dataclasses import replace

from app.corporate_actions.arithmetic import cash_share, dollars, left_over, scaled
from app.corporate_actions.fractions import pay_for_fractions, surrender
from app.corporate_actions.holders import Holder, holders_among, next_books, the_house
from app.corporate_actions.record import further, set_progress, set_status
from app.corporate_actions.story import data_of, told
from app.corporate_actions.types import ActionStatus, CorporateAction, Stage
from app.kernel.events import EventType, NewEvent
from app.kernel.money import to_text
from app.ledger.action_postings import change_shares, merger_cash, merger_house_cash
from app.ledger.batch import Batch
from app.ledger.chart import Kind, address
from app.ledger.receivables import owed_by_book
from app.ledger.types import Entry, Leg
from app.orders import adjust_lots
from app.orders.progress import ENGINE
from app.orders.run import CHUNK


async def apply_merger(batch: Batch, action: CorporateAction) -> None:
    """The next chunk."""
    await (_house if action.progress.stage is Stage.HOUSE else _holders)(batch, action)


async def _holders(batch: Batch, action: CorporateAction) -> None:
    done, into = action.progress, _into(action)
    books = await next_books(batch, action.instrument_id, done.through, CHUNK)
    holders = await holders_among(batch, action.instrument_id, books)
    gets = {each.book: _given(action, each) for each in holders}
    cash = {each.book: dollars(each.held, action.terms.cash_per_share) for each in holders}
    lots = _lot_terms(action)
    paid = {each.book: cash[each.book] for each in holders if each.held}
    await adjust_lots.exchange_lots(batch, lots, action.instrument_id, into, paid, _cash_share(action))
    positions = {book: given.held for book, given in gets.items()}
    owed = await owed_by_book(batch.connection, list(cash))
    repaid = {book: min(amount, cash[book]) for book, amount in owed.items()}
    fractions = await pay_for_fractions(batch, action, into, positions, lots, repaid)
    entries: list[Entry] = []
    total = 0
    for each in holders:
        less = dollars(each.owed, action.terms.cash_per_share)
        total += cash[each.book] + less
        legs = [
            *_exchanged(batch, action, each, gets[each.book]),
            *merger_cash(batch.journal, each.book, cash[each.book], owed.get(each.book, 0)),
            *merger_cash(batch.journal, each.book, less, 0),
        ]
        entries.append(Entry(_event(each.book, action, each, gets[each.book], cash[each.book] + less), legs))
        if each.book in fractions:
            entries.append(fractions[each.book])
    await batch.post_facts(entries)
    progress = further(
        done,
        books=len(holders),
        through=books[-1] if books else done.through,
        before=sum(each.total for each in holders),
        after=sum(given.total for given in gets.values()),
        cash=total,
        last=len(books) < CHUNK,
    )
    await set_progress(batch, action, progress)


async def _house(batch: Batch, action: CorporateAction) -> None:
    terms, into, done = action.terms, _into(action), action.progress
    old = await the_house(batch, action.instrument_id)
    there = await the_house(batch, into)
    given = _given(action, old)
    before, after = done.shares_before + old.total, done.shares_after + given.total
    rest = left_over(before, after, terms.new_shares, terms.old_shares) if terms.new_shares else 0
    given = replace(given, held=given.held + rest)
    cash = dollars(old.total, terms.cash_per_share)
    rounding = dollars(before, terms.cash_per_share) - done.cash - cash
    legs = [
        *_exchanged(batch, action, old, given, (Kind.INVENTORY, Kind.SHORT)),
        *merger_house_cash(batch.journal, cash, rounding),
    ]
    entries = [Entry(_event(old.book, action, old, given, cash), legs)]
    entries += surrender(batch, action, into, after + rest, there.held + given.held)
    entries.append(told(batch, action, EventType.CORPORATE_ACTION_COMPLETED, accounts=done.accounts))
    await batch.post_facts(entries)
    await set_progress(batch, action, replace(done, shares_before=before, shares_after=after + rest, house_cash=cash))
    await set_status(batch, action, ActionStatus.COMPLETED)  # the halt stays: there is nothing left to trade


def _exchanged(
    batch: Batch,
    action: CorporateAction,
    old: Holder,
    new: Holder,
    kinds: tuple[Kind, Kind] = (Kind.POSITION, Kind.RECEIVABLE),
) -> list[Leg]:
    """Everything of the target goes, what is given for it comes; what was owed is owed in the acquirer's shares."""
    target, into = action.instrument_id, _into(action)
    held, owed = kinds
    return [
        *change_shares(batch.journal, address(old.book, target, held), target, -old.held),
        *change_shares(batch.journal, address(old.book, target, owed), target, -old.owed),
        *change_shares(batch.journal, address(old.book, into, held), into, new.held),
        *change_shares(batch.journal, address(old.book, into, owed), into, new.owed),
    ]


def _given(action: CorporateAction, old: Holder) -> Holder:
    terms = action.terms
    if not terms.new_shares:
        return Holder(old.book, 0, 0)
    return Holder(
        old.book,
        scaled(old.held, terms.new_shares, terms.old_shares),
        scaled(old.owed, terms.new_shares, terms.old_shares),
    )


def _lot_terms(action: CorporateAction) -> adjust_lots.Terms:
    return adjust_lots.Terms(action.id, action.terms.new_shares, action.terms.old_shares or 1, action.ex_date)


def _cash_share(action: CorporateAction) -> tuple[int, int]:
    terms = action.terms
    if not terms.new_shares:
        return 1, 1
    if not terms.cash_per_share:
        return 0, 1
    return cash_share(terms.cash_per_share, terms.new_shares, terms.old_shares, terms.price)


def _into(action: CorporateAction) -> int:
    assert action.into_id is not None, "a merger has an acquirer"
    return action.into_id


def _event(book: int, action: CorporateAction, old: Holder, new: Holder, cash: int) -> NewEvent:
    assert action.begun_at is not None, "it has begun"
    data = data_of(action) | {"before": to_text(old.total), "after": to_text(new.total), "amount": to_text(cash)}
    return NewEvent(book, EventType.MERGER, ENGINE, action.begun_at, correlation=action.id, data=data)
