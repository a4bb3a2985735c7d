"""What is posted when, for orders and their settlement: each line of docs/ledger.md as a pure function.

Every function returns the legs of one event. Each leg moves one asset, so each event sums to zero per asset.
Amounts are units of 1e-8. ``cash_postings`` has the lines of money in and out, ``action_postings`` what companies do.
"""

from dataclasses import dataclass

from app.ledger.chart import USD, Kind, address
from app.ledger.types import Journal, Leg


@dataclass(frozen=True, slots=True)
class Funding:
    """Which kinds of cash stand behind a hold, so that what is left goes back to where it came from."""

    settled: int = 0
    unsettled: int = 0
    instant: int = 0

    @property
    def total(self) -> int:
        return self.settled + self.unsettled + self.instant

    def rest_after(self, used: int) -> "Funding":
        """What is left once ``used`` is spent: settled money goes first, then unsettled, then instant."""
        if not 0 <= used <= self.total:
            raise ValueError(f"a hold of {self.total} units can't have {used} used")
        settled = max(0, self.settled - used)
        unsettled = max(0, self.unsettled - max(0, used - self.settled))
        return Funding(settled, unsettled, self.total - used - settled - unsettled)

    def minus(self, other: "Funding") -> "Funding":
        """What is in this and not in the other."""
        return Funding(self.settled - other.settled, self.unsettled - other.unsettled, self.instant - other.instant)


def hold_cash(book: int, amount: int, *, settled_only: bool = False) -> list[Leg]:
    """A buy is accepted: settled, then unsettled, then instant money is held. What the legs take is its Funding."""
    held = address(book, USD, Kind.HELD)
    if settled_only:
        return [Leg(address(book, USD, Kind.SETTLED), held, amount)]
    return [
        Leg(address(book, USD, Kind.SETTLED), held, amount, up_to=True),
        Leg(address(book, USD, Kind.UNSETTLED), held, 0, up_to=True),
        Leg(address(book, USD, Kind.INSTANT), held, 0),
    ]


def release_cash(book: int, rest: Funding) -> list[Leg]:
    """A buy ends: the rest of its hold goes back to where it came from."""
    held = address(book, USD, Kind.HELD)
    return [
        Leg(held, address(book, USD, Kind.SETTLED), rest.settled),
        Leg(held, address(book, USD, Kind.UNSETTLED), rest.unsettled),
        Leg(held, address(book, USD, Kind.INSTANT), rest.instant),
    ]


def hold_shares(book: int, asset: int, quantity: int) -> list[Leg]:
    """A sell is accepted."""
    return [Leg(address(book, asset, Kind.POSITION), address(book, asset, Kind.POSITION_HELD), quantity)]


def release_shares(book: int, asset: int, quantity: int) -> list[Leg]:
    """A sell ends: the rest of its hold goes back."""
    return [Leg(address(book, asset, Kind.POSITION_HELD), address(book, asset, Kind.POSITION), quantity)]


def customer_buys(book: int, market_order: int, asset: int, quantity: int, cash: int, from_hold: int) -> list[Leg]:
    """A customer's part of a fill: shares in, money out of the hold.

    The execution is a fact: what the hold can't cover comes from other cash, and what that can't cover is owed.
    Negative figures are taken back: shares that are gone are owed, money goes back to the hold (``from_hold``) or is
    settled cash.
    """
    x_shares, x_cash = (
        address(market_order, asset, Kind.MARKET_ORDER),
        address(market_order, USD, Kind.MARKET_ORDER),
    )
    held, settled = address(book, USD, Kind.HELD), address(book, USD, Kind.SETTLED)
    if quantity >= 0:
        legs = [Leg(x_shares, address(book, asset, Kind.POSITION), quantity)]
    else:
        legs = [
            Leg(address(book, asset, Kind.POSITION), x_shares, -quantity, up_to=True),
            Leg(address(book, asset, Kind.RECEIVABLE), x_shares, 0),
        ]
    legs.append(Leg.signed(held, x_cash, from_hold))
    if cash < from_hold:
        legs.append(Leg(x_cash, settled, from_hold - cash))
    elif cash > from_hold:
        legs += [
            Leg(settled, x_cash, cash - from_hold, up_to=True),
            Leg(address(book, USD, Kind.UNSETTLED), x_cash, 0, up_to=True),
            Leg(address(book, USD, Kind.INSTANT), x_cash, 0, up_to=True),
            Leg(address(book, USD, Kind.RECEIVABLE), x_cash, 0),
        ]
    return legs


def customer_sells(
    book: int, market_order: int, asset: int, quantity: int, cash: int, *, held: bool = True
) -> list[Leg]:
    """A customer's part of a fill: held shares out, unsettled money in.

    Negative figures are taken back: shares go back behind the order (``held``) or are free; money that was spent
    already comes from other cash or is owed.
    """
    x_shares, x_cash = address(market_order, asset, Kind.MARKET_ORDER), address(market_order, USD, Kind.MARKET_ORDER)
    shares = address(book, asset, Kind.POSITION_HELD if held else Kind.POSITION)
    legs = [Leg.signed(shares, x_shares, quantity)]
    if cash >= 0:
        return [*legs, Leg(x_cash, address(book, USD, Kind.UNSETTLED), cash)]
    return [
        *legs,
        Leg(address(book, USD, Kind.UNSETTLED), x_cash, -cash, up_to=True),
        Leg(address(book, USD, Kind.SETTLED), x_cash, 0, up_to=True),
        Leg(address(book, USD, Kind.INSTANT), x_cash, 0, up_to=True),
        Leg(address(book, USD, Kind.RECEIVABLE), x_cash, 0),
    ]


def house_supplies(journal: Journal, market_order: int, asset: int, quantity: int) -> list[Leg]:
    """The house sets shares of its inventory aside for a market order, as far as it has them."""
    inventory, x_shares = (
        address(journal.house, asset, Kind.INVENTORY),
        address(market_order, asset, Kind.MARKET_ORDER),
    )
    return [Leg(inventory, x_shares, quantity, up_to=True)]


def street_sells_to_us(journal: Journal, market_order: int, asset: int, quantity: int, cash: int) -> list[Leg]:
    """An execution of a buy: the clearing house owes us shares, and we owe it money."""
    return [
        Leg(
            address(journal.outside, asset, Kind.STREET),
            address(market_order, asset, Kind.MARKET_ORDER),
            quantity,
        ),
        Leg(address(market_order, USD, Kind.MARKET_ORDER), address(journal.outside, USD, Kind.STREET), cash),
    ]


def street_buys_from_us(journal: Journal, market_order: int, asset: int, quantity: int, cash: int) -> list[Leg]:
    """An execution of a sell: we owe shares, and are owed money."""
    return [
        Leg(
            address(market_order, asset, Kind.MARKET_ORDER),
            address(journal.outside, asset, Kind.STREET),
            quantity,
        ),
        Leg(address(journal.outside, USD, Kind.STREET), address(market_order, USD, Kind.MARKET_ORDER), cash),
    ]


def close_market_order(
    journal: Journal, market_order: int, asset: int, shares: int, house_cash: int, residue: int
) -> list[Leg]:
    """A market order ends: what is left in its account is the house's, and the account is empty in every asset.

    ``shares`` go to the inventory (negative: come from it; what it has not is owed by the house). ``house_cash`` and
    the sub-cent ``residue`` are what the house pays in (negative: is paid).
    """
    x_cash = address(market_order, USD, Kind.MARKET_ORDER)
    inventory = address(journal.house, asset, Kind.INVENTORY)
    x_shares = address(market_order, asset, Kind.MARKET_ORDER)
    if shares >= 0:
        moved = [Leg(x_shares, inventory, shares)]
    else:
        short = address(journal.house, asset, Kind.SHORT)
        moved = [Leg(inventory, x_shares, -shares, up_to=True), Leg(short, x_shares, 0)]
    return [
        *moved,
        Leg.signed(address(journal.house, USD, Kind.CASH), x_cash, house_cash),
        Leg.signed(address(journal.house, USD, Kind.ROUNDING), x_cash, residue),
    ]


def repay_shares(book: int, asset: int, quantity: int, *, house: bool) -> list[Leg]:
    """Shares that are owed, because a deal was taken back after they were gone, are made good."""
    had, owed = (Kind.INVENTORY, Kind.SHORT) if house else (Kind.POSITION, Kind.RECEIVABLE)
    return [Leg(address(book, asset, had), address(book, asset, owed), quantity)]


def settle_buy(journal: Journal, asset: int, quantity: int, customers: int, house: int) -> list[Leg]:
    """A buy settles: the custodian has the shares, and the banks have paid for them."""
    outside = journal.outside
    street_cash = address(outside, USD, Kind.STREET)
    return [
        Leg(address(outside, asset, Kind.CUSTODIAN), address(outside, asset, Kind.STREET), quantity),
        Leg.signed(street_cash, address(outside, USD, Kind.FBO), customers),
        Leg.signed(street_cash, address(outside, USD, Kind.FIRM_BANK), house),
    ]


def settle_sell(journal: Journal, asset: int, quantity: int, customers: int, house: int) -> list[Leg]:
    """A sell settles: the custodian has delivered, and the banks have the money."""
    outside = journal.outside
    street_cash = address(outside, USD, Kind.STREET)
    return [
        Leg(address(outside, asset, Kind.STREET), address(outside, asset, Kind.CUSTODIAN), quantity),
        Leg.signed(address(outside, USD, Kind.FBO), street_cash, customers),
        Leg.signed(address(outside, USD, Kind.FIRM_BANK), street_cash, house),
    ]


def settle_cash(book: int, amount: int, owed: int = 0) -> list[Leg]:
    """Proceeds of sales become settled money. What the customer owes is repaid from it first."""
    settled = address(book, USD, Kind.SETTLED)
    legs = [Leg(address(book, USD, Kind.UNSETTLED), settled, amount)]
    if owed:
        legs.append(Leg(settled, address(book, USD, Kind.RECEIVABLE), min(owed, amount)))
    return legs
