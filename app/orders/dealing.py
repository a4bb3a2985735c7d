"""Closes windows, sends market orders to their venues, and asks the venues for less."""

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from app.kernel.clock import Clock
from app.ledger.writers import Writers
from app.market.market import Market
from app.market.types import Instrument
from app.orders.gather import Gathered, gather
from app.orders.lead import Lead, shard_of
from app.orders.leave import Asked, LetGo, ask_to_let_go
from app.orders.recover import Open
from app.orders.request import reference_price
from app.orders.route import Sending, as_sent, mark_sent
from app.orders.run import CHUNK
from app.orders.statement import Gather
from app.orders.types import Capacity, Group, MarketOrder, MarketOrderStatus
from app.orders.unclear import Unclear, report_unclear
from app.venues.house import HOUSE
from app.venues.port import Change, Report, ReportKind, Venue
from app.venues.venues import Venues

#: A venue that says nothing for so long about an order, not even that it knows it, becomes a case.
SILENCE = timedelta(minutes=1)

TakeIn = Callable[[Venue, Sequence[Report]], Awaitable[None]]
ShareOut = Callable[[UUID], Awaitable[None]]


@dataclass(slots=True)
class Dealing:
    """Works for the shards that this process leads: ``leads`` by shard.

    ``windows`` says since when orders wait in each group, and ``sizes`` how many, as far as this process knows;
    ``completing`` are groups whose last statement is not complete yet.
    """

    writers: Writers
    market: Market
    venues: Venues
    clock: Clock
    take_in: TakeIn
    share_out: ShareOut
    leads: dict[int, Lead] = field(default_factory=dict)
    windows: dict[Group, datetime] = field(default_factory=dict)
    sizes: Counter[Group] = field(default_factory=Counter)
    completing: set[Group] = field(default_factory=set)
    _reported: set[UUID] = field(default_factory=set)

    def due_at(self, group: Group) -> datetime | None:
        """When the group's window closes; None while it is not dealt in, or its instrument is not one that we know."""
        instrument = self.market.instruments.get(group.instrument_id)
        if instrument is None or shard_of(group.instrument_id) not in self.leads or group in self.completing:
            return None
        at = self.market.clock.now()
        profile = self.venues.profile(instrument, at)
        return self.windows[group] + profile.window_length(at) if profile.trades(at) else None

    async def deal(self, group: Group) -> None:
        """Close the window, and send what it has become."""
        instrument, quote = self.market.instruments[group.instrument_id], self.market.quote(group.instrument_id)
        if quote is None:
            return  # and the window stays open until there is one
        opened_at = self.windows.pop(group)
        price = group.terms.limit_price or reference_price(group.side, quote)
        gathered = await self._gather(group, instrument, opened_at, price, None)
        if gathered.open_since is not None:
            self.windows.setdefault(group, gathered.open_since)
        if gathered.market_order is not None:
            await self._complete(gathered.market_order, instrument)

    async def _gather(
        self, group: Group, instrument: Instrument, opened_at: datetime, price: int, begun: UUID | None
    ) -> Gathered:
        profile = self.venues.profile(instrument, self.market.clock.now())
        lead = self.leads.get(shard_of(instrument.id))
        command = Gather(
            group,
            opened_at,
            price,
            profile.whole_shares,
            profile.venue,
            *self.market.trade_dates(instrument),
            lead=lead,
            market_order_id=begun,
            precision=profile.precision,
            sends=self._may_send(self.venues.by_name.get(profile.venue), lead),
        )
        writer = self.writers.of_journal(group.journal_id)
        weight = CHUNK if begun else min(CHUNK, self.sizes.pop(group, 1))
        while (gathered := await writer.submit(gather, command, weight=weight)).again:
            pass
        return gathered

    async def _complete(self, made: MarketOrder, instrument: Instrument) -> None:
        """Write the rest of a long statement, then send."""
        while made.status is MarketOrderStatus.GATHERING:
            self.completing.add(made.group)
            try:
                gathered = await self._gather(made.group, instrument, made.created_at, made.reference_price, made.id)
            finally:
                self.completing.discard(made.group)
            if gathered.open_since is not None:
                self.windows.setdefault(made.group, gathered.open_since)
            if gathered.market_order is None:
                return
            made = gathered.market_order
        principal = made.capacity is Capacity.PRINCIPAL
        venue_name = HOUSE if principal else self.venues.route(instrument)
        if made.status is MarketOrderStatus.SENT:  # as far as we are concerned; now it is
            await self.venues.by_name[venue_name].submit(as_sent(made))
        else:
            await self.send(made, venue_name)

    def _may_send(self, venue: Venue | None, lead: Lead | None) -> bool:
        """Whether this process, as the leader, may send what the venue is to deal: of an exclusive one it is not."""
        return venue is not None and venue.ready() and lead is not None and not venue.exclusive

    async def send(self, made: MarketOrder, venue_name: str) -> bool:
        """Send it, if it is ours to send, and say whether it was; the venue recognises what it has already.

        What an exclusive venue deals is sent by the process that speaks to it, whoever leads the shard.
        """
        venue, lead = self.venues.by_name.get(venue_name), self.leads.get(shard_of(made.instrument_id))
        if venue is None or not venue.ready() or (lead is None and not venue.exclusive):
            return False
        sending = Sending(made.id, None if venue.exclusive else lead)
        order = await self.writers.of_journal(made.journal_id).submit(mark_sent, sending)
        if order is not None:
            await venue.submit(order)
        return order is not None

    async def let_go(self, market_order: UUID, journal_id: int, instrument_id: int) -> None:
        """Ask the venue to deal less, for those who want to leave."""
        instrument = self.market.instruments[instrument_id]
        whole = self.venues.profile(instrument, self.market.clock.now()).whole_shares
        asked = await self.writers.of_journal(journal_id).submit(ask_to_let_go, LetGo(market_order, whole))
        if asked is not None:
            await self._ask(asked)

    async def _ask(self, asked: Asked) -> None:
        made, venue = asked.market_order, self.venues.by_name.get(asked.venue)
        if venue is None:
            return
        if asked.without_asking is None:
            # Ours, of which it was not told yet after a restart: it would refuse what it can't know.
            known = venue.exclusive or await venue.knows(as_sent(made)) or await self.send(made, venue.name)
            if known and venue.ready():
                await venue.change(Change(as_sent(made), asked.number, asked.replaces, asked.quantity))
            return
        if asked.without_asking is ReportKind.REPLACED:
            await self.share_out(made.id)
            return
        report = Report(
            venue.name,
            made.id,
            asked.without_asking,
            self.market.clock.now(),
            cumulative_quantity=made.filled_quantity,
            number=asked.number,
        )
        await self.take_in(venue, [report])

    async def resume(self, found: Open) -> None:
        """Go on with a market order that another process began, or of which nothing was heard.

        The venue is asked what became of it; it is sent only if the venue has never heard of it.
        """
        made, at_venue = found.market_order, found.venue_order
        venue = self.venues.by_name.get(at_venue.venue)
        if made.status is MarketOrderStatus.GATHERING:
            await self._complete(made, self.market.instruments[made.instrument_id])
        elif venue is None or not venue.ready():
            await self._report_silence(found)
        elif at_venue.sent_at is None and at_venue.awaits_answer:
            await self._ask(Asked(made, venue.name, at_venue.number, at_venue.accepted, None, ReportKind.CANCELED))
        elif at_venue.sent_at is None:
            await self.send(made, venue.name)
        else:
            known = await venue.knows(as_sent(made))
            if known is None:
                await self._report_silence(found)
            elif (known or await self.send(made, venue.name)) and at_venue.awaits_answer:
                asked = Asked(made, venue.name, at_venue.number, at_venue.accepted, at_venue.asked_quantity, None)
                await self._ask(asked)

    async def _report_silence(self, found: Open) -> None:
        """A venue that does not even say whether it has the order: after a while a person should look."""
        made, at_venue = found.market_order, found.venue_order
        since = at_venue.heard_at or at_venue.sent_at or made.created_at
        if made.id in self._reported or self.clock.now() - since < SILENCE:
            return
        self._reported.add(made.id)
        summary = f"{at_venue.venue} has not been heard of this order since {since:%Y-%m-%d %H:%M:%S} UTC."
        await self.writers.of_journal(made.journal_id).submit(report_unclear, Unclear(made.id, summary))
