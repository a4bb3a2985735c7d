"""Orders to be checked: an order for 10 shares of $100, and what may be different about it."""

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

from app.kernel.money import UNIT, multiply
from app.market.types import Quote, Side
from app.risk.types import Proposal
from tests.world import WEDNESDAY

ANN, BOB = UUID(int=1), UUID(int=2)
APPLE, COLA = 2, 3
CENT = UNIT // 100


def dollars(text: str) -> int:
    whole, _, cents = text.partition(".")
    return int(whole) * UNIT + int(cents.ljust(8, "0") or 0)


def proposal(*, bid: str = "99.99", ask: str = "100.01", age: timedelta = timedelta(0), **changed: Any) -> Proposal:
    """A market order to buy, unless it is ``changed``."""
    quote = Quote(APPLE, "AAPL", dollars(bid), dollars(ask), 100 * UNIT, 100 * UNIT, WEDNESDAY - age, simulated=True)
    order = Proposal(ANN, 17, APPLE, Side.BUY, None, 10 * UNIT, 1_000 * UNIT, quote, WEDNESDAY)
    return replace(order, **changed)


def of(shares: int) -> Proposal:
    """An order for so many units of 1e-8 shares."""
    return proposal(quantity=shares, worth=multiply(shares, 100 * UNIT))
