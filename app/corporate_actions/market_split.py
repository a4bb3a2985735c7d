"""A split of the simulated market itself, for whoever runs it: then every tenant may announce it for its accounts."""

from datetime import date

from app.corporate_actions.check import Announce, check, dates_of
from app.corporate_actions.types import ActionKind, Terms
from app.infra.database import EngineConnection
from app.kernel.clock import Clock
from app.market import clock as market_clock
from app.market.splits import announce_split
from app.market.types import Instrument


async def split_market(
    connection: EngineConnection, wall: Clock, instrument: Instrument, new: int, old: int, ex_date: date
) -> None:
    """Quote ``new`` shares for ``old`` (units) from the ex-date on. Raises a ``Refusal``."""
    kind = ActionKind.SPLIT if new > old else ActionKind.REVERSE_SPLIT
    command = Announce(kind, instrument, Terms(new, old), ex_date, "the market's", "command line")
    time = await market_clock.resume(connection, wall)
    refusal = check(command, time.now())
    if refusal is not None:
        raise refusal
    await announce_split(connection, instrument.id, dates_of(command).effective_at, new, old)
