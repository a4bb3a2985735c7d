"""A program that carries out what is due of corporate actions, in chunks of two, and kills itself on the way.

``python -m tests.corporate_actions.kill_job URL MOMENT WHEN COMMIT``: at that moment of the market, it dies ``before``
or ``after`` that commit of its own, counted from 1, with nobody told. With COMMIT 0 it lives.
"""

import asyncio
import os
import signal
import sys
from datetime import datetime
from typing import Any

from asyncpg import Connection

from app.corporate_actions import dividend, merger, split
from app.corporate_actions.job import carry_out_due
from app.orders import adjust_trades, clear
from tests.world import running


def die_at(when: str, commit: int) -> None:
    """From now on, let this process kill itself there."""
    execute, commits = Connection.execute, 0

    async def executed(self: Any, query: str, *arguments: Any, **more: Any) -> str:
        nonlocal commits
        commits += query == "COMMIT"
        here = query == "COMMIT" and commits == commit
        if here and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        answer = await execute(self, query, *arguments, **more)
        if here:
            os.kill(os.getpid(), signal.SIGKILL)
        return answer

    setattr(Connection, "execute", executed)  # noqa: B010 - mypy knows better


async def work(url: str, at: datetime, when: str, commit: int) -> None:
    for module in (split, merger, dividend, adjust_trades, clear):
        module.CHUNK = 2  # type: ignore[attr-defined]
    async with running(url, at=at) as world:
        die_at(when, commit)
        await carry_out_due(world.pool, world.writers, world.market)


if __name__ == "__main__":
    asyncio.run(work(sys.argv[1], datetime.fromisoformat(sys.argv[2]), sys.argv[3], int(sys.argv[4])))
