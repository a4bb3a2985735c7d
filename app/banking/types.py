"""Cash movements asked for, and why they are declined."""

from dataclasses import dataclass
from enum import StrEnum

from app.kernel.errors import Refusal
from app.kernel.money import CENT, UNIT, to_text
from app.ledger.types import RefusalReason, Refused


class CashError(StrEnum):
    """Why money was not moved."""

    RAIL_UNAVAILABLE = "RAIL_UNAVAILABLE"
    AMOUNT_NOT_POSITIVE = "AMOUNT_NOT_POSITIVE"
    AMOUNT_NOT_WHOLE_CENTS = "AMOUNT_NOT_WHOLE_CENTS"
    AMOUNT_TOO_LARGE = "AMOUNT_TOO_LARGE"
    CURRENCY_UNSUPPORTED = "CURRENCY_UNSUPPORTED"
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


def check_amount(amount: int) -> None:
    """Raises a ``Refusal`` unless the amount is positive, in whole cents and within the rail's limit."""
    if amount <= 0:
        raise Refusal(
            CashError.AMOUNT_NOT_POSITIVE,
            f"The amount must be more than zero, got {to_text(amount)}.",
            "amount",
        )
    if amount % CENT:
        raise Refusal(
            CashError.AMOUNT_NOT_WHOLE_CENTS,
            f"Dollars move in whole cents; {to_text(amount)} has a part of one.",
            "amount",
        )
    if amount > MAX_MOVEMENT:
        raise Refusal(
            CashError.AMOUNT_TOO_LARGE,
            f"One movement may be {to_text(MAX_MOVEMENT)} at most, got {to_text(amount)}.",
            "amount",
        )


def declined(command: CashMovement, verdict: Refused) -> Refusal:
    """The ledger's refusal in the customer's words."""
    if verdict.reason is RefusalReason.CLOSED:
        return Refusal(CashError.ACCOUNT_CLOSED, "The account is closed; use another one.", "accountId")
    return Refusal(
        CashError.INSUFFICIENT_FUNDS,
        f"{to_text(command.amount)} is {to_text(verdict.shortage)} more than can be withdrawn now; ask for less, "
        "or wait until sales have settled.",
        "amount",
    )
