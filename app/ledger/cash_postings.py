"""What is posted for money that comes, goes, passes between customers, or was posted by mistake: like ``postings``."""

from collections.abc import Sequence

from app.ledger.chart import USD, BookKind, Kind, address, asset_of, kind_of
from app.ledger.types import Journal, Leg


def fund_house(journal: Journal, amount: int) -> list[Leg]:
    """The firm puts its own money to work."""
    return [Leg(address(journal.outside, USD, Kind.FIRM_BANK), address(journal.house, USD, Kind.CASH), amount)]


def deposit(journal: Journal, book: int, amount: int, owed: int = 0) -> list[Leg]:
    """A deposit that settles at once (the sandbox rail). What the customer owes is repaid from it first."""
    ach, fbo = address(journal.outside, USD, Kind.ACH), address(journal.outside, USD, Kind.FBO)
    pending, settled = address(book, USD, Kind.PENDING), address(book, USD, Kind.SETTLED)
    legs = [Leg(ach, pending, amount), Leg(fbo, ach, amount), Leg(pending, settled, amount)]
    if owed:
        legs.append(Leg(settled, address(book, USD, Kind.RECEIVABLE), min(owed, amount)))
    return legs


def withdrawal(journal: Journal, book: int, amount: int) -> list[Leg]:
    """Settled money leaves for the customer's bank."""
    ach, fbo = address(journal.outside, USD, Kind.ACH), address(journal.outside, USD, Kind.FBO)
    return [Leg(address(book, USD, Kind.SETTLED), ach, amount), Leg(ach, fbo, amount)]


def transfer_out(journal: Journal, book: int, amount: int) -> list[Leg]:
    """Settled money leaves for another customer's account. It stays at the bank; ``transfer_in`` is the other half."""
    return [Leg(address(book, USD, Kind.SETTLED), address(journal.outside, USD, Kind.FBO), amount)]


def transfer_in(journal: Journal, book: int, amount: int, owed: int = 0) -> list[Leg]:
    """Settled money comes from another customer's account. What the customer owes is repaid from it first."""
    settled = address(book, USD, Kind.SETTLED)
    legs = [Leg(address(journal.outside, USD, Kind.FBO), settled, amount)]
    if owed:
        legs.append(Leg(settled, address(book, USD, Kind.RECEIVABLE), min(owed, amount)))
    return legs


def reversal(moved: Sequence[Leg], book: int, owed: int) -> list[Leg]:
    """An entry is taken back: what it moved goes the other way, last first. ``book`` is whose entry it is.

    A customer's money that is gone is owed from then on. A debt that was made good meanwhile can't be made good again:
    what exceeds ``owed`` becomes settled money; and money that comes back repays what is owed before it is settled.
    """
    settled, receivable = address(book, USD, Kind.SETTLED), address(book, USD, Kind.RECEIVABLE)
    legs, returned = [], 0
    for leg in reversed(moved):
        source, target = leg.credit, leg.debit
        if source == receivable:
            owed += leg.amount
            legs.append(Leg(source, target, leg.amount))
        elif target == receivable:
            repaid = min(owed, leg.amount)
            owed -= repaid
            legs += [Leg(source, receivable, repaid), Leg(source, settled, leg.amount - repaid)]
        elif asset_of(source) == USD and kind_of(source).book_kind is BookKind.CUSTOMER:
            legs += [Leg(source, target, leg.amount, up_to=True), Leg(receivable, target, 0)]
        else:
            legs.append(Leg(source, target, leg.amount))
            returned += leg.amount if target == settled else 0
    if repaid := min(owed, returned):
        legs.append(Leg(settled, receivable, repaid))
    return legs
