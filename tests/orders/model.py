"""A plain Python model of customers' balances: the rules of the trade written a second time, as simply as they go."""

from collections import defaultdict
from dataclasses import dataclass, field
from uuid import UUID

from app.kernel.events import Event, EventType
from app.kernel.money import parse, to_units

KINDS = ("settled", "unsettled", "instant")


@dataclass
class ModelOrder:
    book: int
    asset: int
    side: str
    funding: dict[str, int]
    held: int


@dataclass
class Model:
    """Balances by (book, asset, kind name), in units."""

    balances: defaultdict[tuple[int, int, str], int] = field(default_factory=lambda: defaultdict(int))
    orders: dict[UUID, ModelOrder] = field(default_factory=dict)
    proceeds: list[tuple[str, int, int]] = field(default_factory=list)

    def deposit(self, book: int, units: int) -> None:
        repaid = min(units, -self.balances[book, 1, "receivable"])
        self.balances[book, 1, "receivable"] += repaid
        self.balances[book, 1, "settled"] += units - repaid

    def withdraw(self, book: int, units: int) -> bool:
        if self.balances[book, 1, "receivable"] < 0 or self.balances[book, 1, "settled"] < units:
            return False
        self.balances[book, 1, "settled"] -= units
        return True

    def buying_power(self, book: int) -> int:
        return sum(self.balances[book, 1, kind] for kind in KINDS)

    def nonzero(self) -> dict[tuple[int, int, str], int]:
        return {key: units for key, units in sorted(self.balances.items()) if units}

    def holdings(self) -> list[tuple[int, int]]:
        """Who could sell what."""
        return sorted(
            (book, asset) for (book, asset, kind), units in self.balances.items() if kind == "position" and units
        )

    def hold_cash(self, book: int, units: int) -> dict[str, int]:
        taken = {}
        for kind in KINDS:
            taken[kind] = min(units, self.balances[book, 1, kind])
            self.balances[book, 1, kind] -= taken[kind]
            units -= taken[kind]
        assert units == 0
        self.balances[book, 1, "held"] += sum(taken.values())
        return taken

    def hear(self, event: Event) -> None:
        """Apply a later event of an order: its last fill, then its end."""
        order = self.orders[UUID(event.data["order"])]
        quantity, amount = (to_units(parse(event.data[name])) for name in ("last_quantity", "last_amount"))
        if order.side == "BUY":
            self._bought(order, quantity, amount)
        else:
            self.balances[order.book, order.asset, "position_held"] -= quantity
            order.held -= quantity
            self.balances[order.book, 1, "unsettled"] += amount
            if amount:
                self.proceeds.append((event.data["settles_on"], order.book, amount))
        if event.type in (
            EventType.ORDER_FILLED,
            EventType.ORDER_CANCELED,
            EventType.ORDER_REJECTED,
            EventType.ORDER_EXPIRED,
        ):
            self._release(order)

    def _bought(self, order: ModelOrder, quantity: int, amount: int) -> None:
        self.balances[order.book, order.asset, "position"] += quantity
        from_hold = min(amount, order.held)
        self.balances[order.book, 1, "held"] -= from_hold
        order.held -= from_hold
        left = from_hold
        for kind in KINDS:
            used = min(left, order.funding[kind])
            order.funding[kind] -= used
            left -= used
        short = amount - from_hold
        for kind in KINDS:
            used = min(short, self.balances[order.book, 1, kind])
            self.balances[order.book, 1, kind] -= used
            short -= used
        self.balances[order.book, 1, "receivable"] -= short

    def _release(self, order: ModelOrder) -> None:
        if order.side == "BUY":
            self.balances[order.book, 1, "held"] -= order.held
            for kind in KINDS:
                self.balances[order.book, 1, kind] += order.funding[kind]
                order.funding[kind] = 0
        else:
            self.balances[order.book, order.asset, "position_held"] -= order.held
            self.balances[order.book, order.asset, "position"] += order.held
        order.held = 0

    def settle(self, book: int, today: str) -> None:
        """Unsettled cash may not exceed the proceeds that are not due yet."""
        due_later = sum(amount for due, owner, amount in self.proceeds if owner == book and due > today)
        settled = max(0, self.balances[book, 1, "unsettled"] - due_later)
        repaid = min(settled, -self.balances[book, 1, "receivable"])
        self.balances[book, 1, "unsettled"] -= settled
        self.balances[book, 1, "receivable"] += repaid
        self.balances[book, 1, "settled"] += settled - repaid
