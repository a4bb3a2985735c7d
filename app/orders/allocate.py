"""Who gets what of a fill: shares first, then cash, exact to the last unit and the last cent.

Pro rata to the allocation statement and at one average price (SEC no-action letter SMC Capital, 5 September 1995).
Everything here is cumulative and pure: the same fill gives the same allotments however often it is asked about.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from hashlib import blake2b
from uuid import UUID

from app.kernel.money import CENT, UNIT, divide_half_up
from app.market.types import Side
from app.orders.share_out import share_out
from app.orders.types import Fill
from app.venues.profile import EXACT, Precision


@dataclass(frozen=True, slots=True)
class Claim:
    """A customer order's place in the allocation statement, and what it was given already.

    ``quantity`` is its stated share. For an order by amount, ``amount`` is the sum it named; its final quantity comes
    from the actual average price. ``limit`` is the most shares it can take part with (those held behind a sell).
    One that is ``leaving`` (its cancel is with the venue) gets only what those who stay can't take.
    """

    order_id: UUID
    quantity: int
    amount: int | None
    limit: int | None
    filled_quantity: int
    filled_amount: int
    leaving: bool = False


@dataclass(frozen=True, slots=True)
class Allotment:
    """What an order has of the fill so far."""

    quantity: int
    amount: int


class Stage(StrEnum):
    """How far a market order is: more fills may come, it ended before it was filled, or it is filled."""

    OPEN = "OPEN"
    CUT_SHORT = "CUT_SHORT"
    COMPLETE = "COMPLETE"


def allocate(
    claims: Sequence[Claim],
    fill: Fill,
    *,
    side: Side,
    market_order_id: UUID,
    obtainable: int,
    least: int,
    stage: Stage,
    precision: Precision = EXACT,
) -> list[Allotment]:
    """Each claim's cumulative allotment, in the order of ``claims``.

    ``obtainable`` bounds the shares that customers can have in all and ``least`` is what they must provide in all
    (shares of a sell that were dealt and that the house did not supply). A partial fill goes pro rata to the
    statement; a complete one gives each order what it asked for.
    """
    if fill.quantity == 0:
        return [Allotment(claim.filled_quantity, claim.filled_amount) for claim in claims]
    turn = [turn_of(market_order_id, claim.order_id) for claim in claims]
    if stage is Stage.COMPLETE:
        shares = _complete(claims, fill, side, turn, obtainable, least, precision)
    else:
        shares = _partial(claims, fill, side, turn, obtainable, stage, precision)
    cash = _cash_of_growing(claims, shares, turn, fill, side, stage)
    return [Allotment(quantity, amount) for quantity, amount in zip(shares, cash, strict=True)]


def _cash_of_growing(
    claims: Sequence[Claim], shares: Sequence[int], turn: Sequence[int], fill: Fill, side: Side, stage: Stage
) -> list[int]:
    """Who is leaving and gets no more shares has no part in their price either: the others share what is left."""
    cash = [claim.filled_amount for claim in claims]
    growing = [i for i, claim in enumerate(claims) if not (claim.leaving and 0 < shares[i] == claim.filled_quantity)]
    out = set(range(len(claims))) - set(growing)
    rest = Fill(fill.quantity - sum(shares[i] for i in out), fill.amount - sum(cash[i] for i in out))
    if rest.quantity <= 0 or rest.amount < 0:
        growing, rest = list(range(len(claims))), fill
    theirs = [shares[i] for i in growing]
    paid = _cash([claims[i] for i in growing], theirs, rest, side, [turn[i] for i in growing], stage)
    for i, amount in zip(growing, paid, strict=True):
        cash[i] = amount
    return cash


def quantity_for(amount: int, fill: Fill, precision: Precision = EXACT) -> int:
    """The shares that ``amount`` dollars buy at the fill's average price, to the venue's precision.

    Never costing more than the sum named once rounded to a cent: else rounded down (DriveWealth's published example,
    half up to 8 decimals: $100 at $325 is 0.30769231). None, of what is worth nothing: a few units of 1e-8.
    """
    if not fill.amount:
        return 0
    quantity = precision.quotient(amount * fill.quantity, fill.amount)
    if divide_half_up(quantity * fill.amount, fill.quantity * CENT) * CENT > amount:
        quantity = amount * fill.quantity // (fill.amount * precision.step) * precision.step
    return quantity


def _partial(
    claims: Sequence[Claim],
    fill: Fill,
    side: Side,
    turn: list[int],
    obtainable: int,
    stage: Stage,
    precision: Precision,
) -> list[int]:
    """Pro rata to the statement; a buyer by amount gets no more than the sum pays for by now."""
    total = max(sum(claim.filled_quantity for claim in claims), min(obtainable, sum(each.quantity for each in claims)))
    shares = _stayers_first(claims, total, turn, more_to_come=stage is Stage.OPEN)
    if side is Side.SELL:
        return shares  # what was dealt has to be delivered
    return [
        share
        if claim.amount is None
        else max(claim.filled_quantity, min(share, quantity_for(claim.amount, fill, precision)))
        for claim, share in zip(claims, shares, strict=True)
    ]


def _stayers_first(claims: Sequence[Claim], total: int, turn: list[int], *, more_to_come: bool) -> list[int]:
    """Pro rata among those who stay, up to what they stated; pro rata among those who leave what is then left."""
    shares = [claim.filled_quantity for claim in claims]
    for leaving in (False, True):
        members = [index for index, claim in enumerate(claims) if claim.leaving is leaving]
        others = sum(shares) - sum(shares[index] for index in members)
        stated = [claims[index].quantity for index in members]
        had = [shares[index] for index in members]
        part = max(sum(had), min(total - others, sum(stated)))
        if members:
            got = share_out(part, stated, had, [turn[index] for index in members], more_to_come=more_to_come)
            for index, share in zip(members, got, strict=True):
                shares[index] = share
    return shares


def _complete(
    claims: Sequence[Claim],
    fill: Fill,
    side: Side,
    turn: list[int],
    obtainable: int,
    least: int,
    precision: Precision,
) -> list[int]:
    """What each asked for. Orders by amount make up among themselves for a price that moved too far."""
    shares = [max(claim.filled_quantity, _worth(claim, fill, side, precision)) for claim in claims]
    named = [index for index, claim in enumerate(claims) if claim.amount is not None]
    others = sum(shares) - sum(shares[index] for index in named)
    bounds = min(max(sum(shares), least), obtainable)
    if not named or bounds == sum(shares):
        return shares
    weights = [shares[index] if bounds < sum(shares) else claims[index].quantity for index in named]
    floor = [claims[index].filled_quantity if bounds < sum(shares) else shares[index] for index in named]
    total = max(sum(floor), bounds - others)
    for index, share in zip(named, share_out(total, weights, floor, [turn[index] for index in named]), strict=True):
        shares[index] = share
    return shares


def _worth(claim: Claim, fill: Fill, side: Side, precision: Precision) -> int:
    """The shares that a claim comes to: for a seller by amount just enough to bring the sum, as cents are cut off."""
    if claim.amount is None:
        return claim.quantity
    if side is Side.BUY:
        return quantity_for(claim.amount, fill, precision)
    if not fill.amount:
        return claim.quantity
    enough = -(-claim.amount * fill.quantity // fill.amount)
    return enough if claim.limit is None else min(enough, claim.limit)


def _cash(
    claims: Sequence[Claim], shares: list[int], fill: Fill, side: Side, turn: list[int], stage: Stage
) -> list[int]:
    """Buyers together pay the average price to the nearest cent, sellers together get it rounded down.

    Rounding a seller up would make money out of many small sales. While more may come each seller's part is rounded
    down by itself: else those who were given the odd cents could leave with them.
    """
    had = [claim.filled_amount // CENT for claim in claims]
    if not any(shares):
        return [0] * len(claims)
    worth, unit = sum(shares) * fill.amount, fill.quantity * CENT
    cents = max(sum(had), divide_half_up(worth, unit) if side is Side.BUY else worth // unit)
    if side is Side.SELL and stage is Stage.OPEN:
        alone = [max(paid, share * fill.amount // unit) for paid, share in zip(had, shares, strict=True)]
        if sum(alone) <= cents:
            return [each * CENT for each in alone]
    dealt = [each * CENT for each in share_out(cents, shares, had, turn, more_to_come=stage is Stage.OPEN)]
    if side is Side.SELL:
        return dealt
    # A buyer never pays more than the sum named; a cent or a late jump in price is the house's.
    return [
        paid if claim.amount is None else max(claim.filled_amount, min(paid, claim.amount))
        for claim, paid in zip(claims, dealt, strict=True)
    ]


def turn_of(market_order_id: UUID, order_id: UUID) -> int:
    """An order's place among equals, drawn anew for every market order."""
    digest = blake2b(market_order_id.bytes + order_id.bytes, digest_size=8).digest()
    return int.from_bytes(digest, "big")


def whole_shares_of(quantity: int, *, up: bool) -> int:
    """A quantity rounded to whole shares, in units."""
    return (-(-quantity // UNIT) if up else quantity // UNIT) * UNIT
