"""What the lines of a journal of a kind must be, so that its name is true. Pure.

A fee goes from the customer to the firm's income, interest from the firm to the customer, and as much of it as is
settled money moves between their two bank accounts. A transfer is settled money of one customer that becomes another's.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from app.accounting.errors import JournalError
from app.accounting.types import JournalKind, Line
from app.kernel.errors import Refusal
from app.kernel.money import to_text
from app.ledger.chart import USD, Kind

Move = tuple[Kind, Kind]


@dataclass(frozen=True, slots=True)
class _Shape:
    """Settled money moves so, or a debt does; ``bank`` says how the bank follows the settled money."""

    settled: Move
    debt: Move
    bank: Move


_SHAPES: Final = {
    JournalKind.FEE: _Shape((Kind.SETTLED, Kind.FEES), (Kind.RECEIVABLE, Kind.FEES), (Kind.FIRM_BANK, Kind.FBO)),
    JournalKind.INTEREST: _Shape((Kind.CASH, Kind.SETTLED), (Kind.CASH, Kind.RECEIVABLE), (Kind.FBO, Kind.FIRM_BANK)),
}


def mismatch(kind: JournalKind, lines: Sequence[Line]) -> Refusal | None:
    """Why these are not the lines of a journal of that kind; None if they are. Any lines may adjust."""
    if kind is JournalKind.REVERSAL:
        message = "A reversal has no lines of its own; name the entry to take back with proposeReversal."
        return Refusal(JournalError.KIND_MISMATCH, message, "kind")
    if kind is JournalKind.TRANSFER:
        return _no_transfer(lines)
    return _out_of_shape(kind, _SHAPES[kind], lines) if kind in _SHAPES else None


def _no_transfer(lines: Sequence[Line]) -> Refusal | None:
    if [(line.debit, line.credit, line.asset) for line in lines] == [(Kind.SETTLED, Kind.SETTLED, USD)]:
        return None
    message = "A transfer is one line of dollars, SETTLED to SETTLED; shares don't move by hand, their lots would stay."
    return Refusal(JournalError.KIND_MISMATCH, message, "lines")


def _out_of_shape(kind: JournalKind, shape: _Shape, lines: Sequence[Line]) -> Refusal | None:
    for number, line in enumerate(lines):
        if (line.debit, line.credit) not in (shape.settled, shape.debt, shape.bank):
            allowed = ", ".join(_words(move) for move in (shape.settled, shape.debt, shape.bank))
            message = f"{_words((line.debit, line.credit))} is no line of {_NAMES[kind]}; these are: {allowed}."
            return Refusal(JournalError.KIND_MISMATCH, message, "lines", str(number))
    settled, debt, bank = (
        sum(line.amount for line in lines if (line.debit, line.credit) == move)
        for move in (shape.settled, shape.debt, shape.bank)
    )
    if settled != bank or not settled + debt:
        message = (
            f"{to_text(settled)} of settled money moves and {to_text(bank)} at the bank: give {_words(shape.bank)}"
            f" as much as {_words(shape.settled)}, or the customers' bank account would be wrong."
        )
        return Refusal(JournalError.KIND_MISMATCH, message, "lines")
    return None


_NAMES: Final = {JournalKind.FEE: "a fee", JournalKind.INTEREST: "interest"}


def _words(move: Move) -> str:
    return f"{move[0].name} to {move[1].name}"
