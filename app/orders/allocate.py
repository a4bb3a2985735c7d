"""Who gets what of a fill: shares first, then cash, exact to the last unit and the last cent.

Pro rata to the allocation statement and at one average price (SEC no-action letter SMC Capital, 5 September 1995).
Everything here is cumulative and pure: the same fill gives the same allotments however often it is asked about.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from uuid import UUID

from app.kernel.money import CENT, UNIT, divide_half_up
from app.orders.share_out import share_out
from app.orders.types import Side


@dataclass(frozen=True, slots=True)
class Claim:
    """A customer order's place in the allocation statement, and what it was given already.

    ``quantity`` is its stated share. For an order by amount, ``amount`` is the sum it named; its final quantity comes
    from the actual average price. ``limit`` is the most shares it can take part with (those held behind a sell).
    """

    order_id: UUID
    quantity: int
    amount: int | None
    limit: int | None
    filled_quantity: int
    filled_amount: int


@dataclass(frozen=True, slots=True)
class Fill:
    """What a market order was filled with so far: ``quantity`` shares for ``amount`` dollars in all."""

    quantity: int
    amount: int


@dataclass(frozen=True, slots=True)
class Allotment:
    """What an order has of the fill so far."""

    quantity: int
    amount: int


def allocate(
    claims: Sequence[Claim],
    fill: Fill,
    *,
    side: Side,
    market_order_id: UUID,
    obtainable: int,
    least: int,
    done: bool,
) -> list[Allotment]:
    """Each claim's cumulative allotment, in the order of ``claims``.

    ``obtainable`` bounds the shares that customers can have in all and ``least`` is what they must provide in all
    (shares of a sell that were dealt and that the house did not supply). While the market order is not ``done``,
    shares go pro rata to the statement; at its end an order gets what it asked for if there is enough.
    """
    if fill.quantity == 0:
        return [Allotment(claim.filled_quantity, claim.filled_amount) for claim in claims]
    turn = [_turn(market_order_id, claim.order_id) for claim in claims]
    had = [claim.filled_quantity for claim in claims]
    if done:
        shares = _final_shares(claims, fill, side, had, turn, obtainable, least)
    else:
        total = max(sum(had), min(obtainable, sum(claim.quantity for claim in claims)))
        shares = share_out(total, [claim.quantity for claim in claims], had, turn, more_to_come=True)
    cash = _cash(claims, shares, fill, side, turn, done)
    return [Allotment(quantity, amount) for quantity, amount in zip(shares, cash, strict=True)]


def quantity_for(amount: int, fill: Fill, limit: int | None = None) -> int:
    """The shares that ``amount`` dollars stand for at the fill's average price.

    Half up to 8 decimals, but never costing more than the sum named once rounded to a cent: else rounded down
    (DriveWealth's published example: $100 at $325 is 0.30769231).
    """
    quantity = divide_half_up(amount * fill.quantity, fill.amount)
    if divide_half_up(quantity * fill.amount, fill.quantity * CENT) * CENT > amount:
        quantity = amount * fill.quantity // fill.amount
    return quantity if limit is None else min(quantity, limit)


def _final_shares(
    claims: Sequence[Claim],
    fill: Fill,
    side: Side,
    had: list[int],
    turn: list[int],
    obtainable: int,
    least: int,
) -> list[int]:
    wanted = [
        claim.quantity if claim.amount is None else quantity_for(claim.amount, fill, claim.limit) for claim in claims
    ]
    shares = [max(want, got) for want, got in zip(wanted, had, strict=True)]
    if sum(shares) > obtainable:
        return share_out(max(obtainable, sum(had)), wanted, had, turn)
    if side is Side.SELL and sum(shares) < least:
        return share_out(least, [claim.quantity for claim in claims], shares, turn)
    return shares


def _cash(claims: Sequence[Claim], shares: list[int], fill: Fill, side: Side, turn: list[int], done: bool) -> list[int]:
    had = [claim.filled_amount // CENT for claim in claims]
    cents = max(sum(had), divide_half_up(sum(shares) * fill.amount, fill.quantity * CENT))
    if not any(shares):
        return [0] * len(claims)
    dealt = [each * CENT for each in share_out(cents, shares, had, turn, more_to_come=not done)]
    if side is Side.SELL:
        return dealt
    # A buyer never pays more than the sum named; a cent or a late jump in price is the house's.
    return [
        paid if claim.amount is None else max(claim.filled_amount, min(paid, claim.amount))
        for claim, paid in zip(claims, dealt, strict=True)
    ]


def _turn(market_order_id: UUID, order_id: UUID) -> int:
    digest = blake2b(market_order_id.bytes + order_id.bytes, digest_size=8).digest()
    return int.from_bytes(digest, "big")


def whole_shares_of(quantity: int, *, up: bool) -> int:
    """A quantity rounded to whole shares, in units."""
    return (-(-quantity // UNIT) if up else quantity // UNIT) * UNIT
