"""A process may die anywhere: another finishes its work, nothing is lost and nothing is done twice.

``CRASHES=500`` kills that many processes instead of a few at each point.
"""

import asyncio
import os
import signal
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from app.infra import embedded, migrate
from tests.conftest import fresh_database
from tests.orders.crash_job import Job, answers_in
from tests.orders.crash_points import POINTS, POINTS_OF_THE_VENUE
from tests.orders.crashing import KILLED, Shop, Traders, open_shop, traders
from tests.ports import free_port

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
                    async with asyncio.timeout(90):
                        reached = await shop.round(found, point, crossing)
                    if reached:
                        break
                    crossing = 1

        await asyncio.gather(*(trade(shop) for shop in shops))
    return sum((shop.killed for shop in shops), Counter())


@pytest.mark.timeout(180 + 5 * CRASHES)
def test_a_venue_that_is_killed_deals_nothing_twice(postgres: embedded.Server, template: str, tmp_path: Path) -> None:
    """Over FIX: whatever the venue's process was about when it died, its next one and the traders agree in the end."""
    with fresh_database(postgres, template) as url:
        killed = asyncio.run(_kill_the_venue(url, tmp_path))
    print(f"{killed.total()} times at {len(killed)} points: {dict(killed)}")  # noqa: T201
    assert set(killed) == set(POINTS_OF_THE_VENUE)


async def _kill_the_venue(url: str, folder: Path) -> Counter[str]:
    random, killed = Random(SEED), Counter[str]()
    points = [POINTS_OF_THE_VENUE[number % len(POINTS_OF_THE_VENUE)] for number in range(max(10, CRASHES // 4))]
    random.shuffle(points)
    async with traders() as found:
        shop = await open_shop(url, folder, SEED)
        shop.venue_port = free_port()
        dying = asyncio.create_task(_die_often(found, shop, points, random, killed))
        while not dying.done():
            job = shop.job()
            assert await (await found.start(job)) == 0
            await shop.check(job)
        await dying
    return killed


async def _die_often(found: Traders, shop: Shop, points: list[str], random: Random, killed: Counter[str]) -> None:
    """One process after the other is the venue, and is killed; the last one stays."""
    for point in points:
        job = replace(shop.job(), requests=[], is_venue=True, point=point, crossing=random.choice((1, 1, 2, 5)))
        assert await (await found.start(job)) == KILLED
        killed[point] += 1
    await found.start(replace(shop.job(), requests=[], is_venue=True))


@pytest.mark.timeout(180)
def test_a_server_that_is_killed_loses_nothing(home: Path, tmp_path: Path) -> None:
    """PostgreSQL dies under load and comes back; the traders go on by themselves, and ask again what they asked."""
    with ExitStack() as stack:
        server = stack.enter_context(embedded.run(home))
        asyncio.run(migrate.upgrade(server.dsn))

        def kill_and_restart() -> None:
            [pid_file] = home.rglob("postmaster.pid")
            os.kill(int(pid_file.read_text().split()[0]), signal.SIGKILL)
            stack.enter_context(embedded.run(home))

        asyncio.run(_under_load(server.dsn, tmp_path, kill_and_restart))


async def _under_load(url: str, folder: Path, kill_and_restart: Callable[[], None]) -> None:
    async with traders() as found:
        shop = await open_shop(url, folder, SEED)
        for _ in range(3):
            shop.rounds += 1
            job = shop.job()
            ended = await found.start(job)
            for _ in range(2):
                await _some_orders_are_there(url, job)
                await asyncio.to_thread(kill_and_restart)
            assert await ended == 0
            await shop.check(job)


async def _some_orders_are_there(url: str, job: Job) -> None:
    """Half of those who asked have their answer, or all of the rest comes to its end without us."""
    async with asyncio.timeout(30):
        while len(answers_in(Path(job.answers))) < len(job.requests) // 2:
            await asyncio.sleep(0.005)
