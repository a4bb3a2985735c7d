"""What each order of a market order has, or gives back, now that the venue told more. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from app.kernel.money import CENT, UNIT, divide_half_up
from app.market.types import Side
from app.orders.allocate import Allotment, Claim, Stage, allocate, turn_of
from app.orders.share_out import share_out
from app.orders.types import Capacity, Fill, MarketOrder, MarketOrderStatus, Order


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a market order stands with its venue.

    ``fill`` is all that stands; ``standing`` is what still stands of the part that was shared out before (less than
    that, or at another price, once executions were taken back or corrected). ``ending`` says whether and how it is
    over now; ``accepted`` is the venue's last word on requests, which frees the orders that waited for it.
    """

    market_order: MarketOrder
    fill: Fill
    standing: Fill
    ending: MarketOrderStatus | None
    reason: str | None
    accepted: int

    @property
    def stage(self) -> Stage:
        if self.ending is None:
            return Stage.OPEN
        return Stage.COMPLETE if self.ending is MarketOrderStatus.FILLED else Stage.CUT_SHORT

    @property
    def before(self) -> Fill:
        """What was shared out before."""
        made = self.market_order
        return Fill(made.allocated_quantity, made.allocated_amount)

    @property
    def taken_back(self) -> bool:
        """Whether something that was shared out does not stand any more."""
        return self.standing != self.before

    def frees(self, order: Order) -> bool:
        """Whether the venue has let go of what is not filled of the order."""
        return order.change_number is not None and order.change_number <= self.accepted


@dataclass(frozen=True, slots=True)
class Plan:
    """What each order has of the fill in all, and what those have together who take no more part in it."""

    allotments: list[Allotment]
    departed: Fill


@dataclass(frozen=True, slots=True)
class Participant:
    """An order and its line of the allocation statement."""

    order: Order
    stated: int


def plan(progress: Progress, participants: Sequence[Participant]) -> Plan:
    """What each order has of the fill in all, in the order of ``participants``.

    Whom the venue has let go of by now still gets what was dealt that those who stay can't take, and then leaves. Who
    has left keeps the average price at which it left; those who stay share what is dealt after, at their own.
    """
    had = [Allotment(each.order.filled_quantity, each.order.filled_amount) for each in participants]
    if progress.taken_back:
        had = _restate(progress, participants, had)
    if progress.market_order.ended_at is not None:  # what is dealt after the end is the house's
        return Plan(had, _departed_after_the_end(progress, participants, had))
    open_ = [index for index, each in enumerate(participants) if each.order.ended_at is None]
    ended = set(range(len(participants))) - set(open_)
    departed = _departed(progress, [had[index] for index in ended])
    freed = [index for index in open_ if progress.frees(participants[index].order)]
    staying = [index for index in open_ if index not in set(freed)]
    if freed and progress.fill.quantity:
        shared = _allocate(progress, participants, had, open_, departed, Stage.OPEN)
        for index in freed:
            had[index] = shared[index]
    price = _less(progress.fill, departed)
    for index in freed:
        departed = _plus(departed, had[index].quantity, _worth(participants[index].order, had[index], price))
    if staying and progress.fill.quantity:
        for index, allotment in _allocate(progress, participants, had, staying, departed, progress.stage).items():
            had[index] = allotment
    return Plan(had, departed)


def _departed(progress: Progress, theirs: Sequence[Allotment]) -> Fill:
    """What those have together who took no part any more (``theirs``), each at the price at which it left."""
    made, shares = progress.market_order, sum(each.quantity for each in theirs)
    if progress.taken_back:
        return Fill(shares, sum(each.amount for each in theirs))
    # Whom an operator took out by force since left at the average of what was shared out.
    forced, price = shares - made.departed.quantity, _less(progress.before, made.departed)
    return _plus(made.departed, forced, divide_half_up(forced * price.amount, price.quantity) if forced else 0)


def _departed_after_the_end(progress: Progress, participants: Sequence[Participant], had: Sequence[Allotment]) -> Fill:
    if not progress.taken_back:
        return progress.market_order.departed
    theirs = [each for each, participant in zip(had, participants, strict=True) if progress.frees(participant.order)]
    return Fill(sum(each.quantity for each in theirs), sum(each.amount for each in theirs))


def _plus(departed: Fill, shares: int, worth: int) -> Fill:
    return Fill(departed.quantity + shares, departed.amount + worth)


def _worth(order: Order, has: Allotment, price: Fill) -> int:
    """What those who stay need not pay for: what it paid; all of its shares, if they came to more than it had named."""
    if order.side is Side.SELL or order.amount is None or has.amount < order.amount:
        return has.amount
    return max(has.amount, divide_half_up(has.quantity * price.amount, price.quantity))


def _less(fill: Fill, departed: Fill) -> Fill:
    """What is left for those who take part. If that is nothing, the house may still serve them: at the same price."""
    rest = Fill(fill.quantity - departed.quantity, fill.amount - departed.amount)
    return rest if rest.quantity > 0 and rest.amount > 0 else fill


def _claim(participant: Participant, had: Allotment) -> Claim:
    order = participant.order
    limit = order.held + order.filled_quantity if order.side is Side.SELL else None
    leaving = order.ends_as is not None
    return Claim(order.id, participant.stated, order.amount, limit, had.quantity, had.amount, leaving)


def _allocate(
    progress: Progress,
    participants: Sequence[Participant],
    had: Sequence[Allotment],
    members: Sequence[int],
    departed: Fill,
    stage: Stage,
) -> dict[int, Allotment]:
    """What each of these participants has of what the departed leave, by its place among all."""
    made, claims = progress.market_order, [_claim(participants[index], had[index]) for index in members]
    obtainable, least = _bounds(progress, claims, stage)
    shared = allocate(
        claims,
        _less(progress.fill, departed),
        side=made.side,
        market_order_id=made.id,
        obtainable=max(0, obtainable - departed.quantity),
        # Never more than they stated together: what an operator took out by force is the house's to deliver.
        least=max(0, min(least - departed.quantity, sum(claim.quantity for claim in claims))),
        stage=stage,
        precision=made.precision,
    )
    return dict(zip(members, shared, strict=True))


def _bounds(progress: Progress, claims: Sequence[Claim], stage: Stage) -> tuple[int, int]:
    """The most shares that customers can have (or sell), and the least that they must sell, in all."""
    made, filled = progress.market_order, progress.fill.quantity
    if stage is not Stage.COMPLETE:
        return filled, max(0, filled - made.supplied)
    principal = made.capacity is Capacity.PRINCIPAL
    if made.side is Side.BUY:
        return made.supplied if principal else made.quantity + made.supplied, 0
    most = sum(claim.limit or 0 for claim in claims) + made.customers_quantity
    return most, 0 if principal else max(0, made.quantity - made.supplied)


def _restate(progress: Progress, participants: Sequence[Participant], had: Sequence[Allotment]) -> list[Allotment]:
    """Everyone's part of what still stands, at its average price.

    The house gives up its own part first; what customers have to give back is shared out by what they have. If some
    have left at a price of their own, what each paid moves with the average.
    """
    made, before, standing = progress.market_order, progress.before, progress.standing
    turn = [turn_of(made.id, each.order.id) for each in participants]
    shares = [each.quantity for each in had]
    in_all = sum(shares)
    left = min(in_all, standing.quantity + max(0, in_all - before.quantity))
    if left < in_all:
        back = share_out(in_all - left, shares, [0] * len(shares), turn)
        shares = [each - given for each, given in zip(shares, back, strict=True)]
    price = standing if standing.quantity else before
    if not left:
        return [Allotment(0, 0) for _ in had]
    weights, worth, unit = shares, left * price.amount, price.quantity * CENT
    own = [each.amount * kept // each.quantity if kept else 0 for each, kept in zip(had, shares, strict=True)]
    if made.departed.quantity and any(own):
        weights, worth, unit = own, sum(own) * price.amount * before.quantity, price.quantity * before.amount * CENT
    cents = divide_half_up(worth, unit) if made.side is Side.BUY else worth // unit
    paid = [each * CENT for each in share_out(cents, weights, [0] * len(shares), turn)]
    paid = [
        _within_promise(each.order, quantity, cash)
        for each, quantity, cash in zip(participants, shares, paid, strict=True)
    ]
    return [Allotment(quantity, amount) for quantity, amount in zip(shares, paid, strict=True)]


def _within_promise(order: Order, quantity: int, cash: int) -> int:
    """No more than the sum named, nor beyond the limit (but for a part of a cent): what is missing is the house's."""
    limit = order.terms.limit_price
    if order.side is Side.SELL:
        return cash if limit is None else max(cash, quantity * limit // (UNIT * CENT) * CENT)
    if limit is not None:
        cash = min(cash, -(-quantity * limit // (UNIT * CENT)) * CENT)
    return cash if order.amount is None else min(cash, order.amount)
