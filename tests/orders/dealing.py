"""A market order dealt from beginning to end without a database: customers' wishes, the venue's reports."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from random import Random
from uuid import UUID

from app.kernel.money import CENT, UNIT, multiply, ratio
from app.ledger.postings import Funding
from app.market.types import Side
from app.orders.deal import Deal, size_deal
from app.orders.fill import HousePart, OrderFill, fills_of, house_part
from app.orders.hear import street_part
from app.orders.plan import Participant, Plan, Progress, plan
from app.orders.request import Size, dollars_to_hold, shares_to_hold
from app.orders.types import Capacity, Fill, MarketOrder, MarketOrderStatus, Order, OrderStatus, Terms

_ID = UUID(int=1)
AT = datetime(2026, 11, 25, 15, 0, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Wish:
    """What a customer asks for; ``owned`` is what a seller has, and sells all of if no size is named."""

    size: Size
    owned: int = 0


@dataclass
class Dealing:
    """One market order for these wishes, at a quote of ``price`` and with the house holding ``inventory``."""

    side: Side
    wishes: Sequence[Wish]
    price: int
    inventory: int = 0
    whole_shares: bool = True
    market_order_id: UUID = _ID
    market_order: MarketOrder = field(init=False)
    deal: Deal = field(init=False)
    participants: list[Participant] = field(init=False)
    first_holds: list[int] = field(init=False)
    house: HousePart | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        orders = [self._order(number, wish) for number, wish in enumerate(self.wishes, 1)]
        self.first_holds = [order.held for order in orders]
        self.participants = [Participant(order, self._stated(order)) for order in orders]
        by_quantity = sum(each.stated for each in self.participants if each.order.amount is None)
        by_amount = sum(each.stated for each in self.participants if each.order.amount is not None)
        self.deal = size_deal(self.side, by_quantity, by_amount, self.inventory, whole_shares=self.whole_shares)
        self.market_order = self._market_order(by_quantity + by_amount)

    @property
    def orders(self) -> list[Order]:
        return [each.order for each in self.participants]

    @property
    def fill(self) -> Fill:
        return Fill(self.market_order.filled_quantity, self.market_order.filled_amount)

    @property
    def to_deal(self) -> int:
        """What is to be dealt with the venue, or by the house itself."""
        return self.market_order.quantity

    @property
    def house_after(self) -> int:
        """The house's inventory once the market order has ended."""
        assert self.house is not None
        return self.inventory - self.market_order.supplied + self.house.shares

    @property
    def street(self) -> Fill:
        """What was dealt with the clearing house."""
        return Fill(*street_part(self.market_order, self.fill.quantity, self.fill.amount))

    def execute(self, quantity: int, price: int, *, ends: bool = False) -> list[OrderFill]:
        """The venue reports an execution, and with ``ends`` in the same breath that it leaves the rest unfilled."""
        filled = Fill(self.fill.quantity + quantity, self.fill.amount + multiply(quantity, price))
        if filled.quantity >= self.to_deal:
            return self._apply(filled, MarketOrderStatus.FILLED)
        return self._apply(filled, MarketOrderStatus.CANCELED if ends else None)

    def leave(self, number: int) -> None:
        """The venue lets go of what is not filled of the order with that number."""
        was = self.participants[number]
        leaving = replace(was.order, ends_as=OrderStatus.CANCELED, change_number=1, status=OrderStatus.PENDING_CANCEL)
        self.participants[number] = replace(was, order=leaving)
        self._apply(self.fill, None)

    def again(self) -> list[OrderFill]:
        """What the fill so far would change if it were shared out once more."""
        return self._fills(Progress(self.market_order, self.fill, self.fill, None, None, 1))

    def _fills(self, progress: Progress) -> list[OrderFill]:
        return fills_of(progress, self.orders, self._plan(progress).allotments)

    def _plan(self, progress: Progress) -> Plan:
        return plan(progress, self.participants)

    def _apply(self, filled: Fill, ending: MarketOrderStatus | None) -> list[OrderFill]:
        progress = Progress(self.market_order, filled, self.fill, ending, None, 1)
        departed = self._plan(progress).departed
        fills = self._fills(progress)
        news = {fill.order.id: fill for fill in fills}
        self.participants = [
            replace(each, order=_after(each.order, news[each.order.id])) if each.order.id in news else each
            for each in self.participants
        ]
        self.market_order = replace(
            self.market_order,
            filled_quantity=filled.quantity,
            filled_amount=filled.amount,
            allocated_quantity=filled.quantity,
            allocated_amount=filled.amount,
            departed=departed,
            customers_quantity=sum(order.filled_quantity for order in self.orders),
            customers_amount=sum(order.filled_amount for order in self.orders),
        )
        if ending is not None:
            self.house = house_part(self.market_order, filled.quantity, filled.amount)
        return fills

    def _order(self, number: int, wish: Wish) -> Order:
        buys = self.side is Side.BUY
        held = dollars_to_hold(wish.size, self.price) if buys else shares_to_hold(wish.size, self.price, wish.owned)
        return Order(
            id=UUID(int=number),
            journal_id=1,
            account_id=UUID(int=number),
            book_id=number,
            instrument_id=2,
            side=self.side,
            terms=Terms(),
            amount=wish.size.amount,
            quantity=held if wish.size.everything else wish.size.quantity,
            sell_all=wish.size.everything,
            status=OrderStatus.NEW,
            reference_price=self.price,
            held=held,
            funding=Funding(settled=held) if buys else Funding(),
            market_order_id=self.market_order_id,
            placed_at=AT,
        )

    def _stated(self, order: Order) -> int:
        if order.quantity is not None:
            return order.quantity
        assert order.amount is not None
        shares = max(1, ratio(order.amount, self.price))
        return shares if self.side is Side.BUY else min(shares, order.held)

    def _market_order(self, requested: int) -> MarketOrder:
        return MarketOrder(
            id=self.market_order_id,
            journal_id=1,
            book_id=1_000,
            instrument_id=2,
            side=self.side,
            terms=Terms(),
            status=MarketOrderStatus.SENT,
            capacity=self.deal.capacity,
            requested=requested,
            quantity=requested if self.deal.capacity is Capacity.PRINCIPAL else self.deal.quantity,
            supplied=self.deal.supplied,
            reference_price=self.price,
            trade_date=date(2026, 11, 25),
            settles_on=date(2026, 11, 27),
            created_at=AT,
        )


def _after(order: Order, fill: OrderFill) -> Order:
    return replace(
        order,
        filled_quantity=order.filled_quantity + fill.last_quantity,
        filled_amount=order.filled_amount + fill.last_amount,
        status=fill.status,
        held=fill.held,
        ended_at=AT if fill.status.is_final else None,
    )


def some_wishes(random: Random, side: Side, count: int, price: int) -> list[Wish]:
    """Wishes of all kinds and sizes, by chance: small ones of a few cents' worth, large ones of thousands of shares."""
    return [_wish(random, side, price) for _ in range(count)]


def _wish(random: Random, side: Side, price: int) -> Wish:
    quantity = random.choice((random.randint(1, UNIT), random.randint(1, 50) * UNIT, random.randint(1, 3_000 * UNIT)))
    if side is Side.BUY:
        by_amount = random.random() < 0.5
        return Wish(Size(amount=random.randint(500, 500_000) * CENT) if by_amount else Size(quantity=quantity))
    owned = quantity + random.choice((0, random.randint(0, 10 * UNIT)))
    amount = multiply(owned, price) * random.randint(1, 100) // 100 // CENT * CENT
    kind = random.choice(("all", "quantity", "amount"))
    if kind == "amount" and amount >= 5 * UNIT:
        return Wish(Size(amount=amount), owned)
    return Wish(Size(quantity=quantity) if kind == "quantity" else Size(everything=True), owned)
