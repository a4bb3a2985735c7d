"""A venue in a process of its own, which traders reach over FIX, and which may be killed as they may."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from app.fix.acceptor import Acceptor
from app.fix.types import Role, SessionConfig, SessionId
from app.infra.database import EngineConnection, EnginePool, engine_pool
from app.kernel.clock import Clock, SystemClock
from app.market.catalogue import INSTRUMENTS
from app.market.market import Market
from app.venues.fix.adapter import FixVenue
from app.venues.fix.desk import VenueDesk, other_side
from app.venues.paper import PaperBehaviour, PaperVenue
from tests.orders.crash_job import Job, Shifted
from tests.world import SetQuotes

_HOUSE, _VENUE = SessionId("HOUSE", "VENUE"), SessionId("VENUE", "HOUSE")
_BY_ID = {each.id: each for each in INSTRUMENTS}


def market_of(job: Job) -> Market:
    """Where prices stand still, on the job's day."""
    clock = Shifted(SystemClock(), datetime.fromisoformat(job.market_at) - datetime.fromisoformat(job.wall_at))
    return Market(_BY_ID, SetQuotes(clock, {each: Decimal(100) for each in _BY_ID}), clock)  # type: ignore[arg-type]


def line_to_the_venue(pool: EnginePool, port: int, market: Market, clock: Clock) -> FixVenue:
    """The traders' end."""
    config = SessionConfig(_HOUSE, Role.INITIATOR)
    return FixVenue(pool, config, ("127.0.0.1", port), _BY_ID, clock=clock, market_clock=market.clock)


async def be_a_venue(job: Job, behaviour: PaperBehaviour) -> None:
    """Deal until killed."""
    clock, market = SystemClock(), market_of(job)
    pool = await engine_pool(job.url, 4)
    venue = PaperVenue(pool, market, clock=clock, behaviour=behaviour)
    desk = VenueDesk(
        pool,
        SessionConfig(_VENUE, Role.ACCEPTOR),
        venue,
        _BY_ID,
        clock=clock,
        venue_clock=clock,
        market_clock=market.clock,
    )
    assert job.venue_port is not None
    async with Acceptor([desk.line]).listening("127.0.0.1", job.venue_port):
        await desk.run()


async def differences_with_the_venue(connection: EngineConnection) -> list[Sequence[object]]:
    """What the venue's own book says otherwise than ours: an order, what was dealt of it, in how many executions."""
    book = await connection.fetch(_BOOK)
    theirs = {other_side(row["id"]): (row["executed"], row["executions"], row["asked"]) for row in book}
    ours = {row["id"]: (row["executed"], row["executions"]) for row in await connection.fetch(_OURS)}
    found: list[Sequence[object]] = [
        ("dealt otherwise", str(id_), dealt, theirs.get(id_)) for id_, dealt in ours.items() if dealt != theirs[id_][:2]
    ]
    found += [("more than was ordered", str(id_)) for id_, (executed, _, asked) in theirs.items() if executed > asked]
    found += [("an order that we did not send", str(id_)) for id_ in theirs.keys() - ours.keys()]
    return found


_BOOK = """
SELECT client_order_id AS id, (story->>'cumulative')::numeric / 100000000 AS executed,
  (story->'order'->>'quantity')::numeric / 100000000 AS asked,
  (SELECT count(*) FROM jsonb_array_elements(story->'happened') s
   WHERE s->'report'->>'execution_id' <> '') AS executions
FROM paper.venue_order
"""

_OURS = """
SELECT m.id, m.filled_quantity AS executed,
  (SELECT count(*) FROM execution e WHERE e.market_order_id = m.id) AS executions
FROM market_order m JOIN venue_order v ON v.market_order_id = m.id
WHERE v.venue = 'fix' AND v.sent_at IS NOT NULL
"""
