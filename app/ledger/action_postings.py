"""What is posted for corporate actions: like ``postings``, one pure function for each line of the chart of accounts.

``corporate_action`` is the other side of what a company does to its shares; it is empty after each event.
"""

from app.ledger.chart import USD, Kind, address
from app.ledger.types import Journal, Leg


def change_shares(journal: Journal, account: int, asset: int, change: int) -> list[Leg]:
    """Shares of an account become more or fewer, and so do those that the custodian keeps.

    ``account`` is the address of a position, of the house's inventory, or of shares that somebody owes.
    """
    if not change:
        return []
    company = address(journal.outside, asset, Kind.CORPORATE_ACTION)
    custodian = address(journal.outside, asset, Kind.CUSTODIAN)
    if change >= 0:
        return [Leg(custodian, company, change), Leg(company, account, change)]
    return [Leg(account, company, -change), Leg(company, custodian, -change)]


def change_street(journal: Journal, asset: int, change: int) -> list[Leg]:
    """The street owes us so many shares more (negative: fewer), of which the custodian keeps that many less."""
    company = address(journal.outside, asset, Kind.CORPORATE_ACTION)
    custodian = address(journal.outside, asset, Kind.CUSTODIAN)
    street = address(journal.outside, asset, Kind.STREET)
    if change >= 0:
        return [Leg(street, company, change), Leg(company, custodian, change)]
    return [Leg(company, street, -change), Leg(custodian, company, -change)]


def cash_in_lieu(journal: Journal, book: int, asset: int, fraction: int, cash: int, owed: int) -> list[Leg]:
    """The house takes a part of a share and pays for it. What the customer owes is repaid from it first."""
    outside, settled = journal.outside, address(book, USD, Kind.SETTLED)
    return [
        Leg(address(book, asset, Kind.POSITION), address(journal.house, asset, Kind.INVENTORY), fraction),
        Leg(address(journal.house, USD, Kind.CASH), settled, cash),
        Leg(address(outside, USD, Kind.FBO), address(outside, USD, Kind.FIRM_BANK), cash),
        *_repay(book, cash, owed),
    ]


def surrender_fraction(journal: Journal, asset: int, fraction: int, cash: int) -> list[Leg]:
    """The company pays the house for the part of a share that the custodian can't keep."""
    inventory = address(journal.house, asset, Kind.INVENTORY)
    return [
        *change_shares(journal, inventory, asset, -fraction),
        Leg(address(journal.outside, USD, Kind.FIRM_BANK), address(journal.house, USD, Kind.CASH), cash),
    ]


def accrue_dividend(journal: Journal, book: int, amount: int) -> list[Leg]:
    """The ex-date: the company owes the dividend, and it is the customer's (negative: who owes shares owes it too)."""
    company = address(journal.outside, USD, Kind.DIVIDEND_RECEIVABLE)
    if amount < 0:
        return [Leg(address(book, USD, Kind.RECEIVABLE), company, -amount)]
    return [Leg(company, address(book, USD, Kind.DIVIDEND_DUE), amount)]


def accrue_rounding(journal: Journal, amount: int) -> list[Leg]:
    """What the company owes beyond everybody's whole cents (negative: short of them)."""
    due, rounding = (
        address(journal.outside, USD, Kind.DIVIDEND_RECEIVABLE),
        address(journal.house, USD, Kind.ROUNDING),
    )
    return [Leg.signed(due, rounding, amount)]


def pay_dividend(journal: Journal, book: int, amount: int, owed: int) -> list[Leg]:
    """The pay date: the money has come in. What the customer owes is repaid from it first.

    Negative, for shares that are owed: it has gone out, and the customer owes it since the ex-date.
    """
    outside = journal.outside
    moved = Leg.signed(address(outside, USD, Kind.FBO), address(outside, USD, Kind.DIVIDEND_RECEIVABLE), amount)
    if amount < 0:
        return [moved]
    return [
        moved,
        Leg(address(book, USD, Kind.DIVIDEND_DUE), address(book, USD, Kind.SETTLED), amount),
        *_repay(book, amount, owed),
    ]


def pay_house_dividend(journal: Journal, amount: int, rounding: int) -> list[Leg]:
    """The house's own part comes in (negative: it pays for shares that it owes), and what rounding left."""
    outside = journal.outside
    bank = address(outside, USD, Kind.FIRM_BANK)
    return [
        Leg.signed(bank, address(journal.house, USD, Kind.CASH), amount),
        Leg.signed(bank, address(outside, USD, Kind.DIVIDEND_RECEIVABLE), rounding),
    ]


def merger_cash(journal: Journal, book: int, amount: int, owed: int) -> list[Leg]:
    """A company pays a customer for shares; for shares that were owed, the customer owes the money instead."""
    company, fbo = (
        address(journal.outside, USD, Kind.CORPORATE_ACTION),
        address(journal.outside, USD, Kind.FBO),
    )
    if not amount:
        return []
    if amount < 0:
        return [Leg(address(book, USD, Kind.RECEIVABLE), company, -amount), Leg(company, fbo, -amount)]
    settled = address(book, USD, Kind.SETTLED)
    return [Leg(fbo, company, amount), Leg(company, settled, amount), *_repay(book, amount, owed)]


def merger_house_cash(journal: Journal, amount: int, rounding: int) -> list[Leg]:
    """A company pays the house for its shares (negative: it pays for those it owes), and what rounding left."""
    bank = address(journal.outside, USD, Kind.FIRM_BANK)
    return [
        Leg.signed(bank, address(journal.house, USD, Kind.CASH), amount),
        Leg.signed(bank, address(journal.house, USD, Kind.ROUNDING), rounding),
    ]


def _repay(book: int, cash: int, owed: int) -> list[Leg]:
    repaid = min(owed, cash)
    settled, receivable = address(book, USD, Kind.SETTLED), address(book, USD, Kind.RECEIVABLE)
    return [Leg(settled, receivable, repaid)] if repaid else []
