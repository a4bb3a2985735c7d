import asyncio, os
from collections import Counter
from datetime import timedelta
from random import Random
import pytest
from app.kernel.errors import Refusal
from app.kernel.money import UNIT
from app.market.types import Side, TimeInForce
from app.orders import gather, reports, run, share_out_many
from app.orders.cancel import CancelOrder, cancel
from app.orders.operate import ForceExpire, force_expire
from app.venues.paper import PaperBehaviour
from tests.orders.checks import faults_in_the_books, unfinished
from tests.orders.test_leading import another_process
from tests.world import running
SEEDS=range(int(os.environ.get('S0','0')), int(os.environ.get('S1','6')))
FORCE=os.environ.get('FORCE')=='1'
CANCEL=os.environ.get('NOCANCEL')!='1'
@pytest.mark.asyncio
@pytest.mark.parametrize("seed", SEEDS)
async def test_two(database_url, monkeypatch, seed):
    r=Random(seed)
    chunk=r.choice((2,3,1000))
    for m in (gather,reports,run,share_out_many): monkeypatch.setattr(m,"CHUNK",chunk)
    b=PaperBehaviour(split=0.7, first_ms=(20,400), slip_cents=0, bust=float(os.environ.get('BUST','0.2')))
    async with running(database_url,b) as world, another_process(world) as other:
        people=[await world.investor(30_000) for _ in range(6)]
        orders=[]
        async def both(n):
            for _ in range(n):
                world.clock.advance(timedelta(milliseconds=r.choice((10,50,100))))
                await asyncio.gather(world.engine.run_due(), other.run_due())
        async def one(kind):
            try:
                if kind=='place':
                    side=r.choice(list(Side)); q=str(r.choice((1,2,'0.5','3.25',7)))
                    limit=r.choice((None,"100","99.99" if side is Side.SELL else "100.01"))
                    orders.append(await world.place(r.choice(people),side,"KO",quantity=q,limit=limit))
                elif kind=='cancel' and orders and CANCEL:
                    await world.cancel(r.choice(orders[-8:]))
                elif kind=='force' and orders and FORCE:
                    await world.commits.submit(force_expire, ForceExpire(r.choice(orders[-8:]),"stuck","test"))
            except Refusal: pass
        for p in people: orders.append(await world.place(p,Side.BUY,"KO",quantity="20"))
        await both(20)
        async def faults():
            async with world.pool.acquire() as c: return await faults_in_the_books(c, world.commits.journal.id)
        seen=[]
        for step in range(25):
            kinds=[r.choice(('place','place','place','cancel','force')) for _ in range(r.randint(1,5))]
            await asyncio.gather(*(one(k) for k in kinds), both(r.randint(1,4)))
            f=await faults()
            if f and not seen: seen.append((step,f))
        await both(30)
        for o in orders:
            try: await world.cancel(o)
            except Refusal: pass
        for _ in range(12): await both(10); await world.pass_time(2000,500)
        async with world.pool.acquire() as c: u=await unfinished(c)
        f=await faults()
        short=await world.pool.fetchval("SELECT coalesce(sum(balance),0) FROM ledger.account WHERE kind=23")
        house=await world.pool.fetch("SELECT k.code, a.asset_id, a.balance FROM ledger.account a JOIN ledger.account_kind k ON k.id=a.kind WHERE k.book_kind='house' AND balance<>0")
        lost=await world.pool.fetch("SELECT status, count(*) FROM customer_order GROUP BY 1")
        print('SEED',seed,'chunk',chunk,'faults',seen,'end',f,'unfinished',u[:4],'short',short,[tuple(x) for x in house],[tuple(x) for x in lost])
