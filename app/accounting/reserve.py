"""The customer reserve: what must stand in the bank account for the benefit of customers (SEC Rule 15c3-3(e)).

The formula of Exhibit A (17 CFR 240.15c3-3a) by the lines that cash accounts can fill. Line numbers and titles are the
exhibit's. The formula goes by settlement date while our books go by trade date, so customers' trades under way are put
back: what their purchases cost is still theirs until it is paid, what their sales bring is not theirs yet.

A figure to watch each day, not a filing: it leaves out what the books do not know (which accounts are no "customers" in
the rule's sense, such as the firm's officers; which debts are doubtful).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from app.accounting.balances import Fetch
from app.accounting.trial_balance import TrialBalance
from app.kernel.money import multiply, to_units
from app.ledger.chart import USD, Kind
from app.orders.open_trades import OpenTrades

#: Money that customers have with us. A deposit under way (PENDING) has not come in, nor has a dividend that is due.
_CREDITS: Final = (Kind.SETTLED, Kind.UNSETTLED, Kind.INSTANT, Kind.HELD)


@dataclass(frozen=True, slots=True)
class ReserveLine:
    """A line of the formula. ``amount`` (units) is None where none applies; ``note`` says what it is made of."""

    number: str
    title: str
    debit: bool
    amount: int | None
    note: str


@dataclass(frozen=True, slots=True)
class CustomerReserve:
    """The formula filled in, as of a position, beside what stands in the account. Units."""

    position: int
    lines: Sequence[ReserveLine]
    deposited: int

    @property
    def credits(self) -> int:
        return sum(line.amount or 0 for line in self.lines if not line.debit)

    @property
    def debits(self) -> int:
        return sum(line.amount or 0 for line in self.lines if line.debit)

    @property
    def required(self) -> int:
        """The excess of credits over debits; nothing if debits are more."""
        return max(0, self.credits - self.debits)

    @property
    def excess(self) -> int:
        """What stands there more than required; below zero, so much is to be deposited."""
        return self.deposited - self.required


def customer_reserve(books: TrialBalance, trades: OpenTrades, secured: int) -> CustomerReserve:
    """Fill the formula in. ``secured`` is what customers owe as far as their own shares are worth it."""
    have = sum(row.credit for row in books.rows if row.asset == USD and row.kind in _CREDITS)
    free = have + trades.purchases - trades.sales
    filled: Mapping[str, int] = {
        "1": free,
        "4": trades.overdue_purchases,
        # Note E(3): less one percent.
        "10": secured - secured // 100,
        "12": trades.overdue_sales,
    }
    lines = [ReserveLine(number, title, debit, filled.get(number), note) for number, title, debit, note in _EXHIBIT]
    return CustomerReserve(books.position, lines, -books.net(Kind.FBO))


async def secured_debts(fetch: Fetch, journal_id: int, price: Callable[[int], int | None]) -> int:
    """What customers owe, each as far as their shares are worth it at the last price; the rest is unsecured."""
    owed: dict[int, int] = {}
    worth: dict[int, int] = {}
    for book, debt, asset, quantity in await fetch(_DEBTS, journal_id, USD):
        owed[book] = to_units(debt)
        if asset is not None and (last := price(asset)) is not None:
            worth[book] = worth.get(book, 0) + multiply(to_units(quantity), last)
    return sum(min(debt, worth.get(book, 0)) for book, debt in owed.items())


_NO_MARGIN = "Does not apply: cash accounts, nothing is bought on margin, written as an option or sold short."
_EXHIBIT: Final = (
    (
        "1",
        "Free credit balances and other credit balances in customers' security accounts",
        False,
        "Customers' SETTLED, UNSETTLED, INSTANT and HELD, plus their purchases and less their sales that settle later.",
    ),
    (
        "2",
        "Monies borrowed collateralized by securities carried for the accounts of customers",
        False,
        "Does not apply: nothing is borrowed against customers' securities.",
    ),
    (
        "3",
        "Monies payable against customers' securities loaned",
        False,
        "Does not apply: customers' securities are not lent.",
    ),
    ("4", "Customers' securities failed to receive", False, "Purchases that should have settled and have not."),
    (
        "5",
        "Credit balances in firm accounts which are attributable to principal sales to customers",
        False,
        "Does not apply: the house sells only what the custodian or the clearing house has for it.",
    ),
    (
        "6",
        "Market value of stock dividends, stock splits and similar distributions receivable outstanding over 30"
        " calendar days",
        False,
        "Not filled: distributions are booked when they take effect; one that stays out is an operator's case.",
    ),
    (
        "7",
        "Market value of short security count differences over 30 calendar days old",
        False,
        "Not filled: differences are the open cases of the reconciliation; value those older than 30 days by hand.",
    ),
    (
        "8",
        "Market value of short securities and credits in all suspense accounts over 30 calendar days",
        False,
        "Does not apply: there are no suspense accounts.",
    ),
    (
        "9",
        "Market value of securities which are in transfer in excess of 40 calendar days and have not been confirmed",
        False,
        "Does not apply: securities are held in book-entry form at the custodian.",
    ),
    (
        "10",
        "Debit balances in customers' cash and margin accounts excluding unsecured accounts and accounts doubtful of"
        " collection",
        True,
        "What customers owe, as far as their own shares are worth it, less 1 percent (Note E).",
    ),
    (
        "11",
        "Securities borrowed to effectuate short sales by customers and to make delivery on customers' securities"
        " failed to deliver",
        True,
        _NO_MARGIN,
    ),
    (
        "12",
        "Failed to deliver of customers' securities not older than 30 calendar days",
        True,
        "Sales that should have settled and have not, for 30 days at most.",
    ),
    ("13", "Margin required and on deposit with the Options Clearing Corporation", True, _NO_MARGIN),
    ("14", "Margin required and on deposit with other clearing agencies, and later lines of margin", True, _NO_MARGIN),
)

_DEBTS = """
SELECT o.book_id, -o.balance, p.asset_id, p.balance
FROM ledger.account o LEFT JOIN ledger.account p ON p.book_id = o.book_id AND p.kind IN (6, 7) AND p.balance > 0
WHERE o.journal_id = $1 AND o.kind = 9 AND o.asset_id = $2 AND o.balance < 0
"""
