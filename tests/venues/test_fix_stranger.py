"""The shipped acceptor with a client that isn't ours: asyncfix keeps its own account of an order by what it is told."""

import asyncio
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from asyncfix import FMsg  # type: ignore[import-untyped]
from asyncfix.connection import ConnectionState  # type: ignore[import-untyped]
from asyncfix.connection_client import AsyncFIXClient  # type: ignore[import-untyped]
from asyncfix.journaler import Journaler  # type: ignore[import-untyped]
from asyncfix.protocol.common import FOrdSide, FOrdStatus  # type: ignore[import-untyped]
from asyncfix.protocol.order_single import FIXNewOrderSingle  # type: ignore[import-untyped]

from app.infra.database import EnginePool
from app.kernel.ids import new_id
from app.venues.paper import PaperBehaviour
from tests.fix.strangers import Heard, at_work, theirs
from tests.venues.fix_trial import FixTrial, fix_trial

pytestmark = [
    pytest.mark.asyncio,
    # asyncfix's own: a call that Python 3.12 deprecates
    pytest.mark.filterwarnings("ignore:datetime.datetime.utcnow:DeprecationWarning"),
]


class TheirOrder(FIXNewOrderSingle):  # type: ignore[misc]
    """Their order, under names as ours have them."""

    def __init__(self, *terms: Any) -> None:
        super().__init__(*terms)
        self.names: list[int] = []

    @staticmethod
    def clord_root(clord_id: str) -> str:
        return clord_id.partition(".")[0]

    def clord_next(self) -> str:
        number = len(self.names)
        self.names.append(number)
        return f"{self.clord_id_root}.{number}" if number else str(self.clord_id_root)


def order(price: float) -> TheirOrder:
    return TheirOrder(new_id().hex, "KO", FOrdSide.BUY, price, 100.0)


class Account:
    """Applies to their orders what they have heard."""

    def __init__(self, trial: FixTrial, heard: Heard, *orders: TheirOrder) -> None:
        self._trial, self._heard, self._orders, self._read = trial, heard, orders, 0

    async def until(self, true: Callable[[], bool]) -> None:
        async with asyncio.timeout(20):
            while not true():
                await self._trial.wait()
                self._apply()

    def _apply(self) -> None:
        for message in self._heard.messages[self._read :]:
            (about,) = (each for each in self._orders if each.clord_id_root == TheirOrder.clord_root(message[11]))
            if message.msg_type == FMsg.EXECUTIONREPORT:
                about.process_execution_report(message)
            else:
                about.process_cancel_rej_report(message)
        self._read = len(self._heard.messages)


async def test_a_stranger_places_lowers_and_cancels(pool: EnginePool) -> None:
    async with fix_trial(pool, PaperBehaviour(seed=3, split=1.0, slip_cents=0)) as trial:
        await trial.close_ours()
        heard = Heard()
        async with at_work(_stranger(trial, heard)) as party:
            dealt, lowered, canceled = order(100.05), order(50.0), order(50.0)
            account = Account(trial, heard, dealt, lowered, canceled)
            await account.until(lambda: party.connection_state == ConnectionState.ACTIVE)
            for each in (dealt, lowered, canceled):
                await party.send_msg(each.new_req())
            await account.until(lambda: dealt.status == FOrdStatus.FILLED)
            assert (dealt.cum_qty, dealt.leaves_qty, dealt.avg_px) == (100, 0, 100.01)
            await account.until(lambda: {lowered.status, canceled.status} == {FOrdStatus.NEW})
            await party.send_msg(lowered.replace_req(qty=60.0))
            await party.send_msg(canceled.cancel_req())
            await account.until(lambda: canceled.status == FOrdStatus.CANCELED)
            assert (canceled.cum_qty, canceled.leaves_qty) == (0, 0)
            await account.until(lambda: lowered.qty == 60)
            assert (lowered.status, lowered.leaves_qty) == (FOrdStatus.NEW, 60)
            await party.send_msg(lowered.cancel_req())
            await account.until(lambda: lowered.status == FOrdStatus.CANCELED)
            trial.set_price(Decimal(40))
            for _ in range(20):
                await trial.wait()
            assert all(each.is_finished() for each in (dealt, lowered, canceled))


def _stranger(trial: FixTrial, heard: Heard) -> Any:
    # The numbers of the session go on where our adapter left them
    journal = Journaler()
    session = journal.create_or_load("VENUE", "HOUSE")
    journal.set_seq_num(session, next_num_out=3, next_num_in=3)
    return theirs(AsyncFIXClient, journal, ("HOUSE", "VENUE"), trial.wire.target, heard)
