"""A process may die anywhere: another finishes its work, nothing is lost and nothing is done twice.

``CRASHES=500`` kills that many processes instead of a few at each point.
"""

import asyncio
import os
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from random import Random

import pytest

from app.infra import embedded
from tests.conftest import fresh_database
from tests.orders.crash_points import POINTS
from tests.orders.crashing import Shop, open_shop, traders

CRASHES = int(os.environ.get("CRASHES", "40"))
SEED = int(os.environ.get("CRASH_SEED", "7"))
#: So many databases are traded in at a time: most of a round is waiting for a dead process's leases to run out.
SHOPS = 3


@pytest.mark.timeout(120 + 10 * CRASHES)
def test_whatever_a_killed_process_began_is_finished_once(
    postgres: embedded.Server, template: str, tmp_path: Path
) -> None:
    random = Random(SEED)
    kills = [POINTS[number % len(POINTS)] for number in range(CRASHES)]
    random.shuffle(kills)
    with ExitStack() as stack:
        urls = [stack.enter_context(fresh_database(postgres, template)) for _ in range(SHOPS)]
        killed = asyncio.run(_kill(urls, list(kills), tmp_path))
    print(f"{killed.total()} processes killed at {len(killed)} points: {dict(killed)}")  # noqa: T201
    assert killed.total() == CRASHES
    assert set(killed) == set(kills)


async def _kill(urls: list[str], kills: list[str], folder: Path) -> Counter[str]:
    async with traders() as found:
        shops = [await open_shop(url, folder, SEED + number) for number, url in enumerate(urls)]

        async def trade(shop: Shop) -> None:
            while kills:
                point = kills.pop()
                crossing = shop.random.choice((1, 1, 2, 3, 5))
                for _ in range(10):
                    if await shop.round(found, point, crossing):
                        break
                    crossing = 1

        await asyncio.gather(*(trade(shop) for shop in shops))
    return sum((shop.killed for shop in shops), Counter())
