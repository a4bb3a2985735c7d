"""A program that trades until it kills itself. One process has everything loaded; each trader is forked from it.

It reads jobs from its input, a line of JSON each, and says how each trader ended. What a trader was answered it has
written down before it goes on, as a caller of the API would have seen it.
"""

import asyncio
import json
import logging
import os
import select
import signal
import sys
import traceback
from dataclasses import replace

import structlog

from app.market.calendar import calendar_of
from app.market.catalogue import INSTRUMENTS
from tests.orders.crash_job import Job
from tests.orders.crash_points import kill_at
from tests.orders.crash_trader import QUICK, trader
from tests.orders.crash_venue import be_a_venue


async def work(job: Job) -> None:
    """The life of a trader, or of the venue."""
    if job.point is not None:
        kill_at(job.point, job.crossing)
    if job.is_venue:
        return await be_a_venue(job, replace(QUICK, seed=job.seed))
    async with trader(job) as found:
        await found.trade()
        await found.come_to_an_end()


def main() -> None:
    """Fork a trader for each job, and say how each ended: its job's id and exit status (below zero: a signal)."""
    for exchange in {each.exchange for each in INSTRUMENTS}:
        calendar_of(exchange)
    traders: dict[int, str] = {}
    unread = b""
    os.write(1, b"ready\n")
    while True:
        if select.select([0], [], [], 0.01 if traders else None)[0]:
            got = os.read(0, 1 << 20)
            if not got:
                for pid in traders:
                    os.kill(pid, signal.SIGKILL)
                break
            *lines, unread = (unread + got).split(b"\n")
            for line in lines:
                job = Job(**json.loads(line))
                pid = os.fork()
                if pid == 0:
                    _be_a_trader(job)
                traders[pid] = job.id
        while traders and (ended := os.waitpid(-1, os.WNOHANG))[0]:
            pid, status = ended
            told = {"id": traders.pop(pid), "status": os.waitstatus_to_exitcode(status), "pid": pid}
            os.write(1, json.dumps(told).encode() + b"\n")


def _be_a_trader(job: Job) -> None:
    status = 1
    os.dup2(2, 1)  # what it says is not for whoever reads how traders ended
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))  # it stumbles a lot
    try:
        asyncio.run(work(job))
        status = 0
    except BaseException:  # noqa: BLE001 - a fork must never return to its parent's loop
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(status)


if __name__ == "__main__":
    main()
