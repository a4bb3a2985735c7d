"""A plain Python model of customers' balances: the rules of the trade written a second time, as simply as they go.

Requests change it when they are accepted (hold.., replace); everything else it hears from the events of orders.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from uuid import UUID

from app.kernel.events import Event, EventType
from app.kernel.money import parse, to_units
from app.orders.request import Size, dollars_to_hold, shares_to_hold
from app.orders.types import Replacement, Terms

KINDS = ("settled", "unsettled", "instant")

_FILLS = (EventType.ORDER_PARTIALLY_FILLED, EventType.ORDER_FILLED, EventType.ORDER_TRADE_CORRECTED)
_ENDS = (
    EventType.ORDER_FILLED,
    EventType.ORDER_CANCELED,
    EventType.ORDER_REJECTED,
    EventType.ORDER_EXPIRED,
    EventType.ORDER_REPLACED,
)


@dataclass
class ModelOrder:
    """``funding`` is what stood behind it at first, by kind, of which ``spent`` is gone: settled money first."""

    book: int
    asset: int
    side: str
    size: Size
    terms: Terms
    price: int
    held: int
    funding: dict[str, int] = field(default_factory=dict)
    spent: int = 0
    quantity: int = 0
    amount: int = 0
    ended: bool = False
    wanted: Replacement | None = None

    def left(self) -> dict[str, int]:
        """What stands behind it still, by kind."""
        used, left = self.spent, {}
        for kind in KINDS:
            left[kind] = self.funding[kind] - min(used, self.funding[kind])
            used -= self.funding[kind] - left[kind]
        return left

    def rest(self, whole: Size) -> Size:
        """What is not filled of a size."""
        return Size(
            None if whole.amount is None else whole.amount - self.amount,
            None if whole.quantity is None else whole.quantity - self.quantity,
        )


@dataclass
class Model:
    """Balances by (book, asset, kind name), in units. ``proceeds`` of an order are due by date."""

    balances: defaultdict[tuple[int, int, str], int] = field(default_factory=lambda: defaultdict(int))
    orders: dict[UUID, ModelOrder] = field(default_factory=dict)
    proceeds: dict[UUID, dict[str, int]] = field(default_factory=dict)

    def deposit(self, book: int, units: int) -> None:
        repaid = min(units, -self.balances[book, 1, "receivable"])
        self.balances[book, 1, "receivable"] += repaid
        self.balances[book, 1, "settled"] += units - repaid

    def withdraw(self, book: int, units: int) -> bool:
        if self.balances[book, 1, "receivable"] < 0 or self.balances[book, 1, "settled"] < units:
            return False
        self.balances[book, 1, "settled"] -= units
        return True

    def available(self, book: int, asset: int, side: str) -> int:
        """What could be held for another order: dollars for a buy, shares for a sell."""
        if side == "SELL":
            return self.balances[book, asset, "position"]
        return sum(self.balances[book, 1, kind] for kind in KINDS)

    def nonzero(self) -> dict[tuple[int, int, str], int]:
        return {key: units for key, units in sorted(self.balances.items()) if units}

    def holdings(self) -> list[tuple[int, int]]:
        """Who could sell what."""
        return sorted(
            (book, asset) for (book, asset, kind), units in self.balances.items() if kind == "position" and units > 0
        )

    def accept(self, id_: UUID, order: ModelOrder) -> None:
        """An order is accepted: ``held`` units are held behind it."""
        order.funding = self._hold(order, order.held)
        self.orders[id_] = order

    def needed(self, id_: UUID, wanted: Replacement, *, waiting: bool) -> int:
        """What must be held behind the order while it is being replaced; at both limits, while it may be dealt."""
        order = self.orders[id_]
        rest = order.rest(Size(wanted.amount, wanted.quantity))
        price = wanted.terms.limit_price or order.price
        if order.side == "SELL":
            return shares_to_hold(rest, price, order.held)
        dearer = price if waiting else max(price, order.terms.limit_price or 0)
        return dollars_to_hold(rest, dearer, wanted.terms.type)

    def replace(self, id_: UUID, wanted: Replacement, needed: int) -> None:
        """A replacement is accepted; more is held for it, if need be."""
        order = self.orders[id_]
        extra = max(0, needed - order.held)
        if order.side == "BUY":
            left, more = order.left(), self._hold(order, extra)
            order.funding, order.spent = {kind: left[kind] + more[kind] for kind in KINDS}, 0
        else:
            self._hold(order, extra)
        order.held += extra
        order.wanted = wanted

    def _hold(self, order: ModelOrder, units: int) -> dict[str, int]:
        if order.side == "SELL":
            self.balances[order.book, order.asset, "position"] -= units
            self.balances[order.book, order.asset, "position_held"] += units
            return {}
        taken = self._take(order.book, units)
        assert sum(taken.values()) == units
        self.balances[order.book, 1, "held"] += units
        return taken

    def _take(self, book: int, units: int) -> dict[str, int]:
        """Free cash, as far as there is any."""
        taken = {}
        for kind in KINDS:
            taken[kind] = min(units, self.balances[book, 1, kind])
            self.balances[book, 1, kind] -= taken[kind]
            units -= taken[kind]
        return taken

    def hear(self, event: Event) -> None:
        """Apply a later event of an order: its last fill, then its end."""
        id_ = UUID(event.data["order"])
        order = self.orders[id_]
        quantity, amount = (to_units(parse(event.data[name])) for name in ("last_quantity", "last_amount"))
        assert event.type in _FILLS or not (quantity or amount)
        order.quantity += quantity
        order.amount += amount
        told = [to_units(parse(event.data[name])) for name in ("cumulative_quantity", "cumulative_amount")]
        assert told == [order.quantity, order.amount]
        if order.side == "BUY":
            self._bought(order, quantity, amount)
        else:
            self._sold(id_, order, quantity, amount, event.data.get("settles_on", ""))
        if event.type is EventType.ORDER_REPLACE_REJECTED:
            self._free(order, max(0, order.held - self._rest_to_hold(order)))
            order.wanted = None
        elif event.type in _ENDS:
            assert not order.ended
            self._end(order, event.type)

    def _bought(self, order: ModelOrder, quantity: int, amount: int) -> None:
        position = (order.book, order.asset, "position")
        gone = max(0, -quantity - self.balances[position])
        self.balances[position] += quantity + gone
        self.balances[order.book, order.asset, "receivable"] -= gone
        held = 0 if order.ended else max(min(amount, order.held), -order.spent)
        self.balances[order.book, 1, "held"] -= held
        order.held -= held
        order.spent += held
        if amount < held:
            self.balances[order.book, 1, "settled"] += held - amount
        else:
            short = amount - held
            self.balances[order.book, 1, "receivable"] -= short - sum(self._take(order.book, short).values())

    def _sold(self, id_: UUID, order: ModelOrder, quantity: int, amount: int, due: str) -> None:
        kind = "position" if order.ended else "position_held"
        self.balances[order.book, order.asset, kind] -= quantity
        order.held -= 0 if order.ended else quantity
        proceeds = self.proceeds.setdefault(id_, defaultdict(int))
        if amount >= 0:
            self.balances[order.book, 1, "unsettled"] += amount
            proceeds[due] += amount
            return
        left = -amount
        for kind in ("unsettled", "settled", "instant"):
            taken = min(left, self.balances[order.book, 1, kind])
            self.balances[order.book, 1, kind] -= taken
            left -= taken
        self.balances[order.book, 1, "receivable"] -= left
        back = -amount
        for day in sorted(proceeds, reverse=True):
            taken = min(back, proceeds[day])
            proceeds[day] -= taken
            back -= taken

    def _end(self, order: ModelOrder, type_: EventType) -> None:
        wanted, order.wanted = order.wanted, None
        if wanted is None:
            assert type_ is not EventType.ORDER_REPLACED
        elif type_ is not EventType.ORDER_FILLED:
            hold = self._successors_hold(order, wanted)
            assert (hold is not None) == (type_ is EventType.ORDER_REPLACED)
            if hold is not None:
                self._succeed(order, wanted, hold)
        self._free(order, order.held)
        order.ended = True

    def _successors_hold(self, order: ModelOrder, wanted: Replacement) -> int | None:
        """What the order that takes this one's place holds; None if nothing can."""
        rest = order.rest(Size(wanted.amount, wanted.quantity))
        if (rest.amount or rest.quantity or 0) <= 0:
            return None
        price = wanted.terms.limit_price or order.price
        if order.side == "SELL":
            hold = shares_to_hold(rest, price, order.held)
        else:
            hold = dollars_to_hold(rest, price, wanted.terms.type)
        return hold if hold <= order.held else None

    def _succeed(self, order: ModelOrder, wanted: Replacement, hold: int) -> None:
        """The first ``hold`` units that are left go on behind the new order."""
        made = ModelOrder(order.book, order.asset, order.side, Size(), wanted.terms, order.price, hold)
        made.size = order.rest(Size(wanted.amount, wanted.quantity))
        order.held -= hold
        if order.side == "BUY":
            left = order.left()
            order.spent += hold
            made.funding = {kind: left[kind] - units for kind, units in order.left().items()}
        self.orders[wanted.id] = made

    def _free(self, order: ModelOrder, units: int) -> None:
        """The last ``units`` of the hold go back to where they came from."""
        order.held -= units
        if order.side == "SELL":
            self.balances[order.book, order.asset, "position_held"] -= units
            self.balances[order.book, order.asset, "position"] += units
            return
        self.balances[order.book, 1, "held"] -= units
        for kind in reversed(KINDS):
            back = min(units, order.left()[kind])
            self.balances[order.book, 1, kind] += back
            order.funding[kind] -= back
            units -= back
        assert units == 0

    def _rest_to_hold(self, order: ModelOrder) -> int:
        rest = order.rest(order.size)
        if order.side == "SELL":
            return order.held if rest.quantity is None else rest.quantity
        return dollars_to_hold(rest, order.terms.limit_price or order.price, order.terms.type)

    def repay_shares(self, book: int, asset: int) -> None:
        """Shares that are owed are handed over as far as there are any."""
        quantity = min(-self.balances[book, asset, "receivable"], self.balances[book, asset, "position"])
        self.balances[book, asset, "receivable"] += quantity
        self.balances[book, asset, "position"] -= quantity

    def settle(self, book: int, today: str) -> None:
        """Unsettled cash may not exceed the proceeds that are not due yet."""
        due_later = sum(
            amount
            for id_, proceeds in self.proceeds.items()
            for due, amount in proceeds.items()
            if self.orders[id_].book == book and due > today
        )
        settled = max(0, self.balances[book, 1, "unsettled"] - due_later)
        repaid = min(settled, -self.balances[book, 1, "receivable"])
        self.balances[book, 1, "unsettled"] -= settled
        self.balances[book, 1, "receivable"] += repaid
        self.balances[book, 1, "settled"] += settled - repaid
