"""A few hundred investors in a process of their own. They arrive, listen, and are moved by the same headlines."""

import argparse
import asyncio
import random
import sys
from collections.abc import Awaitable, Sequence
from pathlib import Path
from uuid import UUID

import httpx2
import uvloop

from app.demo.client import ApiError, Client
from app.demo.investor import Investor
from app.demo.sandbox import investor, investor_token
from app.identity.keys import local_key
from app.kernel.clock import SystemClock

SYMBOLS = ("AAPL", "MSFT", "AMD", "KO", "JPM", "XOM", "WMT", "PG", "JNJ", "GE", "BTC", "ETH", "SOL")
#: Seconds between headlines, and over how many seconds those whom one moves react.
BETWEEN_HEADLINES, REACTION = 0.45, 0.045
MOST_MOVED = 24


async def gather(investors: Sequence[Investor]) -> None:
    """Let them arrive, a few at a time; prints how far that is."""
    done = 0
    turn = asyncio.Semaphore(16)

    async def arrive(one: Investor) -> None:
        nonlocal done
        async with turn:
            while not await _tried(one.arrive()):
                await asyncio.sleep(0.3)
        done += 1
        if done % 50 == 0 or done == len(investors):
            print(f"arrived {done}", flush=True)  # noqa: T201 - the parent process reads it

    await asyncio.gather(*(arrive(one) for one in investors))


async def _tried(work: Awaitable[None]) -> bool:
    """Whether it worked; the server may be starting, or stopping."""
    try:
        await work
    except (ApiError, httpx2.HTTPError):
        return False
    return True


async def trade(investors: Sequence[Investor], chance: random.Random) -> None:
    """Headline after headline: each moves some investors to trade one symbol within a few milliseconds."""
    async with asyncio.TaskGroup() as tasks:
        for one in investors:
            tasks.create_task(one.listen())
        while True:
            symbol = chance.choice(SYMBOLS)
            for one in chance.sample(investors, min(len(investors), 1 + int(chance.expovariate(0.14)), MOST_MOVED)):
                tasks.create_task(_react(one, symbol, chance.uniform(0, REACTION)))
            await asyncio.sleep(chance.expovariate(1 / BETWEEN_HEADLINES))


async def _react(one: Investor, symbol: str, after: float) -> None:
    await asyncio.sleep(after)
    await one.act(symbol)


async def main(url: str, home: Path, tenant_id: UUID, count: int) -> None:
    """Run the crowd against the API at ``url`` until the process is told to stop."""
    tokens = local_key(home, None, SystemClock())
    limits = httpx2.Limits(max_connections=40, max_keepalive_connections=40)
    async with httpx2.AsyncClient(timeout=30, limits=limits) as http:
        users = [investor(number) for number in range(count)]
        investors = [
            Investor(Client(http, url, investor_token(tokens, tenant_id, user)), user, number)
            for number, user in enumerate(users)
        ]
        async with asyncio.TaskGroup() as tasks:
            crowd = tasks.create_task(_live(investors))
            await _orphaned()
            crowd.cancel()


async def _live(investors: Sequence[Investor]) -> None:
    await gather(investors)
    await trade(investors, random.Random(new_seed()))  # noqa: S311 - a simulation


async def _orphaned() -> None:
    """Returns when the process that started this one is gone, however it went: its end of our stdin closes."""
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    await reader.read()


def new_seed() -> int:
    """A seed of its own for each run: the demo goes on, it doesn't repeat itself."""
    return random.SystemRandom().getrandbits(32)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", required=True)
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--tenant", type=UUID, required=True)
    parser.add_argument("--count", type=int, default=300)
    asked = parser.parse_args()
    uvloop.run(main(asked.url, asked.home, asked.tenant, asked.count))
