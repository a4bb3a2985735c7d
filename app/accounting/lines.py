"""The lines of a journal by hand: which are allowed, and as legs of the ledger. Pure.

Whose account a line is about follows from its kind: the customer's whom the journal concerns, the house's, or the
outside world's. Kinds that other rooms answer for with rows of their own (shares with their lots, money behind orders,
proceeds with their settlement) can't be moved by hand: the rooms would not know.
"""

from collections.abc import Sequence
from typing import Final

from app.accounting.errors import JournalError
from app.accounting.kinds import mismatch
from app.accounting.types import JournalKind, Line
from app.kernel.errors import Refusal
from app.kernel.money import CENT, MAX_UNITS, to_text
from app.ledger.chart import USD, BookKind, Kind, address
from app.ledger.types import Journal, Leg

#: The most lines that a journal may have.
MAX_LINES: Final = 50

#: Dollars may move by hand between these kinds, and shares between the last group.
_CUSTOMERS: Final = frozenset({Kind.SETTLED, Kind.RECEIVABLE})
_CASH: Final = frozenset(
    {Kind.CASH, Kind.FEES, Kind.PROMO, Kind.ROUNDING, Kind.ACH, Kind.FBO, Kind.FIRM_BANK, Kind.STREET}
)
_SHARES: Final = frozenset({Kind.INVENTORY, Kind.CUSTODIAN, Kind.STREET})


def legs_of(
    kind: JournalKind, lines: Sequence[Line], journal: Journal, customer: int | None, receiver: int | None = None
) -> list[Leg] | Refusal:
    """The lines as legs, or why they are not allowed.

    ``customer`` is the book of the customer they concern, ``receiver`` that of the customer to whom a transfer goes.
    """
    if not 1 <= len(lines) <= MAX_LINES:
        message = f"A journal has 1 to {MAX_LINES} lines, got {len(lines)}; write several."
        return Refusal(JournalError.LINES_INVALID, message, "lines")
    if refusal := mismatch(kind, lines):
        return refusal
    if kind is JournalKind.TRANSFER:
        return _transfer(lines[0], customer, receiver)
    if receiver is not None:
        message = f"Only a TRANSFER goes to another customer's account, and this is a journal of the kind {kind}."
        return Refusal(JournalError.ACCOUNT_REQUIRED, message, "toAccountId")
    for number, line in enumerate(lines):
        if refusal := _refusal(line, number, customer):
            return refusal
    sides = {side.book_kind for line in lines for side in (line.debit, line.credit)}
    if customer is not None and BookKind.CUSTOMER not in sides:
        message = "No line is about the customer's account; leave the account out, or name SETTLED or RECEIVABLE."
        return Refusal(JournalError.ACCOUNT_REQUIRED, message, "accountId")
    books = {BookKind.CUSTOMER: customer or 0, BookKind.HOUSE: journal.house, BookKind.OUTSIDE: journal.outside}
    return [
        Leg(
            address(books[line.debit.book_kind], line.asset, line.debit),
            address(books[line.credit.book_kind], line.asset, line.credit),
            line.amount,
        )
        for line in lines
    ]


def _transfer(line: Line, customer: int | None, receiver: int | None) -> list[Leg] | Refusal:
    if customer is None or receiver is None or customer == receiver:
        message = "A transfer goes from one customer's account to another's: name both accountId and toAccountId."
        return Refusal(JournalError.ACCOUNT_REQUIRED, message, "accountId" if customer is None else "toAccountId")
    if refusal := _wrong_amount(line, ("lines", "0")):
        return refusal
    return [Leg(address(customer, USD, Kind.SETTLED), address(receiver, USD, Kind.SETTLED), line.amount)]


def _refusal(line: Line, number: int, customer: int | None) -> Refusal | None:
    where = ("lines", str(number))
    allowed = _CUSTOMERS | _CASH if line.asset == USD else _SHARES
    for name, kind in (("debit", line.debit), ("credit", line.credit)):
        if kind not in allowed:
            what = "dollars" if line.asset == USD else "shares"
            names = ", ".join(sorted(each.name for each in allowed))
            message = f"{kind.name} can't move {what} by hand: the room it belongs to would not know. Use {names}."
            return Refusal(JournalError.KIND_NOT_ALLOWED, message, *where, name)
        if kind in _CUSTOMERS and customer is None:
            message = f"{kind.name} is a customer's: name the account that the journal concerns."
            return Refusal(JournalError.ACCOUNT_REQUIRED, message, "accountId")
    if line.debit is line.credit or {line.debit, line.credit} == _CUSTOMERS:
        message = (
            f"A line goes from one owner's account to another's; {line.debit.name} to {line.credit.name} does not."
        )
        return Refusal(JournalError.LINES_INVALID, message, *where)
    return _wrong_amount(line, where)


def _wrong_amount(line: Line, where: tuple[str, str]) -> Refusal | None:
    if not 0 < line.amount <= MAX_UNITS:
        message = f"An amount must be more than zero and at most {to_text(MAX_UNITS)}, got {to_text(line.amount)}."
        return Refusal(JournalError.AMOUNT_INVALID, message, *where, "amount")
    if line.asset == USD and line.amount % CENT:
        message = f"Dollars move in whole cents; {to_text(line.amount)} has a part of one."
        return Refusal(JournalError.AMOUNT_INVALID, message, *where, "amount")
    return None
