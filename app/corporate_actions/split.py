"""A split or reverse split is applied: open trades and the house, then customers in chunks, at last what is left over.

Each chunk is a commit after which customers + house = custodian + street, and says in the action's row how far it came.
"""

from dataclasses import replace
from typing import Any

from app.corporate_actions.arithmetic import left_over, scaled
from app.corporate_actions.fractions import pay_for_fractions, surrender
from app.corporate_actions.halt import resume
from app.corporate_actions.holders import Holder, holders_among, next_books, the_house
from app.corporate_actions.record import further, set_progress, set_status
from app.corporate_actions.story import data_of, told
from app.corporate_actions.types import ActionStatus, CorporateAction, Stage
from app.kernel.events import EventType, NewEvent
from app.kernel.money import to_text
from app.ledger.action_postings import change_shares, change_street
from app.ledger.batch import Batch
from app.ledger.chart import Kind, address
from app.ledger.types import Entry
from app.orders import adjust_lots
from app.orders.adjust_trades import adjust_trades
from app.orders.progress import ENGINE
from app.orders.run import CHUNK


async def apply_split(batch: Batch, action: CorporateAction) -> None:
    """The next chunk."""
    match action.progress.stage:
        case Stage.TRADES:
            await _trades(batch, action)
        case Stage.HOLDERS:
            await _holders(batch, action)
        case _:
            await _finish(batch, action)


async def _trades(batch: Batch, action: CorporateAction) -> None:
    terms, asset = action.terms, action.instrument_id
    done = await adjust_trades(batch, action.id, asset, terms.new_shares, terms.old_shares)
    if done.trades:
        data = data_of(action) | {"trades": done.trades, "quantity": to_text(done.street)}
        event = _event(batch.journal.outside, action, data)
        await batch.post_facts([Entry(event, change_street(batch.journal, asset, done.street))])
    if done.trades < CHUNK:
        # The house before customers: what it takes of them for cash is in the new terms already.
        await _house(batch, action)


async def _house(batch: Batch, action: CorporateAction) -> None:
    asset, house, done = action.instrument_id, batch.journal.house, action.progress
    old = await the_house(batch, asset)
    new = Holder(house, _scaled(action, old.held), _scaled(action, old.owed))
    legs = [
        *change_shares(batch.journal, address(house, asset, Kind.INVENTORY), asset, new.held - old.held),
        *change_shares(batch.journal, address(house, asset, Kind.SHORT), asset, new.owed - old.owed),
    ]
    await batch.post_facts([Entry(_event(house, action, _figures(action, old, new)), legs)])
    progress = replace(done, stage=Stage.HOLDERS, shares_before=old.total, shares_after=new.total)
    await set_progress(batch, action, progress)


async def _holders(batch: Batch, action: CorporateAction) -> None:
    terms, asset = action.terms, action.instrument_id
    books = await next_books(batch, asset, action.progress.through, CHUNK)
    holders = await holders_among(batch, asset, books)
    after = [Holder(each.book, _scaled(action, each.held), _scaled(action, each.owed)) for each in holders]
    lots = adjust_lots.Terms(action.id, terms.new_shares, terms.old_shares, action.ex_date)
    await adjust_lots.rescale_lots(batch, lots, asset, [each.book for each in holders if each.held])
    positions = {each.book: each.held for each in after}
    fractions = await pay_for_fractions(batch, action, asset, positions, lots)
    entries: list[Entry] = []
    for old, new in zip(holders, after, strict=True):
        entries.append(_changed(batch, action, old, new))
        if old.book in fractions:
            entries.append(fractions[old.book])
    await batch.post_facts(entries)
    progress = further(
        action.progress,
        books=len(holders),
        through=books[-1] if books else action.progress.through,
        before=sum(each.total for each in holders),
        after=sum(each.total for each in after),
        last=len(books) < CHUNK,
    )
    await set_progress(batch, action, progress)


def _changed(batch: Batch, action: CorporateAction, old: Holder, new: Holder) -> Entry:
    asset = action.instrument_id
    legs = [
        *change_shares(batch.journal, address(old.book, asset, Kind.POSITION), asset, new.held - old.held),
        *change_shares(batch.journal, address(old.book, asset, Kind.RECEIVABLE), asset, new.owed - old.owed),
    ]
    return Entry(_event(old.book, action, _figures(action, old, new)), legs)


def _figures(action: CorporateAction, old: Holder, new: Holder) -> dict[str, Any]:
    return data_of(action) | {"before": to_text(old.total), "after": to_text(new.total)}


async def _finish(batch: Batch, action: CorporateAction) -> None:
    """What everybody's rounding left over is the house's; trading goes on."""
    terms, asset, done = action.terms, action.instrument_id, action.progress
    rest = left_over(done.shares_before, done.shares_after, terms.new_shares, terms.old_shares)
    inventory = address(batch.journal.house, asset, Kind.INVENTORY)
    entries: list[Entry] = []
    if rest:
        event = _event(batch.journal.house, action, data_of(action) | {"rounding": to_text(rest)})
        entries.append(Entry(event, change_shares(batch.journal, inventory, asset, rest)))
    held = (await the_house(batch, asset)).held + rest
    entries += surrender(batch, action, asset, done.shares_after + rest, held)
    entries.append(told(batch, action, EventType.CORPORATE_ACTION_COMPLETED, accounts=done.accounts))
    await batch.post_facts(entries)
    await set_progress(batch, action, replace(done, shares_after=done.shares_after + rest))
    await set_status(batch, action, ActionStatus.COMPLETED)
    await resume(batch, action.halt_rule_id, f"{action.kind} completed", ENGINE)


def _scaled(action: CorporateAction, quantity: int) -> int:
    return scaled(quantity, action.terms.new_shares, action.terms.old_shares)


def _event(book: int, action: CorporateAction, data: dict[str, Any]) -> NewEvent:
    assert action.begun_at is not None, "it has begun"
    return NewEvent(book, EventType(action.kind), ENGINE, action.begun_at, correlation=action.id, data=data)
