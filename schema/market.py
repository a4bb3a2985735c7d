"""Instruments, quotes and bars."""

import datetime
from typing import Annotated, Any, TypeAlias

import strawberry

from app.market import types as market
from resolvers import market as resolve
from resolvers.ids import encode_id
from resolvers.paging import asked_page, time_key
from schema.enums import describe
from schema.money import Money, dollars
from schema.relay import After, Before, Connection, First, Info, Last, Node, connection

InstrumentKind: TypeAlias = market.InstrumentKind
describe(
    InstrumentKind,
    "InstrumentKind",
    "What sort of thing is traded.",
    {
        "EQUITY": "Shares of a company or a fund, in an exchange's hours.",
        "CRYPTO": "A coin, around the clock.",
        "INDEX": "A figure to compare with; it can't be bought.",
    },
)
BarInterval: TypeAlias = market.BarInterval
describe(BarInterval, "BarInterval", "How much time one bar covers.", {"ONE_DAY": "A trading day."})
BarSource: TypeAlias = market.BarSource
describe(
    BarSource,
    "BarSource",
    "Whether a price was once paid, or made up by a simulation.",
    {"HISTORICAL": "It was paid in a real market.", "SIMULATED": "This program made it up."},
)


def _instrument_id(root: strawberry.Parent[market.Instrument]) -> strawberry.ID:
    return strawberry.ID(encode_id("Instrument", root.id))


def _is_open(root: strawberry.Parent[market.Instrument], info: Info) -> bool:
    return resolve.is_open(info.context, root)


def _quote(root: strawberry.Parent[market.Instrument], info: Info) -> Any:
    return resolve.quote(info.context, root)


async def _bars(
    root: strawberry.Parent[market.Instrument],
    info: Info,
    interval: Annotated[
        BarInterval, strawberry.argument(description="How much time one bar covers.")
    ] = market.BarInterval.ONE_DAY,
    first: First = None,
    after: After = None,
    last: Last = None,
    before: Before = None,
) -> Any:
    asked = asked_page(first, after, last, before, time_key)
    page = await resolve.bars(info.context, root, interval, asked)
    return connection(page, lambda bar: bar.time.isoformat())


def _bid(root: strawberry.Parent[market.Quote]) -> Any:
    return dollars(root.bid)


def _ask(root: strawberry.Parent[market.Quote]) -> Any:
    return dollars(root.ask)


def _last(root: strawberry.Parent[market.Quote]) -> Any:
    return dollars(root.last)


def _previous_close(root: strawberry.Parent[market.Quote]) -> Any:
    return dollars(root.previous_close)


def _quoted_instrument(root: strawberry.Parent[market.Quote], info: Info) -> Any:
    return resolve.by_id(info.context, root.instrument_id)


@strawberry.type(description="What an instrument costs at a moment of market time.")
class Quote:
    instrument: "Instrument" = strawberry.field(resolver=_quoted_instrument, description="What is quoted.")
    bid: Money = strawberry.field(resolver=_bid, description="What a seller gets for one.")
    ask: Money = strawberry.field(resolver=_ask, description="What a buyer pays for one.")
    last: Money = strawberry.field(resolver=_last, description="What one was last traded at.")
    previous_close: Money = strawberry.field(resolver=_previous_close, description="The close of the session before.")
    time: datetime.datetime = strawberry.field(description="The moment, on the market's clock.")
    simulated: bool = strawberry.field(description="True if nobody pays this price: it is made up by a simulation.")


def _price(name: str) -> Any:
    def price(root: strawberry.Parent[market.Bar]) -> Any:
        value = getattr(root, name)
        return None if value is None else dollars(int(value.scaleb(8)))

    return price


@strawberry.type(description="Prices over one interval.")
class Bar:
    time: datetime.datetime = strawberry.field(description="When the interval ended.")
    open: Money | None = strawberry.field(resolver=_price("open"), description="The first price, where known.")
    high: Money | None = strawberry.field(resolver=_price("high"), description="The highest price, where known.")
    low: Money | None = strawberry.field(resolver=_price("low"), description="The lowest price, where known.")
    close: Money = strawberry.field(
        resolver=_price("close"), description="The last price, adjusted for splits and dividends."
    )
    source: BarSource = strawberry.field(description="Where the prices come from.")


@strawberry.type(description="Something that can be watched, and mostly traded.")
class Instrument(Node):
    id: strawberry.ID = strawberry.field(resolver=_instrument_id, description="Opaque and stable.")
    symbol: str = strawberry.field(description="Its ticker, such as AAPL.")
    name: str = strawberry.field(description="Its full name.")
    kind: InstrumentKind = strawberry.field(description="What sort of thing it is.")
    exchange: str = strawberry.field(description="The calendar that trading follows: XNYS, or 24/7.")
    whole_shares: bool = strawberry.field(
        description="Whether the venue deals whole shares only; you can hold fractions all the same."
    )
    tradable: bool = strawberry.field(description="Whether it can be ordered, or only watched.")
    is_open: bool = strawberry.field(resolver=_is_open, description="Whether its exchange trades now.")
    quote: Quote | None = strawberry.field(resolver=_quote, description="What it costs now.")
    bars: Connection[Bar] = strawberry.field(resolver=_bars, description="Its price history, newest first.")

    @classmethod
    def is_type_of(cls, obj: Any, _info: Any) -> bool:
        return isinstance(obj, market.Instrument)


@strawberry.type(description="The market's clock. In a demo it runs on its own, always inside a session.")
class MarketTime:
    now: datetime.datetime = strawberry.field(description="The time there.")
    simulated: bool = strawberry.field(description="True if prices and clock are a simulation on real price history.")
