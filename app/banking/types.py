"""Cash movements asked for, and why they are declined."""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from app.kernel.errors import Refusal, Shortage
from app.kernel.money import CENT, SCALE, UNIT, to_text, to_units
from app.ledger.chart import USD
from app.ledger.types import RefusalReason, Refused


class CashError(StrEnum):
    """Why money was not moved."""

    RAIL_UNAVAILABLE = "RAIL_UNAVAILABLE"
    AMOUNT_NOT_POSITIVE = "AMOUNT_NOT_POSITIVE"
    AMOUNT_NOT_WHOLE_CENTS = "AMOUNT_NOT_WHOLE_CENTS"
    AMOUNT_TOO_LARGE = "AMOUNT_TOO_LARGE"
    INSUFFICIENT_FUNDS = "INSUFFICIENT_FUNDS"
    ACCOUNT_CLOSED = "ACCOUNT_CLOSED"


#: The largest single movement of the sandbox rail, in units.
MAX_MOVEMENT = 10_000_000 * UNIT


@dataclass(frozen=True, slots=True)
class CashMovement:
    """``amount`` units in or out of the account with that book."""

    book: int
    amount: int
    actor: str


def units_of(amount: Decimal) -> int:
    """Dollars as units. Raises a ``Refusal`` for an amount that is not finite, too large or has a ninth decimal."""
    if amount <= 0:
        raise _not_positive(f"{amount:f}")
    if amount > Decimal(MAX_MOVEMENT).scaleb(-SCALE):
        raise _too_large(f"{amount:.2E}")
    try:
        return to_units(amount)
    except ValueError:
        raise _part_of_a_cent(f"{amount:f}") from None


def check_amount(amount: int) -> None:
    """Raises a ``Refusal`` unless the amount is positive, in whole cents and within the rail's limit."""
    if amount <= 0:
        raise _not_positive(to_text(amount))
    if amount % CENT:
        raise _part_of_a_cent(to_text(amount))
    if amount > MAX_MOVEMENT:
        raise _too_large(to_text(amount))


def _not_positive(amount: str) -> Refusal:
    return Refusal(CashError.AMOUNT_NOT_POSITIVE, f"The amount must be more than zero, got {amount}.", "amount")


def _part_of_a_cent(amount: str) -> Refusal:
    message = f"Dollars move in whole cents; {amount} has a part of one."
    return Refusal(CashError.AMOUNT_NOT_WHOLE_CENTS, message, "amount")


def _too_large(amount: str) -> Refusal:
    message = f"One movement may be {to_text(MAX_MOVEMENT)} at most, got {amount}; split it."
    return Refusal(CashError.AMOUNT_TOO_LARGE, message, "amount")


def declined(command: CashMovement, verdict: Refused) -> Refusal:
    """The ledger's refusal in the customer's words."""
    if verdict.reason is RefusalReason.CLOSED:
        return Refusal(CashError.ACCOUNT_CLOSED, "The account is closed; use another one.", "accountId")
    return Refusal(
        CashError.INSUFFICIENT_FUNDS,
        f"{to_text(command.amount)} is {to_text(verdict.shortage)} more than can be withdrawn now; ask for less, "
        "or wait until sales have settled.",
        "amount",
        shortage=Shortage(command.book, USD, command.amount, command.amount - verdict.shortage),
    )
